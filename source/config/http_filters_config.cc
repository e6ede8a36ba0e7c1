#include "source/config/http_filters_config.h"

#include <string>
#include <string_view>
#include <utility>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/discovered_filter_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

// The factory without knowledge of its place; false when the filter is left out.
bool ParseHttpFilter(const hcm::HttpFilter& proto, bool last, const FieldPath& path,
                     Translation& translation, http::FilterFactory& factory) {
  factory.name = proto.name();
  factory.disabled = proto.disabled();
  if (proto.has_config_discovery()) {
    ParseDiscovery(proto.config_discovery(), last, path.Field("config_discovery"), translation,
                   factory);
    return true;
  }
  const std::string& url = proto.typed_config().type_url();
  const HttpFilterEntry* entry = translation.registry.FindHttpFilter(url);
  const FieldPath config_path = path.Field("typed_config");
  if (entry == nullptr) {
    if (proto.is_optional()) {
      translation.warnings.Add(
          config_path,
          Concat("Didn't find a registered factory for the optional http filter ", proto.name()));
    } else {
      AddNoImplementation(proto.name(), url, path, translation);
    }
    return false;
  }
  // After an error it stays in the list all the same, so that order and routes can be checked.
  ParseTypedFilter(*entry, proto.typed_config(), config_path, translation, factory);
  return true;
}

}  // namespace

void ParseTypedFilter(const HttpFilterEntry& entry, const google::protobuf::Any& any,
                      const FieldPath& path, Translation& translation,
                      http::FilterFactory& factory) {
  factory.type_url = TypeUrlOf(entry.type_name);
  if (!entry.route_type_name.empty()) factory.route_type_url = TypeUrlOf(entry.route_type_name);
  factory.terminal = entry.terminal;
  ConfigContext context(translation.errors, path.ToString(), &translation);
  const size_t errors_before = translation.errors.size();
  if (!entry.parse(any, context, factory) && translation.errors.size() == errors_before) {
    context.AddError("", "the value is refused by the filter");
  }
}

std::vector<http::FilterFactory> ParseHttpFilters(
    const google::protobuf::RepeatedPtrField<hcm::HttpFilter>& protos, const FieldPath& path,
    Translation& translation) {
  std::vector<http::FilterFactory> filters;
  if (protos.empty()) {
    translation.errors.Add(path,
                           "a connection manager without HTTP filters is not supported: the last "
                           "one has to be a terminal filter (envoy.filters.http.router)");
    return filters;
  }
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath filter_path = path.Index(static_cast<size_t>(i));
    const bool last = i + 1 == protos.size();
    http::FilterFactory factory;
    if (!ParseHttpFilter(protos[i], last, filter_path, translation, factory)) {
      if (last && protos[i].is_optional()) {
        translation.errors.Add(filter_path,
                               "leaving out the last filter, which has to be terminal, is not "
                               "supported");
      }
      continue;
    }
    const auto describe = [&] {
      return Concat(factory.name, " of type ", ExtensionName(TypeName(factory.type_url)));
    };
    if (factory.terminal && !last) {
      translation.errors.Add(filter_path,
                             Concat("Error: terminal filter named ", describe(),
                                    " must be the last filter in a http filter chain."));
    } else if (factory.disabled && last) {
      translation.errors.Add(filter_path.Field("disabled"),
                             Concat("Error: the last (terminal) filter (", factory.name,
                                    ") in the chain cannot be disabled by default."));
    } else if (!factory.terminal && last) {
      translation.errors.Add(filter_path, Concat("Error: non-terminal filter named ", describe(),
                                                 " is the last filter in a http filter chain."));
    }
    filters.push_back(std::move(factory));
  }
  return filters;
}

}  // namespace remora::config
