#include "source/config/http_filters_config.h"

#include <string>
#include <string_view>
#include <utility>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

// The factory without knowledge of its place; false when the filter is left out.
bool ParseHttpFilter(const hcm::HttpFilter& proto, const FieldPath& path, Translation& translation,
                     http::FilterFactory& factory) {
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
  factory.name = proto.name();
  factory.type_url = Concat(kTypePrefix, entry->type_name);
  if (!entry->route_type_name.empty()) {
    factory.route_type_url = Concat(kTypePrefix, entry->route_type_name);
  }
  factory.terminal = entry->terminal;
  factory.disabled = proto.disabled();
  ConfigContext context(translation.errors, config_path.ToString(), &translation);
  // After an error it stays in the list all the same, so that order and routes can be checked.
  const size_t errors_before = translation.errors.size();
  if (!entry->parse(proto.typed_config(), context, factory) &&
      translation.errors.size() == errors_before) {
    context.AddError("", "the value is refused by the filter");
  }
  return true;
}

}  // namespace

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
    if (!ParseHttpFilter(protos[i], filter_path, translation, factory)) {
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
