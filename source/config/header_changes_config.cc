#include "source/config/header_changes_config.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/text.h"
#include "source/http/header_id.h"
#include "source/http/header_map.h"

namespace remora::config {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using Action = route::HeaderAddition::Action;
using http::HeaderId;

// The connection says these itself.
constexpr http::HeaderIdSet kOfTheConnection = {
    HeaderId::kConnection, HeaderId::kContentLength,   HeaderId::kHttp2Settings,
    HeaderId::kKeepAlive,  HeaderId::kProxyConnection, HeaderId::kTransferEncoding,
    HeaderId::kUpgrade,
};

void WarnIfOfTheConnection(const std::string& name, const FieldPath& path,
                           Translation& translation) {
  const std::string lower = absl::AsciiStrToLower(name);
  if (!kOfTheConnection.Has(http::LookUpHeaderId(lower))) return;
  translation.warnings.Add(
      path, Concat("'", lower, "' is decided by each connection: accepted without effect"));
}

Action ActionOf(HeaderValueOption::HeaderAppendAction action) {
  switch (action) {
    case HeaderValueOption::ADD_IF_ABSENT:
      return Action::kAddIfAbsent;
    case HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return Action::kOverwriteIfExistsOrAdd;
    case HeaderValueOption::OVERWRITE_IF_EXISTS:
      return Action::kOverwriteIfExists;
    default:
      return Action::kAppendIfExistsOrAdd;
  }
}

using HeaderOptions = google::protobuf::RepeatedPtrField<HeaderValueOption>;
using HeaderNames = google::protobuf::RepeatedPtrField<std::string>;

}  // namespace

std::vector<route::HeaderAddition> ParseHeaderAdditions(const HeaderOptions& add,
                                                        const FieldPath& path,
                                                        Translation& translation) {
  std::vector<route::HeaderAddition> changes;
  for (int i = 0; i < add.size(); ++i) {
    const HeaderValueOption& given = add[i];
    const FieldPath place = path.Index(static_cast<size_t>(i));
    route::HeaderAddition addition;
    addition.name = given.header().key();
    addition.literal = given.header().value().empty() && !given.header().raw_value().empty();
    addition.value = addition.literal ? given.header().raw_value() : given.header().value();
    addition.action = ActionOf(given.append_action());
    addition.keep_empty = given.keep_empty_value();
    if (given.has_append()) {
      if (given.append_action() != HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
        translation.errors.Add(place.Field("append"),
                               "Both append and append_action are set and it's not allowed");
      } else if (!given.append().value()) {
        addition.action = Action::kOverwriteIfExistsOrAdd;
      }
    }
    const FieldPath header = place.Field("header");
    WarnIfOfTheConnection(addition.name, header.Field("key"), translation);
    changes.push_back(std::move(addition));
  }
  return changes;
}

namespace {

// `field`: "request_headers_to" or "response_headers_to".
route::HeaderChangesConfig ParseChanges(const HeaderOptions& add, const HeaderNames& remove,
                                        std::string_view field, const FieldPath& path,
                                        Translation& translation) {
  route::HeaderChangesConfig changes;
  const std::string add_field = Concat(field, "_add");
  const std::string remove_field = Concat(field, "_remove");
  changes.add = ParseHeaderAdditions(add, path.Field(add_field), translation);
  const FieldPath removals = path.Field(remove_field);
  for (int i = 0; i < remove.size(); ++i) {
    WarnIfOfTheConnection(remove[i], removals.Index(static_cast<size_t>(i)), translation);
    changes.remove.push_back(remove[i]);
  }
  return changes;
}

template <class Proto>
route::MessageChangesConfig ParseBoth(const Proto& proto, const FieldPath& path,
                                      Translation& translation) {
  return {ParseChanges(proto.request_headers_to_add(), proto.request_headers_to_remove(),
                       "request_headers_to", path, translation),
          ParseChanges(proto.response_headers_to_add(), proto.response_headers_to_remove(),
                       "response_headers_to", path, translation)};
}

}  // namespace

route::MessageChangesConfig ParseMessageChanges(
    const envoy::config::route::v3::RouteConfiguration& proto, const FieldPath& path,
    Translation& translation) {
  return ParseBoth(proto, path, translation);
}
route::MessageChangesConfig ParseMessageChanges(const envoy::config::route::v3::VirtualHost& proto,
                                                const FieldPath& path, Translation& translation) {
  return ParseBoth(proto, path, translation);
}
route::MessageChangesConfig ParseMessageChanges(const envoy::config::route::v3::Route& proto,
                                                const FieldPath& path, Translation& translation) {
  return ParseBoth(proto, path, translation);
}
route::MessageChangesConfig ParseMessageChanges(
    const envoy::config::route::v3::WeightedCluster_ClusterWeight& proto, const FieldPath& path,
    Translation& translation) {
  return ParseBoth(proto, path, translation);
}

}  // namespace remora::config
