#pragma once

// JSON as text that is cut into pieces without being understood: the elements of an array as it
// comes, and whether a text is one value.
//
// Sans-I/O. What is inside a value is for whoever parses it; here only strings and brackets count.
// Owner: the filter of a stream. Thread: its worker. An element is bounded by the reader's limit.
// Source: RFC 8259.

#include <cstdint>
#include <string>
#include <string_view>

namespace remora::extensions {

// Where a text stands: in a string, how deep in brackets.
class JsonScanner {
 public:
  // False: a bracket ends that never began, nesting is too deep, or a string is no string of JSON.
  bool Next(char c);
  bool at_top() const { return depth_ == 0 && !in_string_; }

 private:
  static constexpr uint32_t kMaxDepth = 1000;
  uint32_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

class JsonArrayReader {
 public:
  enum class Outcome : uint8_t { kElement, kMoreNeeded, kMalformed, kTooLarge };

  explicit JsonArrayReader(uint64_t max_element) : max_element_(max_element) {}

  // Takes from the front of `text` up to the end of an element. After one of the last two it reads
  // no more.
  Outcome Read(std::string_view& text);
  std::string& element() { return element_; }
  // The array has ended, or there is nothing at all.
  bool complete() const { return state_ == State::kBehind || state_ == State::kBefore; }

 private:
  enum class State : uint8_t { kBefore, kFirst, kElement, kBehind };
  Outcome TakeElement(std::string_view& text);

  const uint64_t max_element_;
  State state_ = State::kBefore;
  JsonScanner scanner_;
  std::string element_;
  bool begun_ = false;  // of the element something is here
};

// It could stand behind a colon: no comma, colon or bracket of its own ends it.
bool IsOneJsonValue(std::string_view text);

}  // namespace remora::extensions
