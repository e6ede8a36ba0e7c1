#include "source/config/filter_override_config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "envoy/config/route/v3/route_components.pb.h"
#include "google/protobuf/any.pb.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using google::protobuf::Any;
using RouteFilterConfig = envoy::config::route::v3::FilterConfig;

// The extension that knows this type, as its filter configuration or its per-route configuration.
const HttpFilterEntry* FindEntry(const Registry& registry, std::string_view type) {
  if (const HttpFilterEntry* entry = registry.FindHttpFilter(type); entry != nullptr) return entry;
  const auto& entries = registry.http_filters();
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
    return !entry.route_type_name.empty() && entry.route_type_name == type;
  });
  return found == entries.end() ? nullptr : &*found;
}

// One entry of the map, and where it stands.
class OverrideTranslator final {
 public:
  OverrideTranslator(const std::string& name, const std::vector<http::FilterFactory>& filters,
                     const FieldPath& path, Translation& translation)
      : name_(name), filters_(filters), path_(path), translation_(translation) {}

  // nullopt: an error, or nothing that could have an effect.
  std::optional<route::FilterOverride> Parse(const Any& any) const {
    if (!any.Is<RouteFilterConfig>()) return ParseTyped(any, path_, /*is_optional=*/false);
    RouteFilterConfig wrapper;
    if (!any.UnpackTo(&wrapper)) return Error(path_, "the value is damaged");
    if (wrapper.disabled()) return Disabled();
    if (!wrapper.has_config()) {
      return Error(path_, Concat("Empty route/virtual host per filter configuration for ", name_,
                                 " filter"));
    }
    // An empty value only switches on a filter that is disabled by default.
    if (wrapper.config().type_url().empty())
      return Known(route::FilterOverride{name_, "", nullptr});
    return ParseTyped(wrapper.config(), path_.Field("config"), wrapper.is_optional());
  }

 private:
  std::optional<route::FilterOverride> Error(const FieldPath& path, std::string_view text) const {
    translation_.errors.Add(path, text);
    return std::nullopt;
  }

  std::optional<route::FilterOverride> Disabled() const {
    for (const http::FilterFactory& filter : filters_) {
      if (filter.name == name_ && filter.terminal) {
        return Error(path_.Field("disabled"),
                     Concat("disabling the terminal filter (", name_, ") is not supported"));
      }
    }
    return Known(route::FilterOverride{name_, "", nullptr, /*disabled=*/true});
  }

  // Leaves out what no filter of the chain would read.
  std::optional<route::FilterOverride> Known(route::FilterOverride override) const {
    const bool known = std::any_of(filters_.begin(), filters_.end(),
                                   [&](const auto& filter) { return filter.name == name_; });
    if (known) return override;
    translation_.warnings.Add(
        path_, Concat("no HTTP filter is called '", name_, "': accepted without effect"));
    return std::nullopt;
  }

  std::optional<route::FilterOverride> ParseTyped(const Any& any, const FieldPath& path,
                                                  bool is_optional) const {
    const std::string_view type = TypeName(any.type_url());
    const HttpFilterEntry* entry = FindEntry(translation_.registry, type);
    if (entry == nullptr) {
      if (!is_optional) return Error(path, NoImplementation(name_, type));
      translation_.warnings.Add(
          path, Concat("Can't find a registered implementation for http filter '", name_,
                       "' with type URL: '", type, "'"));
      return Known(route::FilterOverride{name_, "", nullptr});
    }
    if (entry->parse_route == nullptr) {
      if (is_optional) return Known(route::FilterOverride{name_, "", nullptr});
      return Error(path, Concat("The filter ", name_,
                                " doesn't support virtual host or route specific configurations"));
    }
    if (entry->route_type_name != type) {
      return Error(path,
                   Concat("Unable to unpack as ", entry->route_type_name, ": the type is ", type));
    }
    return ParseWith(*entry, any, path);
  }

  std::optional<route::FilterOverride> ParseWith(const HttpFilterEntry& entry, const Any& any,
                                                 const FieldPath& path) const {
    ConfigContext context(translation_.errors, path.ToString(), &translation_);
    std::shared_ptr<const void> config = entry.parse_route(any, context);
    if (config == nullptr) return std::nullopt;
    size_t same_name = 0;
    size_t same_type = 0;
    for (const http::FilterFactory& filter : filters_) {
      if (filter.name != name_) continue;
      ++same_name;
      if (TypeName(filter.route_type_url) == entry.route_type_name) ++same_type;
    }
    if (same_type == same_name) {
      return Known(route::FilterOverride{name_, any.type_url(), std::move(config)});
    }
    if (same_type > 0) {
      return Error(path, Concat("HTTP filters of several types are called '", name_,
                                "': configuration by route is not supported for them"));
    }
    translation_.warnings.Add(path, Concat("the HTTP filter '", name_, "' does not read a ",
                                           entry.route_type_name, ": accepted without effect"));
    return route::FilterOverride{name_, "", nullptr};
  }

  const std::string& name_;
  const std::vector<http::FilterFactory>& filters_;
  const FieldPath& path_;
  Translation& translation_;
};

}  // namespace

route::FilterOverrides ParseFilterOverrides(const FilterConfigMap& protos,
                                            const std::vector<http::FilterFactory>& filters,
                                            const FieldPath& path, Translation& translation) {
  // The map's own order changes from run to run.
  std::map<std::string_view, const Any*> sorted;
  for (const auto& [name, any] : protos) sorted.emplace(name, &any);
  route::FilterOverrides overrides;
  for (const auto& [key, any] : sorted) {
    const std::string name(key);
    const FieldPath entry_path = path.Key(name);
    std::optional<route::FilterOverride> override =
        OverrideTranslator(name, filters, entry_path, translation).Parse(*any);
    if (override.has_value()) overrides.push_back(std::move(*override));
  }
  return overrides;
}

}  // namespace remora::config
