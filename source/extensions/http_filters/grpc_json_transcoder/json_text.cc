#include "source/extensions/http_filters/grpc_json_transcoder/json_text.h"

#include <algorithm>
#include <utility>

namespace remora::extensions {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

bool JsonScanner::Next(char c) {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
    return true;
  }
  // The parser behind this one takes such strings too; what stands in one must not pass for more.
  if (c == '\'') return false;
  if (c == '"') in_string_ = true;
  if (c == '{' || c == '[') return ++depth_ <= kMaxDepth;
  if (c == '}' || c == ']') return depth_-- > 0;
  return true;
}

JsonArrayReader::Outcome JsonArrayReader::Read(std::string_view& text) {
  while (!text.empty()) {
    const char c = text.front();
    if (state_ == State::kElement) return TakeElement(text);
    text.remove_prefix(1);
    if (IsSpace(c)) continue;
    if (state_ == State::kBefore && c == '[') {
      state_ = State::kFirst;
    } else if (state_ == State::kFirst && c == ']') {
      state_ = State::kBehind;
    } else if (state_ == State::kFirst) {
      state_ = State::kElement;
      text = {text.data() - 1, text.size() + 1};
    } else {
      return Outcome::kMalformed;
    }
  }
  return Outcome::kMoreNeeded;
}

JsonArrayReader::Outcome JsonArrayReader::TakeElement(std::string_view& text) {
  if (!begun_) {
    element_.clear();
    scanner_ = {};
    begun_ = true;
  }
  size_t size = 0;
  bool ends = false;
  for (; size < text.size(); ++size) {
    const char c = text[size];
    if (scanner_.at_top() && (c == ',' || c == ']')) {
      ends = true;
      break;
    }
    if (!scanner_.Next(c)) return Outcome::kMalformed;
  }
  if (element_.size() + size > max_element_) return Outcome::kTooLarge;
  element_ += text.substr(0, size);
  text.remove_prefix(size);
  if (!ends) return Outcome::kMoreNeeded;
  if (text.front() == ']') state_ = State::kBehind;
  text.remove_prefix(1);
  begun_ = false;
  const bool blank = std::all_of(element_.begin(), element_.end(), IsSpace);
  return blank ? Outcome::kMalformed : Outcome::kElement;
}

bool IsOneJsonValue(std::string_view text) {
  JsonScanner scanner;
  for (const char c : text) {
    if (scanner.at_top() && (c == ',' || c == ':')) return false;
    if (!scanner.Next(c)) return false;
  }
  return scanner.at_top();
}

}  // namespace remora::extensions
