#pragma once

// SharedText: bytes that many values hold and nobody changes: a CA bundle that a thousand clusters
// name is in memory once.
//
// A plain value; copies share the bytes, from any thread. Equal is what has equal bytes. Nothing
// fails. PartCache::Share finds the bytes that are there already.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace remora::tls {

class SharedText {
 public:
  SharedText() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a text is one
  SharedText(std::string text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}
  // NOLINTNEXTLINE(google-explicit-constructor): the same
  SharedText(const char* text) : SharedText(std::string(text)) {}
  // Null: empty.
  explicit SharedText(std::shared_ptr<const std::string> text) : text_(std::move(text)) {}

  const std::string& str() const {
    static const std::string kNone;
    return text_ != nullptr ? *text_ : kNone;
  }
  bool empty() const { return text_ == nullptr || text_->empty(); }
  size_t size() const { return str().size(); }
  const char* data() const { return str().data(); }

  bool operator==(const SharedText& other) const {
    return text_ == other.text_ || str() == other.str();
  }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace remora::tls
