#include "source/config/registry.h"

#include <algorithm>

#include "source/config/text.h"

namespace remora::config {

void ConfigContext::AddError(std::string_view field, std::string_view message) {
  if (field.empty() || path_.empty()) {
    errors_.Add(Concat(path_, field), message);
  } else {
    errors_.Add(Concat(path_, field.front() == '[' ? "" : ".", field), message);
  }
}

const HttpFilterEntry* Registry::FindHttpFilter(std::string_view type_url) const {
  const std::string_view name = type_url.substr(type_url.rfind('/') + 1);
  const auto found = std::find_if(http_filters_.begin(), http_filters_.end(),
                                  [&](const auto& entry) { return entry.type_name == name; });
  return found == http_filters_.end() ? nullptr : &*found;
}

}  // namespace remora::config
