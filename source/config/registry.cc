#include "source/config/registry.h"

#include <algorithm>

#include "source/config/core_config.h"
#include "source/config/text.h"

namespace remora::config {

std::string ConfigContext::Place(std::string_view field) const {
  const bool joins = field.empty() || path_.empty() || field.front() == '[';
  return Concat(path_, joins ? "" : ".", field);
}

void ConfigContext::AddError(std::string_view field, std::string_view message) {
  errors_.Add(Place(field), message);
}

void ConfigContext::AddWarning(std::string_view field, std::string_view message) {
  if (around_ != nullptr) around_->warnings.Add(Place(field), message);
}

namespace {

template <class Entry>
const Entry* FindEntry(const std::vector<Entry>& entries, std::string_view type_url) {
  const std::string_view name = type_url.substr(type_url.rfind('/') + 1);
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.type_name == name; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

void Registry::ListCore(std::string_view category, std::string_view type_name,
                        const Listing& listing) {
  listed_.push_back({listing.name.empty() ? ExtensionName(type_name) : std::string(listing.name),
                     std::string(category), std::string(type_name), "", listing.stability});
}

const HttpFilterEntry* Registry::FindHttpFilter(std::string_view type_url) const {
  return FindEntry(http_filters_, type_url);
}

const NetworkFilterEntry* Registry::FindNetworkFilter(std::string_view type_url) const {
  return FindEntry(network_filters_, type_url);
}

const ListenerFilterEntry* Registry::FindListenerFilter(std::string_view type_url) const {
  return FindEntry(listener_filters_, type_url);
}

const AccessLoggerEntry* Registry::FindAccessLogger(std::string_view type_url) const {
  return FindEntry(access_loggers_, type_url);
}

}  // namespace remora::config
