// What the answer of a service over HTTP means, and its configuration; with a service it is tested
// in test/integration.

#include "source/extensions/http_filters/ext_authz/http_check.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "source/extensions/http_filters/ext_authz/ext_authz.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

const std::string kUri = "server_uri { uri: 'http://a/' cluster: 'authz' timeout { seconds: 1 } } ";

std::string Errors(const std::string& service, const std::string& more = "") {
  config::Registry registry;
  registry.AddHttpFilter<ExtAuthz>();
  std::string found;
  fakes::ParseFilter(
      registry, "authz",
      fakes::ProtoFromText<ExtAuthz::Proto>("http_service { " + service + " } " + more), found);
  return found;
}

HttpService Service(const std::string& response) {
  config::ErrorList errors;
  config::ConfigContext context(errors, "filter");
  auto service = ParseHttpService(
      fakes::ProtoFromText<envoy::extensions::filters::http::ext_authz::v3::HttpService>(
          kUri + "authorization_response { " + response + " }"),
      "http_service", 0, context);
  REQUIRE(service.has_value());
  return *std::move(service);
}

// Everything that is taken of an answer, by what becomes of it.
std::string Read(const std::string& response, uint16_t status,
                 const std::vector<std::pair<std::string, std::string>>& fields) {
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::ResponseHead head(arena);
  head.status = status;
  for (const auto& [name, value] : fields) CHECK(head.headers.Add(name, value));
  const Verdict verdict = ReadHttpVerdict(Service(response), head);
  constexpr const char* kKinds[] = {"allowed", "denied", "failed"};
  std::string text = kKinds[static_cast<size_t>(verdict.kind)];
  if (verdict.status != 0) text += " " + std::to_string(verdict.status);
  for (const FieldChange& change : verdict.request_fields) {
    text += (change.action == FieldChange::Action::kSet ? " set:" : " add:") + change.name + "=" +
            change.value;
  }
  for (const std::string& name : verdict.remove_fields) text += " remove:" + name;
  for (const FieldChange& change : verdict.response_fields) {
    text += " response:" + change.name + "=" + change.value;
  }
  for (const auto& [name, value] : verdict.reply_fields) text += " reply:" + name + "=" + value;
  for (const auto& [name, value] : verdict.metadata.fields)
    text += " meta:" + name + "=" + value.text;
  return text;
}

TEST_CASE("http check: the status decides") {
  CHECK(Read("", 200, {{"x-a", "1"}}) == "allowed");
  CHECK(Read("", 201, {}) == "denied 201");
  CHECK(Read("", 302, {{"location", "/login"}}) == "denied 302 reply:location=/login");
  CHECK(Read("", 404, {}) == "denied 404");
  CHECK(Read("", 500, {{"x-a", "1"}}) == "failed");
  CHECK(Read("", 599, {}) == "failed");
  CHECK(Read("", 700, {}) == "denied");
}

TEST_CASE("http check: fields that the request gets") {
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"x-a", "1"}, {"x-b", "2"}, {"x-b", "3"}, {"other", "4"}};
  CHECK(Read("allowed_upstream_headers { patterns { exact: 'x-a' } patterns { exact: 'x-b' } }",
             200, fields) == "allowed set:x-a=1 set:x-b=2 set:x-b=3");
  // What replaces comes before what is added.
  CHECK(Read("allowed_upstream_headers_to_append { patterns { exact: 'x-a' } } "
             "allowed_upstream_headers { patterns { exact: 'x-b' } }",
             200, fields) == "allowed set:x-b=2 set:x-b=3 add:x-a=1");
  CHECK(Read("allowed_client_headers_on_success { patterns { prefix: 'x-' } }", 200, fields) ==
        "allowed response:x-a=1 response:x-b=2 response:x-b=3");
  CHECK(Read("allowed_upstream_headers { patterns { prefix: 'x-' } }", 200,
             {{"x-envoy-auth-headers-to-remove", "A, b,, c "},
              {"x-envoy-auth-headers-to-remove", "d"}}) ==
        "allowed remove:a remove:b remove:c remove:d");
}

TEST_CASE("http check: fields that the client gets of a refusal") {
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"x-a", "1"},
      {"host", "h"},
      {"www-authenticate", "Basic"},
      {"content-length", "9"},
      {"connection", "x-a"},
      {"x-envoy-auth-headers-to-remove", "a"},
      {"transfer-encoding", "chunked"}};
  CHECK(Read("", 403, fields) == "denied 403 reply:x-a=1 reply:www-authenticate=Basic");
  CHECK(Read("allowed_client_headers { patterns { exact: 'host' } }", 403, fields) ==
        "denied 403 reply:host=h reply:www-authenticate=Basic");
}

TEST_CASE("http check: fields as metadata") {
  const std::string meta = "dynamic_metadata_from_headers { patterns { prefix: 'x-' } }";
  CHECK(Read(meta, 200, {{"x-a", "1"}, {"x-a", "2"}, {"b", "3"}}) == "allowed meta:x-a=2");
  CHECK(Read(meta, 403, {{"x-a", "1"}}) == "denied 403 reply:x-a=1 meta:x-a=1");
}

TEST_CASE("http check: what is wrong in the configuration is named") {
  CHECK(Errors(kUri).empty());
  CHECK(Errors("") == "filter.http_service.server_uri: is required\n");
  CHECK(Errors(kUri + "path_prefix: '/a' path_override: '/b'") ==
        "filter.http_service: Only one of path_prefix or path_override may be set, not both.\n");
  CHECK(Errors(kUri + "path_prefix: 'a'") ==
        "filter.http_service.path_prefix: path_prefix should start with \"/\".\n");
  CHECK(Errors(kUri + "path_override: '/a b'") ==
        "filter.http_service.path_override: a path is printable ASCII without spaces and without a "
        "fragment\n");
  CHECK(Errors(kUri + "authorization_request { headers_to_add { key: 'a b' value: 'c' } }") ==
        "filter.http_service.authorization_request.headers_to_add[0].key: this is no name of a "
        "header field\n");
  CHECK(Errors(kUri + "authorization_request { headers_to_add { key: 'a' value: '%REQ(%' } }")
            .rfind("filter.http_service.authorization_request.headers_to_add[0].value: ", 0) == 0);
  const std::string pattern = "allowed_headers { patterns { exact: 'x' } } ";
  CHECK(Errors(kUri + "authorization_request { " + pattern + "}", pattern) ==
        "filter.allowed_headers: Invalid duplicate configuration for allowed_headers.\n");
  CHECK(Errors(kUri + "authorization_response { allowed_client_headers { patterns { safe_regex { "
                      "regex: '(' } } } }")
            .rfind("filter.http_service.authorization_response.allowed_client_headers.patterns[0]",
                   0) == 0);
}

}  // namespace
}  // namespace remora::extensions
