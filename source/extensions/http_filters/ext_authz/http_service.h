#pragma once

// HttpService: an authorization service that is asked over HTTP: where it is, what it is told, and
// what is taken of its answer.
//
// Made by ParseHttpService from envoy.extensions.filters.http.ext_authz.v3.HttpService, on main;
// immutable, shared by every worker.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/registry.h"
#include "source/event/clock.h"
#include "source/http/route/conditions.h"
#include "source/http/route/header_changes.h"

namespace envoy::extensions::filters::http::ext_authz::v3 {
class HttpService;
}

namespace remora::extensions {

using NameMatchers = std::vector<route::StringMatcher>;

bool AnyMatches(const NameMatchers& matchers, std::string_view name);

struct HttpService {
  std::string cluster;
  event::Duration timeout = 0;  // 0: none
  std::string path_prefix;
  std::string path;                                        // empty: the request's
  std::unique_ptr<const route::HeaderChanges> add_fields;  // null: none
  // Names of fields of the answer.
  NameMatchers upstream;
  NameMatchers upstream_append;
  NameMatchers client;  // of a refusal; empty: all
  NameMatchers client_on_success;
  NameMatchers metadata;
};

// Faults go to the context, with `field` as the place. nullopt after an error.
std::optional<HttpService> ParseHttpService(
    const envoy::extensions::filters::http::ext_authz::v3::HttpService& proto,
    const std::string& field, event::Duration default_timeout, config::ConfigContext& context);

}  // namespace remora::extensions
