#include "source/config/format_config.h"

#include <google/protobuf/text_format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "source/base/arena.h"

namespace remora::config {
namespace {

// The text for a request of /p?q, then its content type; or the errors.
std::string Print(const std::string& proto_text, FormatUse use = FormatUse::kLog) {
  envoy::config::core::v3::SubstitutionFormatString proto;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(proto_text, &proto));
  const Registry registry;
  ErrorList errors;
  ErrorList warnings;
  Translation translation{registry, errors, warnings};
  const FieldPath root;
  const auto format = ParseFormatString(proto, use, root.Field("f"), translation);
  CHECK(format.has_value() == errors.empty());
  if (!format.has_value()) return errors.ToString();
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead request(arena);
  request.path = "/p?q";
  request.headers.Add("x-t", "a\tb");
  http::StreamInfo info;
  info.response_code = 404;
  formatter::Exchange exchange{info};
  exchange.request = &request;
  std::string out;
  format->text.AppendTo(out, exchange);
  return out + "|" + format->content_type;
}

TEST_CASE("format strings of every kind") {
  CHECK(Print("text_format: 'a %RESPONSE_CODE% %REQ(x)%'") == "a 404 -|text/plain");
  CHECK(Print("text_format_source { inline_string: 'a%RESPONSE_CODE%%REQ(x)%' } "
              "omit_empty_values: true content_type: 'text/html'") == "a404|text/html");
  setenv("REMORA_FORMAT_CONFIG_TEST", "%PATH%\n", 1);
  CHECK(Print("text_format_source { environment_variable: 'REMORA_FORMAT_CONFIG_TEST' }") ==
        "/p?q\n|text/plain");
  const std::string json =
      "json_format { fields { key: 'c' value { string_value: '%RESPONSE_CODE%' } } "
      "fields { key: 'n' value { string_value: '%REQ(n)%' } } "
      "fields { key: 'b' value { bool_value: true } } "
      "fields { key: 'a' value { list_value { values { number_value: 1 } } } } } ";
  CHECK(Print(json) == "{\"a\":[1],\"b\":true,\"c\":404,\"n\":null}\n|application/json");
  CHECK(Print(json + "omit_empty_values: true content_type: 'x/y'") ==
        "{\"a\":[1],\"b\":true,\"c\":404}\n|x/y");
}

TEST_CASE("control characters are escaped in logs, not in bodies") {
  CHECK(Print("text_format: '%REQ(x-t)%'", FormatUse::kLog) == "a\\x09b|text/plain");
  CHECK(Print("text_format: '%REQ(x-t)%'", FormatUse::kBody) == "a\tb|text/plain");
}

TEST_CASE("operators of extensions") {
  const auto extension = [](const std::string& type) {
    return "formatters { name: 'e' typed_config { type_url: 'type.googleapis.com/" + type +
           "' } } ";
  };
  const std::string text = "text_format: '%REQ_WITHOUT_QUERY(:path)%'";
  CHECK(Print(extension("envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery") +
              text) == "/p|text/plain");
  CHECK(Print(extension("envoy.extensions.formatter.metadata.v3.Metadata") +
              "text_format: '%METADATA(ROUTE:a)%'") == "-|text/plain");
  CHECK(Print(text) ==
        "f.text_format: Not supported field in StreamInfo: REQ_WITHOUT_QUERY (at position 0 of "
        "the format)\n");
  CHECK(Print(extension("envoy.extensions.formatter.cel.v3.Cel") + "text_format: ''") ==
        "f.formatters[0].typed_config: Didn't find a registered implementation for 'e' with type "
        "URL: 'envoy.extensions.formatter.cel.v3.Cel'\n");
}

TEST_CASE("faults of a format name its field") {
  CHECK(Print("json_format { fields { key: 'c' value { string_value: '%FOO%' } } }") ==
        "f.json_format: c: Not supported field in StreamInfo: FOO (at position 0 of the "
        "format)\n");
  CHECK(Print("text_format_source { environment_variable: 'REMORA_NO_SUCH' }") ==
        "f.text_format_source.environment_variable: Environment variable doesn't exist: "
        "REMORA_NO_SUCH\n");
}

TEST_CASE("metadata keeps its values") {
  envoy::config::core::v3::Metadata proto;
  CHECK(ParseMetadata(proto) == nullptr);
  auto& fields = *(*proto.mutable_filter_metadata())["a.b"].mutable_fields();
  fields["s"].set_string_value("x");
  (*fields["o"].mutable_struct_value()->mutable_fields())["l"].mutable_list_value()->add_values();
  const auto metadata = ParseMetadata(proto);
  REQUIRE(metadata != nullptr);
  std::string json;
  metadata->at("a.b").AppendJson(json);
  CHECK(json == R"({"o":{"l":[null]},"s":"x"})");
}

}  // namespace
}  // namespace remora::config
