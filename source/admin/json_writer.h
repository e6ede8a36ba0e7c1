#pragma once

// JsonWriter: JSON text as google.protobuf prints it for people: one space a level, `"key": value`,
// empty objects as `{}`, and its escapes (`<` and `>` too, so that the text is harmless in HTML).
//
// A value; any thread. The caller sees to the nesting (DCHECK). Bytes that are no UTF-8 become
// U+FFFD. TakeText() may be called at any point: what was written so far, to be sent on.
// Source: RFC 8259; protobuf src/google/protobuf/json/internal/writer.cc.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::admin {

// `text` in quotes.
std::string JsonString(std::string_view text);

class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  // The name of the next value.
  void Key(std::string_view name);

  void String(std::string_view text);
  void Number(uint64_t number);
  void Bool(bool value);
  // A pretty-printed value of its own, moved to this depth.
  void Embed(std::string_view json);

  void StringField(std::string_view name, std::string_view text) {
    Key(name);
    String(text);
  }
  void NumberField(std::string_view name, uint64_t number) {
    Key(name);
    Number(number);
  }

  const std::string& text() const { return text_; }
  std::string TakeText() { return std::exchange(text_, {}); }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void BeginValue();
  void NewLine();

  std::string text_;
  std::vector<bool> empty_;  // one for each open object or array: nothing is in it yet
  bool after_key_ = false;
};

}  // namespace remora::admin
