// Compiled with exceptions (exception_srcs of this folder's library): yaml-cpp reports bad syntax
// by throwing. Nothing is thrown out of this file.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <istream>
#include <limits>
#include <optional>
#include <streambuf>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "source/config/document.h"
#include "source/config/document_builder.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

// Reads a text where it lies instead of copying it into a stringstream.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // Never written to: the buffer is only read.
    setg(begin, begin, begin + text.size());
  }
};

Mark FromYaml(const YAML::Mark& mark) { return Mark{mark.line + 1, mark.column + 1}; }

Mark EndOf(std::string_view text) {
  const size_t line_start = text.rfind('\n') + 1;  // 0 where there is none.
  return Mark{static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1,
              static_cast<int>(text.size() - line_start) + 1};
}

// yaml-cpp's convert<bool>, which is what Envoy asks: YAML 1.1's words in three spellings.
std::optional<bool> ParseBool(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(ToAbsl(text));
  const std::string upper = absl::AsciiStrToUpper(ToAbsl(text));
  const bool one_case =
      text == lower || text == upper ||
      (text[0] == upper[0] && text.substr(1) == std::string_view(lower).substr(1));
  if (!one_case) return std::nullopt;
  for (const std::string_view word : {"y", "yes", "true", "on"}) {
    if (lower == word) return true;
  }
  for (const std::string_view word : {"n", "no", "false", "off"}) {
    if (lower == word) return false;
  }
  return std::nullopt;
}

// yaml-cpp's convert<int64_t>: an optional sign, then decimal, 0x hexadecimal or 0 octal digits.
std::optional<int64_t> ParseWholeNumber(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (magnitude > kMax + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

// Thrown by TreeHandler to make yaml-cpp stop; the builder has the reason.
struct Stop {};

class TreeHandler final : public YAML::EventHandler {
 public:
  explicit TreeHandler(DocumentBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Note(anchor, builder_.Null(FromYaml(mark)));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      builder_.Fail(FromYaml(mark), "an alias for a map key is not supported");
    } else {
      builder_.Alias(found->second, FromYaml(mark));
    }
    StopIfFailed();
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag == "!ignore" && builder_.AtKey()) return builder_.IgnoredKey(FromYaml(mark));
    // "!" is yaml-cpp's tag for what was quoted, "?" for what was not.
    if (tag == "!" || absl::EndsWith(tag, ":str")) {
      Note(anchor, builder_.String(value, true, FromYaml(mark)));
    } else {
      Note(anchor, Plain(value, FromYaml(mark)));
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Note(anchor, builder_.BeginSequence(FromYaml(mark)));
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Note(anchor, builder_.BeginMap(FromYaml(mark)));
  }
  void OnMapEnd() override { End(); }

 private:
  // As Envoy: numbers beyond 32 bits and fractions stay text, so that a string field takes a
  // version such as 1.10 as it is written; a number field reads the text.
  const Node* Plain(const std::string& value, Mark mark) {
    if (builder_.AtKey()) {
      if (value == "<<") {
        builder_.Report(mark,
                        "the merge key << is not supported; write the fields out or use an alias "
                        "for the whole value");
      }
      return builder_.String(value, false, mark);
    }
    if (const std::optional<bool> boolean = ParseBool(value)) {
      return builder_.Bool(*boolean, value, mark);
    }
    const std::optional<int64_t> number = ParseWholeNumber(value);
    if (!number.has_value()) return builder_.String(value, false, mark);
    if (*number < std::numeric_limits<int32_t>::min() ||
        *number > std::numeric_limits<int32_t>::max()) {
      return builder_.String(Concat(*number), false, mark);
    }
    return builder_.Number(Concat(*number), mark);
  }

  void Note(YAML::anchor_t anchor, const Node* node) {
    StopIfFailed();
    if (anchor != YAML::NullAnchor && node != nullptr) anchors_[anchor] = node;
  }

  void End() {
    builder_.End();
    StopIfFailed();
  }

  void StopIfFailed() const {
    if (builder_.failed()) throw Stop{};
  }

  DocumentBuilder& builder_;
  absl::flat_hash_map<YAML::anchor_t, const Node*> anchors_;
};

// Takes what follows the first document and notes where something stands.
class RestHandler final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    // One empty document is what a last `---` makes. There is no going on to look for more: where a
    // token cannot start a document, yaml-cpp reports empty ones for ever.
    if (++documents_ > 1) Stand(mark);
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Stand(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    Stand(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Stand(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Stand(mark);
  }
  void OnMapEnd() override {}

  const std::optional<Mark>& found() const { return found_; }

 private:
  void Stand(const YAML::Mark& mark) {
    found_ = FromYaml(mark);
    throw Stop{};
  }

  std::optional<Mark> found_;
  int documents_ = 0;
};

void ParseInto(std::string_view text, DocumentBuilder& builder) {
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  YAML::Parser parser(stream);
  TreeHandler handler(builder);
  if (!parser.HandleNextDocument(handler)) return;
  RestHandler rest;
  try {
    while (parser.HandleNextDocument(rest)) {
    }
  } catch (const Stop&) {
    builder.Fail(*rest.found(), "only one document is read; remove what follows it");
  }
}

}  // namespace

std::shared_ptr<const Document> Document::ParseYaml(std::string_view text, std::string_view file,
                                                    ErrorList& errors) {
  DocumentBuilder builder(file, errors);
  // Also because yaml-cpp takes the byte 0x04 for the end of its input.
  const Mark bad = FindBadText(text);
  if (bad.line != 0) {
    builder.Fail(bad, kBadTextMessage);
    return nullptr;
  }
  try {
    ParseInto(text, builder);
  } catch (const Stop&) {
    // The builder has reported why.
  } catch (const YAML::Exception& error) {
    const bool at_end = absl::StartsWith(error.msg, "end of ");  // yaml-cpp then says 1:1.
    builder.Fail(at_end ? EndOf(text) : FromYaml(error.mark),
                 Concat("bad YAML syntax: ", error.msg));
  } catch (const std::exception& error) {
    builder.Fail(Mark{}, Concat("cannot read YAML: ", error.what()));
  }
  if (builder.failed()) return nullptr;
  return builder.Finish();
}

}  // namespace remora::config
