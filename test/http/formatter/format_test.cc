#include "source/http/formatter/format.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "test/http/formatter/sample.h"

namespace remora::formatter {
namespace {

std::string Print(std::string_view text, const Exchange& exchange,
                  const Format::Options& options = {}) {
  absl::StatusOr<Format> format = Format::Parse(text, options);
  if (!format.ok()) return "error: " + std::string(format.status().message());
  std::string out = "<";
  format->AppendTo(out, exchange);
  return out.substr(1);
}

std::string Print(std::string_view text) {
  Sample sample;
  return Print(text, sample.exchange());
}

std::string Json(std::string_view text, const Exchange& exchange) {
  absl::StatusOr<Format> format = Format::Parse(text, {});
  REQUIRE(format.ok());
  std::string out;
  format->AppendJsonTo(out, exchange);
  return out;
}

TEST_CASE("every operator prints what real Envoy prints") {
  setenv("REMORA_FORMAT_TEST", "/root", 1);
  unsetenv("REMORA_FORMAT_NONE");
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"100%%", "100%"},
      {"%%%RESPONSE_CODE%%%", "%200%"},
      // Heads.
      {"%REQ(:METHOD)%", "GET"},
      {"%REQUEST_HEADER(:METHOD)%", "GET"},
      {"%REQ(:AUTHORITY)%", "h.example:80"},
      {"%REQ(host)%", "h.example:80"},
      {"%REQ(:SCHEME)%", "http"},
      {"%REQ(x-none?x-a)%", "aval"},
      {"%REQ(X-A?x-b)%", "aval"},
      {"%REQ(x-a):2%", "av"},
      {"%REQ(x-a):0%", ""},
      {"%REQ(empty?x-a)%", ""},
      {"%REQ(x-none)%", "-"},
      {"%REQ(x-none):1%", "-"},
      {"%REQ(:STATUS)%", "-"},
      {"%RESP(:STATUS)%", "200"},
      {"%RESP(x-up)%", "upv"},
      {"%RESPONSE_HEADER(x-no?x-up):1%", "u"},
      {"%RESP(x-none)%", "-"},
      {"%TRAILER(x-trail)%", "tt"},
      {"%RESPONSE_TRAILER(none?x-trail)%", "tt"},
      {"%TRAILER(x)%", "-"},
      {"%PATH%", "/a%20b/c?a=12&b=%20x%41%0a%22%c3%a9&a=3&c=+1%zz%2"},
      {"%PATH(NQ)%", "/a%20b/c"},
      {"%PATH(NQ):2%", "/a"},
      {"%PATH(NQ:ORIG)%", "-"},
      {"%PATH(NQ:PATH)%", "/a%20b/c"},
      {"%QUERY_PARAM(a)%", "12"},
      {"%QUERY_PARAM(a):1%", "1"},
      {"%QUERY_PARAM(b)%", " xA\n\"\xc3\xa9"},
      {"%QUERY_PARAM(c)%", "+1%zz%2"},
      {"%QUERY_PARAM(zz)%", "-"},
      {"%QUERY_PARAMS(ORIG):3%", "a=1"},
      {"%QUERY_PARAMS%", "a=12&b=%20x%41%0a%22%c3%a9&a=3&c=+1%zz%2"},
      {"%QUERY_PARAMS(DECODED)%", "a=12&b=%20xA%0a%22%c3%a9&a=3&c=+1%zz%2"},
      {"%REQUESTED_SERVER_NAME%", "-"},
      {"%REQUESTED_SERVER_NAME(SNI_FIRST)%", "h.example:80"},
      {"%REQUESTED_SERVER_NAME(HOST_FIRST:HOST)%", "h.example:80"},
      {"%REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)%", "-"},
      {"%STREAM_ID%", "ddbc497e-828d-4cef-8951-b5b650114098"},
      {"%REQUEST_HEADERS_BYTES%", "169"},
      {"%RESPONSE_HEADERS_BYTES%", "17"},
      {"%RESPONSE_TRAILERS_BYTES%", "9"},
      {"%GRPC_STATUS%", "-"},
      {"%GRPC_STATUS_NUMBER%", "-"},
      // Times.
      {"%START_TIME%", "2026-11-21T13:59:30.955Z"},
      {"%START_TIME(%s)%", "1795269570"},
      {"%START_TIME(%s.%3f)%", "1795269570.955"},
      {"%START_TIME(%s.%6f)%", "1795269570.955184"},
      {"%START_TIME(%s.%9f)%", "1795269570.955184123"},
      {"%START_TIME(%f)%", "955184123"},
      {"%START_TIME(%1f)%", "9"},
      {"%START_TIME(%Y/%m/%dT%H:%M:%S%z)%", "2026/11/21T13:59:30+0000"},
      {"%START_TIME(%a %b %e %j %Z %E3S %E*S %p %I)%",
       "Sat Nov 21 325 UTC 30.955 30.955184123 PM 01"},
      {"%START_TIME(%Y%%)%", "2026%"},
      {"%START_TIME(%E6S%%f)%", "30.955184%f"},
      {"%REQUEST_DURATION%", "1"},
      {"%REQUEST_TX_DURATION%", "2"},
      {"%RESPONSE_DURATION%", "5"},
      {"%RESPONSE_TX_DURATION%", "4"},
      {"%DURATION%", "12"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%", "9200"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_RX_END)%", "1"},
      {"%COMMON_DURATION(US_CX_BEG:US_CX_END:us)%", "66"},
      {"%COMMON_DURATION(US_TX_BEG:US_RX_BEG:ns)%", "3300000"},
      {"%COMMON_DURATION(US_TX_END:US_RX_END:ms)%", "6"},
      {"%COMMON_DURATION(DS_TX_END:DS_TX_BEG:ms)%", "-"},
      {"%COMMON_DURATION(foo:DS_TX_BEG)%", "-"},
      {"%ROUNDTRIP_DURATION%", "-"},
      // Facts.
      {"%BYTES_RECEIVED% %BYTES_SENT%", "3 5"},
      {"%BYTES_RETRANSMITTED%%PACKETS_RETRANSMITTED%", "00"},
      {"%PROTOCOL% %UPSTREAM_PROTOCOL%", "HTTP/1.1 HTTP/1.1"},
      {"%RESPONSE_CODE%", "200"},
      {"%RESPONSE_CODE_DETAILS%", "via_upstream"},
      {"%RESPONSE_CODE_DETAILS(X)%", "via_upstream"},
      {"%CONNECTION_TERMINATION_DETAILS%", "-"},
      {"%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%", "- -"},
      {"%CUSTOM_FLAGS%", ""},
      {"%ROUTE_NAME% %VIRTUAL_HOST_NAME% %VIRTUAL_CLUSTER_NAME%", "rt vh -"},
      {"%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%", "altup up"},
      {"%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_CONNECTION_ID%", "1 2"},
      {"%UPSTREAM_TRANSPORT_FAILURE_REASON% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%", "- -"},
      {"%FILTER_CHAIN_NAME% %CONNECTION_ID%", "fc 1"},
      {"%LOCAL_REPLY_BODY%", ""},
      {"%ACCESS_LOG_TYPE%", "DownstreamEnd"},
      {"%ENVIRONMENT(REMORA_FORMAT_TEST)%", "/root"},
      {"%ENVIRONMENT(REMORA_FORMAT_TEST):2%", "/r"},
      {"%ENVIRONMENT(REMORA_FORMAT_NONE)%", "-"},
      {"%TRACE_ID% %SPAN_ID%", "- -"},
      {"%FILTER_STATE(x)% %FILTER_STATE(x:PLAIN):3% %UPSTREAM_FILTER_STATE(x)%", "- - -"},
      // Addresses.
      {"%DOWNSTREAM_LOCAL_ADDRESS%", "127.0.0.1:18902"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%", "127.0.0.1 18902"},
      {"%DOWNSTREAM_DIRECT_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_PORT%", "127.0.0.1:18902 18902"},
      {"%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT%", "127.0.0.1"},
      {"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_PORT%", "10.1.10.23:41918 41918"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "10.1.10.23"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", "10.1.0.0/16"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(20)%", "10.1.0.0/20"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)%", "0.0.0.0/0"},
      {"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "[2001:db8:1234:5678::9]:41918"},
      {"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8:1234:5678::9"},
      {"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(64)%", "2001:db8:1234:5678::/64"},
      {"%DOWNSTREAM_DIRECT_REMOTE_PORT%", "41918"},
      {"%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%", ""},
      {"%UPSTREAM_HOST% %UPSTREAM_HOST_NAME%", "127.0.0.1:18911 127.0.0.1:18911"},
      {"%UPSTREAM_HOST_NAME_WITHOUT_PORT%", "127.0.0.1"},
      {"%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_REMOTE_PORT%", "127.0.0.1:18911 18911"},
      {"%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%", "127.0.0.0/8"},
      {"%UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_PORT%", "127.0.0.1:48264 48264"},
      {"%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "127.0.0.1"},
      // Metadata.
      {"%CLUSTER_METADATA(cm)%",
       R"({"b":true,"f":1.5,"l":[1,"x"],"n":5,"o":{"i":"in","z":null},"s":"str"})"},
      {"%CLUSTER_METADATA(cm:s)%", "str"},
      {"%CLUSTER_METADATA(cm:n)%", "5"},
      {"%CLUSTER_METADATA(cm:o:i)%", "in"},
      {"%CLUSTER_METADATA(cm:o:z)%", "-"},
      {"%CLUSTER_METADATA(cm:none)%", "-"},
      {"%METADATA(CLUSTER:cm):4%", R"({"b")"},
      {"%METADATA(ROUTE:rm:k)%", "rv"},
      {"%METADATA(ROUTE)%", "-"},
      {"%METADATA(LISTENER:rm:k)%", "lv"},
      {"%METADATA(VIRTUAL_HOST:rm:k)%", "-"},
      {"%METADATA(DYNAMIC:x)% %DYNAMIC_METADATA(a.b):2% %UPSTREAM_METADATA(hm:s)%", "- - -"},
      // Nothing is encrypted.
      {"%DOWNSTREAM_TLS_VERSION%%UPSTREAM_TLS_CIPHER%%DOWNSTREAM_PEER_URI_SAN%", "---"},
      {"%DOWNSTREAM_PEER_CERT_V_START(%s)%%UPSTREAM_PEER_CERT_V_END%", "--"},
      {"%DOWNSTREAM_PEER_FINGERPRINT_256%%TLS_JA3_FINGERPRINT%%UPSTREAM_SERVER_NAME%", "---"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(Print(text) == expected);
  }
}

TEST_CASE("a fault in a format is said in Envoy's words, with its place") {
  const std::pair<const char*, const char*> cases[] = {
      {"%REQ(a?b?c)%", "More than 1 alternative header specified in token: a?b?c"},
      {"%REQ(a b)%", "Invalid header configuration. Format string contains invalid characters."},
      {"%REQ()%", "REQ requires parameters"},
      {"%REQ%", "REQ requires parameters"},
      {"%FOO%", "Not supported field in StreamInfo: FOO"},
      {"%RESPONSE_CODE(a)%", "RESPONSE_CODE does not take any parameters or length"},
      {"%RESPONSE_CODE:3%", "RESPONSE_CODE does not take any parameters or length"},
      {"%START_TIME(%n)%", "Invalid header configuration. Format string contains newline."},
      {"%START_TIME(%-3En)%", "Invalid header configuration. Format string contains newline."},
      {"%START_TIME(%Y):3%", "START_TIME does not allow length to be specified."},
      {"%GRPC_STATUS(foo)%",
       "GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: foo"},
      {"%PATH(AA)%", "Invalid PATH option: 'AA', only 'WQ'/'NQ' are allowed"},
      {"%PATH(NQ:AA)%", "Invalid PATH option: 'AA', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"},
      {"%QUERY_PARAMS(X)%", "Invalid QUERY_PARAMS option: 'X', only 'ORIG'/'DECODED' are allowed"},
      {"%COMMON_DURATION(a)%", "Invalid common duration configuration: a."},
      {"%COMMON_DURATION(a:b:c)%", "Invalid common duration precision: c."},
      {"%METADATA(FOO:a)%", "FOO is not supported type of metadata"},
      {"%REQUESTED_SERVER_NAME(X)%",
       "Invalid REQUESTED_SERVER_NAME option: 'X', only 'SNI_ONLY'/'SNI_FIRST'/'HOST_FIRST' are "
       "allowed"},
      {"%FILTER_STATE(a:b)%",
       "Invalid filter state serialize type, only support PLAIN/TYPED/FIELD."},
      {"%FILTER_STATE%", "Invalid filter state configuration, key cannot be empty."},
      {"%ENVIRONMENT()%", "ENVIRONMENT requires parameters"},
      {"%TRACE_ID:3%", "TRACE_ID does not take any parameters or length"},
      {"%UNIQUE_ID(x)%", "UNIQUE_ID does not take any parameters or length"},
      {"%REQ_WITHOUT_QUERY(:path)%", "Not supported field in StreamInfo: REQ_WITHOUT_QUERY"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%", "Invalid mask prefix length: 129."},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(Print(text) == "error: " + std::string(expected) + " (at position 0 of the format)");
  }
  for (const auto& [text, position] :
       std::vector<std::pair<std::string, int>>{{"%", 0},
                                                {"a % b", 2},
                                                {"%req(a)%", 0},
                                                {"%REQ(a):x%", 0},
                                                {"%REQ(a%", 0},
                                                {"%TRAILER(x", 0},
                                                {"%%%%%", 4},
                                                {"%REQ(a):99999999999999999999%", 0}}) {
    CAPTURE(text);
    CHECK(Print(text) == "error: Incorrect configuration: " + text +
                             ". Couldn't find valid command at position " +
                             std::to_string(position));
  }
  CHECK(Print("abc %FOO%") ==
        "error: Not supported field in StreamInfo: FOO (at position 4 of the format)");
}

TEST_CASE("what is not there prints a dash, or nothing") {
  http::StreamInfo info;
  const Exchange exchange{info};
  const char* text =
      "%REQ(a)%|%RESP(a)%|%TRAILER(a)%|%PATH%|%QUERY_PARAM(a)%|%QUERY_PARAMS%|%STREAM_ID%|"
      "%START_TIME%|%REQUEST_DURATION%|%DURATION%|%RESPONSE_TX_DURATION%|%UPSTREAM_PROTOCOL%|"
      "%RESPONSE_CODE_DETAILS%|%ROUTE_NAME%|%UPSTREAM_CLUSTER%|%UPSTREAM_HOST%|"
      "%UPSTREAM_HOST_NAME%|%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_LOCAL_PORT%|"
      "%FILTER_CHAIN_NAME%|%METADATA(LISTENER:a)%|%GRPC_STATUS%";
  CHECK(Print(text, exchange) == "-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-");
  CHECK(Print(text, exchange, {.omit_empty = true}) == "|||||||||||||||||||||");
  CHECK(Print("%RESPONSE_CODE% %RESPONSE_FLAGS% %CONNECTION_ID% %REQUEST_HEADERS_BYTES%", exchange,
              {.omit_empty = true}) == "0 - 0 0");
}

TEST_CASE("flags, details and failures") {
  Sample sample;
  sample.info.flags.Set(http::ResponseFlag::kUpstreamRetryLimitExceeded);
  sample.info.flags.Set(http::ResponseFlag::kUpstreamConnectionFailure);
  sample.info.response_code_details = "upstream reset{a b\tc}";
  sample.info.upstream_failure = "delayed connect error: 111";
  sample.connection.termination_details = "closed by us";
  const Exchange exchange = sample.exchange();
  CHECK(Print("%RESPONSE_FLAGS%", exchange) == "URX,UF");
  CHECK(Print("%RESPONSE_FLAGS_LONG%", exchange) ==
        "UpstreamRetryLimitExceeded,UpstreamConnectionFailure");
  CHECK(Print("%RESPONSE_CODE_DETAILS%", exchange) == "upstream_reset{a_b_c}");
  CHECK(Print("%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", exchange) == "upstream reset{a b\tc}");
  CHECK(Print("%UPSTREAM_TRANSPORT_FAILURE_REASON%", exchange) == "delayed_connect_error:_111");
  CHECK(Print("%CONNECTION_TERMINATION_DETAILS%", exchange) == "closed by us");
  CHECK(http::FlagOfWord("UF") == http::ResponseFlag::kUpstreamConnectionFailure);
  CHECK(http::FlagOfWord("XX") == http::ResponseFlag::kNone);
}

TEST_CASE("the status of a gRPC call") {
  Sample sample;
  sample.request.headers.Add("content-type", "application/grpc+proto");
  const auto print = [&] {
    return Print("%GRPC_STATUS%|%GRPC_STATUS(SNAKE_STRING)%|%GRPC_STATUS(NUMBER)%",
                 sample.exchange());
  };
  sample.info.response_code = 503;
  CHECK(print() == "Unavailable|UNAVAILABLE|14");
  sample.response.headers.Add("grpc-status", "5");
  CHECK(print() == "NotFound|NOT_FOUND|5");
  sample.trailers.Add("grpc-status", "1");
  CHECK(print() == "Canceled|CANCELLED|1");
  sample.trailers.Set("grpc-status", "77");
  CHECK(print() == "77|77|77");
  sample.trailers.Set("grpc-status", "x");
  CHECK(print() == "-1|-1|-1");
  CHECK(Json("%GRPC_STATUS_NUMBER%", sample.exchange()) == "-1");
  sample.request.headers.Set("content-type", "application/grpcx");
  CHECK(print() == "-|-|-");
}

TEST_CASE("moments that are given from outside") {
  Sample sample;
  Exchange exchange = sample.exchange();
  sample.info.end = 0;
  CHECK(Print("%DURATION%", exchange) == "-");
  exchange.now = sample.info.start + 7'900'000;
  exchange.wall_now = 1'000'000'007;
  CHECK(Print("%DURATION% %EMIT_TIME(%s.%9f)%", exchange) == "7 1.000000007");
  CHECK(Print("%EMIT_TIME%", exchange) == "1970-01-01T00:00:01.000Z");
}

TEST_CASE("dates across the calendar") {
  Sample sample;
  const auto print = [&](int64_t seconds) {
    sample.info.start_wall = seconds * 1'000'000'000 + 999'999'999;
    const std::string own = Print("%START_TIME%", sample.exchange());
    // The same by abseil's calendar.
    CHECK(own == Print("%START_TIME(%E4Y-%m-%dT%T.%3fZ)%", sample.exchange()));
    return own;
  };
  CHECK(print(0) == "1970-01-01T00:00:00.999Z");
  CHECK(print(951'782'400) == "2000-02-29T00:00:00.999Z");
  CHECK(print(4'102'444'799) == "2099-12-31T23:59:59.999Z");
  for (int64_t day = 0; day < 30'000; day += 13) print(day * 86'400 + day % 86'400);
}

TEST_CASE("a peer cannot write a second line into a log") {
  Sample sample;
  sample.request.path = "/p?b=%0a%1b[2J%7f%c2%9b&t=a%09b";
  sample.request.headers.Add("x-tab", "a\tb\xc3\xa9");
  const Format::Options log{.escape_controls = true};
  const Exchange exchange = sample.exchange();
  CHECK(Print("%QUERY_PARAM(b)%\n", exchange, log) == "\\x0a\\x1b[2J\\x7f\\xc2\\x9b\n");
  CHECK(Print("%REQ(x-tab)%", exchange, log) == "a\\x09b\xc3\xa9");
  CHECK(Print("%REQ(x-tab)%", exchange) == "a\tb\xc3\xa9");
  CHECK(Print("\t%QUERY_PARAM(t)%", exchange, log) == "\ta\\x09b");
}

TEST_CASE("coalesce: the first operator that has a value") {
  Sample sample;
  sample.request.headers.Add("x-z", "va)lue");
  const Exchange exchange = sample.exchange();
  const auto coalesce = [](const std::string& list, const std::string& rest = "") {
    return "%COALESCE({\"operators\": [" + list + "]})" + rest + "%";
  };
  const std::string none = "{\"command\": \"REQ\", \"param\": \"none\"}";
  const std::string field = "{\"command\": \"REQ\", \"param\": \"x-z\"}";
  CHECK(Print(coalesce(none + ", " + field), exchange) == "va)lue");
  CHECK(Print(coalesce(field + ", " + none, ":3"), exchange) == "va)");
  CHECK(Print(coalesce("{\"command\": \"REQ\", \"param\": \"x-z\", \"max_length\": 2}"),
              exchange) == "va");
  CHECK(Print(coalesce(none), exchange) == "-");
  CHECK(Print(coalesce(none + ", \"RESPONSE_CODE\""), exchange) == "200");
  CHECK(Json(coalesce(none + ", \"RESPONSE_CODE\""), exchange) == "200");
  CHECK(Json(coalesce(none + ", " + field), exchange) == "\"va)lue\"");
  CHECK(Json(coalesce(none), exchange) == "null");
}

TEST_CASE("coalesce: what is wrong with its operators, in Envoy's words") {
  const std::pair<const char*, const char*> cases[] = {
      {"%COALESCE%", "COALESCE requires parameters"},
      {"%COALESCE(x)%", "COALESCE: failed to parse JSON configuration"},
      {"%COALESCE({\"operators\":[\"A\",]})%", "COALESCE: failed to parse JSON configuration"},
      {"%COALESCE({})%", "COALESCE: JSON configuration must contain 'operators' array"},
      {"%COALESCE({\"operators\":{}})%", "COALESCE: 'operators' must be an array"},
      {"%COALESCE({\"operators\":[]})%", "COALESCE: 'operators' array must not be empty"},
      {"%COALESCE({\"operators\":[\"FOO\"]})%",
       "COALESCE: failed to parse operator at index 0: unknown command: 'FOO'"},
      {"%COALESCE({\"operators\":[\"PROTOCOL\",{\"command\":\"REQ\"}]})%",
       "COALESCE: failed to parse operator at index 1: REQ requires parameters"},
      {"%COALESCE({\"operators\":[{\"param\":\"x\"}]})%",
       "COALESCE: failed to parse operator at index 0: operator object must have 'command' field"},
      {"%COALESCE({\"operators\":[3]})%",
       "COALESCE: failed to parse operator at index 0: operator entry must be either a string "
       "(command name) or an object with 'command' field"},
      {"%COALESCE({\"operators\":[{\"command\":\"REQ\",\"param\":\"x\",\"max_length\":-3}]})%",
       "COALESCE: failed to parse operator at index 0: 'max_length' must be a positive integer"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(Print(text) == "error: " + std::string(expected) + " (at position 0 of the format)");
  }
}

TEST_CASE("bytes on the wire, in both directions and on both sides") {
  Sample sample;
  sample.info.downstream_wire = {1, 2, 3, 4};
  sample.info.upstream_wire = {5, 6, 7, 8};
  CHECK(Print("%DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT% "
              "%DOWNSTREAM_HEADER_BYTES_RECEIVED% %DOWNSTREAM_HEADER_BYTES_SENT% "
              "%UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT% "
              "%UPSTREAM_HEADER_BYTES_RECEIVED% %UPSTREAM_HEADER_BYTES_SENT%",
              sample.exchange()) == "1 2 3 4 5 6 7 8");
}

TEST_CASE("one operator alone keeps its type in JSON") {
  Sample sample;
  sample.request.headers.Add("x-q", "a\"b\\c\xc3\xa9\t/");
  sample.request.headers.Add("x-latin", "ua\x80\"\\\tq\xc3\xa9/");
  const Exchange exchange = sample.exchange();
  CHECK(Json("%RESPONSE_CODE%", exchange) == "200");
  CHECK(Json("%RESPONSE_CODE% x", exchange) == "\"200 x\"");
  CHECK(Json("%DURATION%", exchange) == "12");
  CHECK(Json("%DOWNSTREAM_REMOTE_PORT%", exchange) == "41918");
  CHECK(Json("%GRPC_STATUS_NUMBER%", exchange) == "null");
  CHECK(Json("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%", exchange) == "9200");
  CHECK(Json("%REQ(none)%", exchange) == "null");
  CHECK(Json("%REQ(none)%-%REQ(none)%", exchange) == "\"---\"");
  CHECK(Json("%RESPONSE_FLAGS%", exchange) == "\"-\"");
  CHECK(Json("%START_TIME(%s)%", exchange) == "\"1795269570\"");
  CHECK(Json("%CLUSTER_METADATA(cm:n)%", exchange) == "5");
  CHECK(Json("%CLUSTER_METADATA(cm:s)%", exchange) == "\"str\"");
  CHECK(Json("%CLUSTER_METADATA(cm:l)%", exchange) == "[1,\"x\"]");
  CHECK(Json("%CLUSTER_METADATA(cm:zz)%", exchange) == "null");
  CHECK(Json("%REQ(x-q)%", exchange) == "\"a\\\"b\\\\c\xc3\xa9\\t/\"");
  CHECK(Json("%REQ(x-latin)%", exchange) == "\"ua\\u0080\\u0022\\u005c\\u0009q\\u00c3\\u00a9/\"");
}

TEST_CASE("what a format is made of") {
  Sample sample;
  const auto parse = [](std::string_view text, bool without_query = false) {
    auto format = Format::Parse(text, {.req_without_query = without_query});
    REQUIRE(format.ok());
    return *std::move(format);
  };
  REQUIRE(parse("100%%").constant() != nullptr);
  CHECK(*parse("100%%").constant() == "100%");
  CHECK(*parse("").constant() == "");
  CHECK(*parse("%HOSTNAME%").constant() != "");
  CHECK(parse("%REQ(a)%").constant() == nullptr);
  CHECK(parse("%REQ(a)%").single());
  CHECK_FALSE(parse("%REQ(a)% ").single());
  CHECK_FALSE(parse("a").single());
  CHECK(*Format::Literal("%REQ(a)%").constant() == "%REQ(a)%");

  std::string out = "x";
  CHECK_FALSE(parse("%REQ(none)%").AppendValueTo(out, sample.exchange()));
  CHECK(out == "x");
  CHECK(parse("%REQ(x-a):3%").AppendValueTo(out, sample.exchange()));
  CHECK(parse("%REQ(none)%!").AppendValueTo(out, sample.exchange()));
  CHECK(out == "xava-!");
  out.clear();
  parse("%REQ_WITHOUT_QUERY(x-none?:path):4%", true).AppendTo(out, sample.exchange());
  CHECK(out == "/a%2");
}

TEST_CASE("unique identifiers are version 4 and differ") {
  const std::string first = Print("%UNIQUE_ID%");
  REQUIRE(first.size() == 36);
  CHECK(first[14] == '4');
  CHECK(std::string("89ab").find(first[19]) != std::string::npos);
  CHECK(first != Print("%UNIQUE_ID%"));
}

}  // namespace
}  // namespace remora::formatter
