#include "source/http/route/scopes.h"

namespace remora::route {
namespace {

// Takes off the front of `rest` what stands before the next separator; none: nothing is left.
std::optional<std::string_view> TakeElement(std::optional<std::string_view>& rest,
                                            std::string_view separator) {
  if (!rest.has_value()) return std::nullopt;
  const size_t end = separator.empty() ? std::string_view::npos : rest->find(separator);
  const std::string_view element = rest->substr(0, end);
  if (end == std::string_view::npos) {
    rest.reset();
  } else {
    rest = rest->substr(end + separator.size());
  }
  return element;
}

std::optional<std::string_view> Extract(const ScopeKeyBuilder::Fragment& fragment,
                                        std::string_view value) {
  std::optional<std::string_view> rest = value;
  for (uint32_t i = 0; true; ++i) {
    const std::optional<std::string_view> element = TakeElement(rest, fragment.element_separator);
    if (!element.has_value()) return std::nullopt;
    if (fragment.key_separator.empty()) {
      if (i == fragment.index) return element;
      continue;
    }
    const size_t end = element->find(fragment.key_separator);
    if (element->substr(0, end) != fragment.key) continue;
    if (end == std::string_view::npos) return std::string_view();
    return element->substr(end + fragment.key_separator.size());
  }
}

}  // namespace

// A field's value has no NUL.
void ScopeKeyBuilder::Append(std::string_view fragment, std::string& key) {
  key.append(fragment);
  key.push_back('\0');
}

std::optional<std::string> ScopeKeyBuilder::KeyOf(const http::RequestHead& head) const {
  std::string key;
  for (const Fragment& fragment : fragments_) {
    const std::string_view value = fragment.field.First(head);
    if (value.empty()) return std::nullopt;
    const std::optional<std::string_view> piece = Extract(fragment, value);
    if (!piece.has_value()) return std::nullopt;
    Append(*piece, key);
  }
  return key;
}

const Scope* RouteScopes::Find(const http::RequestHead& head, size_t worker) const {
  const ScopeTable* const table = slot_ != nullptr ? slot_->Get(worker) : &table_;
  if (table == nullptr) return nullptr;
  const std::optional<std::string> key = builder_.KeyOf(head);
  if (!key.has_value()) return nullptr;
  const auto found = table->find(*key);
  return found == table->end() ? nullptr : &found->second;
}

}  // namespace remora::route
