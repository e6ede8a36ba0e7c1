#include "source/http/route/scopes.h"

namespace remora::route {
namespace {

std::optional<std::string_view> Extract(const ScopeKeyBuilder::Fragment& fragment,
                                        std::string_view value) {
  for (uint32_t i = 0; true; ++i) {
    const size_t end = fragment.element_separator.empty() ? std::string_view::npos
                                                          : value.find(fragment.element_separator);
    const std::string_view element = value.substr(0, end);
    if (fragment.key_separator.empty()) {
      if (i == fragment.index) return element;
    } else {
      const size_t key_end = element.find(fragment.key_separator);
      if (element.substr(0, key_end) == fragment.key) {
        return key_end == std::string_view::npos
                   ? std::string_view()
                   : element.substr(key_end + fragment.key_separator.size());
      }
    }
    if (end == std::string_view::npos) return std::nullopt;
    value.remove_prefix(end + fragment.element_separator.size());
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
