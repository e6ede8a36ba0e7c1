#include "source/config/discovered_filter_config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/http_filters_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
using google::protobuf::Any;

// A configuration of one of the types that `use` allows; null after an error.
http::FilterSlot::Version ParseVersion(const Any& any, const ExtensionUse& use,
                                       const FieldPath& path, Translation& translation) {
  const size_t errors_before = translation.errors.size();
  const std::string type(TypeName(any.type_url()));
  if (std::find(use.types.begin(), use.types.end(), type) == use.types.end()) {
    translation.errors.Add(path, Concat("Error: filter config has type URL ", type, " but expect ",
                                        absl::StrJoin(use.types, ", "), "."));
    return nullptr;
  }
  http::FilterFactory factory;
  factory.name = use.name;
  const HttpFilterEntry& entry = *translation.registry.FindHttpFilter(type);
  ParseTypedFilter(entry, any, path, translation, factory);
  if (factory.terminal != use.last) {
    translation.errors.Add(
        path, factory.terminal
                  ? Concat("Error: terminal filter named ", use.name, " of type ",
                           ExtensionName(type), " must be the last filter in a http filter chain.")
                  : Concat("Error: non-terminal filter named ", use.name, " of type ",
                           ExtensionName(type), " is the last filter in a http filter chain."));
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const http::FilterFactory>(std::move(factory));
}

// Reads `type_urls` into `use`, and into `factory` what is the same for all of them.
void ParseTypes(const core::ExtensionConfigSource& proto, const FieldPath& path,
                Translation& translation, ExtensionUse& use, http::FilterFactory& factory) {
  for (int i = 0; i < proto.type_urls_size(); ++i) {
    const FieldPath at = path.Index(static_cast<size_t>(i));
    const HttpFilterEntry* entry = translation.registry.FindHttpFilter(proto.type_urls(i));
    if (entry == nullptr) {
      translation.errors.Add(at, Concat("Error: no factory found for a required type URL ",
                                        TypeName(proto.type_urls(i)), "."));
      continue;
    }
    use.types.push_back(entry->type_name);
    if (factory.type_url.empty()) factory.type_url = TypeUrlOf(entry->type_name);
    if (entry->route_type_name.empty()) continue;
    const std::string route_type = TypeUrlOf(entry->route_type_name);
    // A filter without any per-route configuration never looks at another one's.
    if (!factory.route_type_url.empty() && factory.route_type_url != route_type) {
      translation.errors.Add(at, Concat("types whose per-route configurations differ (",
                                        TypeName(factory.route_type_url), ", ",
                                        entry->route_type_name, ") are not supported"));
    }
    factory.route_type_url = route_type;
  }
}

}  // namespace

void ParseDiscovery(const core::ExtensionConfigSource& proto, bool last, const FieldPath& path,
                    Translation& translation, http::FilterFactory& factory) {
  factory.terminal = last;
  ExtensionUse use;
  use.name = factory.name;
  use.last = last;
  use.warms = !proto.apply_default_config_without_warming();
  std::optional<ConfigSource> source =
      ParseConfigSource(proto.config_source(), path.Field("config_source"), translation);
  if (source.has_value()) use.source = *std::move(source);
  ParseTypes(proto, path.Field("type_urls"), translation, use, factory);
  const FieldPath fallback = path.Field("default_config");
  if (proto.has_default_config()) {
    use.fallback = ParseVersion(proto.default_config(), use, fallback, translation);
    if (use.fallback != nullptr) factory.log_files = use.fallback->log_files;
  } else if (!use.warms) {
    translation.errors.Add(fallback, Concat("Error: filter config ", factory.name,
                                            " applied without warming but has no default config."));
  }
  auto slot = std::make_shared<const http::FilterSlot>();
  use.slot = slot;
  http::CreateFrom(std::move(slot), factory);
  translation.extension_uses.push_back(std::move(use));
}

http::FilterSlot::Version ParseDiscoveredFilter(const core::TypedExtensionConfig& proto,
                                                const ExtensionUse& use, const FieldPath& path,
                                                Translation& translation) {
  return ParseVersion(proto.typed_config(), use, path.Field("typed_config"), translation);
}

}  // namespace remora::config
