#include "source/extensions/http_filters/ext_authz/http_service.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"
#include "source/http/request_part.h"

namespace remora::extensions {
namespace {

using config::Concat;
using Proto = envoy::extensions::filters::http::ext_authz::v3::HttpService;

// Empty: not set.
void CheckPath(const std::string& path, const std::string& field, std::string_view name,
               config::ConfigContext& context) {
  if (path.empty()) return;
  if (path.front() != '/') {
    context.AddError(Concat(field, ".", name), Concat(name, " should start with \"/\"."));
  } else if (!http::IsValidPart(http::RequestPart::kPath, path)) {
    context.AddError(Concat(field, ".", name),
                     "a path is printable ASCII without spaces and without a fragment");
  }
}

std::unique_ptr<const route::HeaderChanges> ParseAddedFields(const Proto& proto,
                                                             const std::string& field,
                                                             config::ConfigContext& context) {
  route::HeaderChangesConfig changes;
  for (const auto& header : proto.authorization_request().headers_to_add()) {
    changes.add.push_back({.name = header.key(),
                           .value = header.value(),
                           .action = route::HeaderAddition::Action::kOverwriteIfExistsOrAdd});
  }
  return route::HeaderChanges::Compile(
      std::move(changes), [&](std::string_view where, std::string_view message) {
        // "add[0].header.key", but these have their keys themselves.
        constexpr std::string_view kAdd = "add";
        constexpr std::string_view kHeader = ".header";
        std::string place(where.substr(kAdd.size()));
        if (const size_t at = place.find(kHeader); at != std::string::npos) {
          place.erase(at, kHeader.size());
        }
        context.AddError(Concat(field, ".authorization_request.headers_to_add", place), message);
      });
}

}  // namespace

bool AnyMatches(const NameMatchers& matchers, std::string_view name) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [name](const route::StringMatcher& matcher) { return matcher.Matches(name); });
}

std::optional<HttpService> ParseHttpService(const Proto& proto, const std::string& field,
                                            event::Duration default_timeout,
                                            config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  HttpService service;
  if (!proto.has_server_uri()) context.AddError(Concat(field, ".server_uri"), "is required");
  service.cluster = proto.server_uri().cluster();
  service.timeout =
      proto.server_uri().has_timeout()
          ? config::ParseExtensionDuration(proto.server_uri().timeout(),
                                           Concat(field, ".server_uri.timeout"), context)
          : default_timeout;
  service.path_prefix = proto.path_prefix();
  service.path = proto.path_override();
  if (!service.path.empty() && !service.path_prefix.empty()) {
    context.AddError(field, "Only one of path_prefix or path_override may be set, not both.");
  }
  CheckPath(service.path_prefix, field, "path_prefix", context);
  CheckPath(service.path, field, "path_override", context);
  service.add_fields = ParseAddedFields(proto, field, context);
  const auto& response = proto.authorization_response();
  const auto matchers = [&](const auto& list, std::string_view name) {
    return config::ParseStringMatchers(
        list.patterns(), Concat(field, ".authorization_response.", name, ".patterns"), context);
  };
  service.upstream = matchers(response.allowed_upstream_headers(), "allowed_upstream_headers");
  service.upstream_append =
      matchers(response.allowed_upstream_headers_to_append(), "allowed_upstream_headers_to_append");
  service.client = matchers(response.allowed_client_headers(), "allowed_client_headers");
  service.client_on_success =
      matchers(response.allowed_client_headers_on_success(), "allowed_client_headers_on_success");
  service.metadata =
      matchers(response.dynamic_metadata_from_headers(), "dynamic_metadata_from_headers");
  if (context.errors().size() > errors) return std::nullopt;
  return service;
}

}  // namespace remora::extensions
