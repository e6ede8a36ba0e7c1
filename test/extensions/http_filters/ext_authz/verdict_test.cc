// What a service's answer does to messages.

#include "source/extensions/http_filters/ext_authz/verdict.h"

#include <catch2/catch.hpp>

#include "envoy/service/auth/v3/external_auth.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using envoy::service::auth::v3::CheckResponse;

Verdict Read(const std::string& text) {
  const auto verdict = ReadVerdict(fakes::ProtoFromText<CheckResponse>(text).SerializeAsString());
  REQUIRE(verdict.has_value());
  return *verdict;
}

// GET /p?b=1&a with x-a: 1, x-two: 1, x-two: 2, after an ok_response.
std::string Changed(const std::string& ok_response) {
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.method = "GET";
  head.scheme = "http";
  head.authority = "host";
  head.path = "/p?b=1&a";
  for (const auto& [name, value] : {std::pair{"x-a", "1"}, {"x-two", "1"}, {"x-two", "2"}}) {
    CHECK(head.headers.Add(name, value));
  }
  ApplyToRequest(Read("ok_response { " + ok_response + " }"), head);
  std::string text(head.method);
  for (const std::string_view part : {head.scheme, head.authority, head.path}) {
    text += " " + std::string(part);
  }
  return text + " " + fakes::ToText(head.headers);
}

std::string Field(const std::string& name, const std::string& value, const std::string& more) {
  return "headers { header { key: '" + name + "' value: '" + value + "' } " + more + " } ";
}

const std::string kLine = "GET http host /p?b=1&a ";
const std::string kFields = "x-a=1 x-two=1 x-two=2";

TEST_CASE("verdict: what the statuses mean") {
  CHECK(Read("").kind == Verdict::Kind::kAllowed);
  CHECK(Read("status { code: 7 }").kind == Verdict::Kind::kDenied);
  CHECK(Read("status { code: 7 }").status == 0);
  CHECK(Read("status { code: 7 } error_response {}").kind == Verdict::Kind::kFailed);
  // Not what it was asked for.
  CHECK(Read("status { code: 7 } ok_response {}").kind == Verdict::Kind::kDenied);
  CHECK(Read("denied_response {}").kind == Verdict::Kind::kAllowed);
  CHECK_FALSE(ReadVerdict("\xff\xff\xff").has_value());
  const Verdict denied =
      Read("status { code: 7 } denied_response { status { code: 401 } body: 'who?' }");
  CHECK(denied.status == 401);
  CHECK(denied.body == "who?");
  CHECK(Read("status { code: 7 } denied_response { status { code: 100 } }").bad_value);
}

TEST_CASE("verdict: fields of the request, with every action") {
  // Only `append` says how, as in Envoy 1.40.
  const std::pair<std::string, std::string> rows[] = {
      {"", kFields},
      {Field("X-A", "2", ""), "x-a=2 x-two=1 x-two=2"},
      {Field("x-a", "2", "append_action: ADD_IF_ABSENT"), "x-a=2 x-two=1 x-two=2"},
      {Field("x-b", "2", "append_action: OVERWRITE_IF_EXISTS"), kFields + " x-b=2"},
      {Field("x-two", "3", "append { value: false }"), "x-a=1 x-two=3"},
      {Field("x-b", "2", "append { value: true }"), kFields},
      {Field("x-two", "3", "append { value: true }"), "x-a=1 x-two=1,3 x-two=2"},
      {Field("x-b", "4", "append { value: true }") + Field("x-b", "3", ""), kFields + " x-b=3,4"},
      {"headers_to_remove: 'X-Two' headers_to_remove: ':path' headers_to_remove: 'host'", "x-a=1"},
      {Field("x b", "2", "") + Field("x-b", "a\\nb", ""), kFields},
  };
  for (const auto& [change, expected] : rows) {
    INFO(change);
    CHECK(Changed(change) == kLine + expected);
  }
}

TEST_CASE("verdict: parts of the request line") {
  const auto set = [](const std::string& name, const std::string& value) {
    return Changed(Field(name, value, "append { value: false }"));
  };
  CHECK(set(":path", "/other?x") == "GET http host /other?x " + kFields);
  CHECK(set(":authority", "other:80") == "GET http other:80 /p?b=1&a " + kFields);
  CHECK(set("host", "other") == "GET http other /p?b=1&a " + kFields);
  CHECK(set(":method", "PUT") == "PUT http host /p?b=1&a " + kFields);
  CHECK(set(":scheme", "https") == "GET https host /p?b=1&a " + kFields);
  for (const auto& [name, value] : {std::pair{":path", "other"},
                                    {":path", "/a b"},
                                    {":path", "/a#b"},
                                    {":path", ""},
                                    {":authority", "a/b"},
                                    {":authority", "a b"},
                                    {":method", "P T"},
                                    {":scheme", "ftp"},
                                    {":status", "200"}}) {
    INFO(name << " " << value);
    CHECK(set(name, value) == kLine + kFields);
  }
  CHECK(Changed(Field(":path", "/other", "append { value: true }")) == kLine + kFields);
}

TEST_CASE("verdict: query parameters") {
  const auto path = [](const std::string& change) {
    const std::string text = Changed(change);
    return text.substr(14, text.find(" x-a") - 14);
  };
  CHECK(path("query_parameters_to_set { key: 'c' value: '3' }") == "/p?a=&b=1&c=3");
  CHECK(path("query_parameters_to_set { key: 'b' value: '%20' }") == "/p?a=&b=%20");
  CHECK(path("query_parameters_to_remove: 'b'") == "/p?a=");
  CHECK(path("query_parameters_to_remove: 'b' query_parameters_to_remove: 'a'") == "/p");
  CHECK(path("query_parameters_to_set { key: 'c' value: 'a b' }") == "/p?a=&b=1");
  CHECK(path("query_parameters_to_set { key: 'c&d' value: '1' }") == "/p?a=&b=1");
}

TEST_CASE("verdict: what is not valid") {
  const auto valid = [](const std::string& text) { return IsValid(Read(text)); };
  CHECK(valid("ok_response { " + Field("x-a", "1", "") + " }"));
  CHECK(valid("ok_response { " + Field(":path", "/", "") + " headers_to_remove: 'x y' }"));
  CHECK_FALSE(valid("ok_response { " + Field("x y", "1", "") + " }"));
  CHECK_FALSE(valid("ok_response { " + Field("x", "a\\nb", "") + " }"));
  CHECK_FALSE(valid("ok_response { response_headers_to_add { header { key: 'x y' } } }"));
  CHECK_FALSE(valid("ok_response { query_parameters_to_set { key: 'a' value: 'b c' } }"));
  CHECK_FALSE(valid("status { code: 7 } denied_response { " + Field("x y", "1", "") + " }"));
  Verdict verdict;
  verdict.bad_value = true;
  CHECK_FALSE(IsValid(verdict));
}

// "name=value", and how: "=" set, "+" added, "-" if absent, "?" if present.
std::string Text(const std::vector<FieldChange>& changes) {
  std::string text;
  for (const FieldChange& change : changes) {
    text += change.name + std::string("+-=?")[static_cast<size_t>(change.action)];
    text += change.value + " ";
  }
  return text;
}

TEST_CASE("verdict: fields of an answer of its own") {
  const Verdict verdict =
      Read("status { code: 7 } denied_response { " + Field("Set-Cookie", "a", "") +
           Field("set-cookie", "b", "append { value: false }") +
           Field("x", "1", "append { value: true }") +
           Field("y", "1", "append_action: OVERWRITE_IF_EXISTS") + " }");
  using Fields = std::vector<std::pair<std::string, std::string>>;
  CHECK(verdict.reply_fields == Fields{{"set-cookie", "a"}, {"set-cookie", "b"}, {"y", "1"}});
}

TEST_CASE("verdict: fields of the response, by action") {
  std::string fields;
  for (const char* action : {"OVERWRITE_IF_EXISTS", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD",
                             "APPEND_IF_EXISTS_OR_ADD"}) {
    fields += "response_headers_to_add { header { key: 'X' value: '1' } append_action: " +
              std::string(action) + " } ";
  }
  fields += "response_headers_to_add { header { key: 'y' } append { value: true } }";
  CHECK(Text(Read("ok_response { " + fields + " }").response_fields) == "x+1 y+ x=1 x-1 x?1 ");
}

TEST_CASE("verdict: metadata, of the answer or the deprecated place") {
  CHECK(Read("").metadata.kind == http::MetadataValue::Kind::kNull);
  const std::string outer = "dynamic_metadata { fields { key: 'a' value { string_value: '1' } } } ";
  CHECK(Read(outer).metadata.fields.at("a").text == "1");
  const Verdict both = Read(outer +
                            "ok_response { dynamic_metadata { fields { key: 'b' value { "
                            "string_value: '2' } } } }");
  CHECK(both.metadata.fields.count("a") == 0);
  CHECK(both.metadata.fields.at("b").text == "2");
}

}  // namespace
}  // namespace remora::extensions
