#pragma once

// An exchange with all its facts, for the formatter's tests: the one that real Envoy 1.40 was asked
// about. What it printed is what the tests expect.

#include <string>

#include "source/base/arena.h"
#include "source/http/formatter/format.h"
#include "source/http/metadata.h"
#include "source/net/address.h"

namespace remora::formatter {

inline http::MetadataValue MakeString(std::string text) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kString;
  value.text = std::move(text);
  return value;
}
inline http::MetadataValue MakeNumber(double number) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kNumber;
  value.number = number;
  return value;
}
inline http::MetadataValue MakeBoolean(bool boolean) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kBoolean;
  value.boolean = boolean;
  return value;
}
inline http::MetadataValue MakeList(std::vector<http::MetadataValue> items) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kList;
  value.items = std::move(items);
  return value;
}
inline http::MetadataValue MakeStruct(
    std::vector<std::pair<std::string, http::MetadataValue>> fields) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kStruct;
  for (auto& [name, field] : fields) value.fields.emplace(name, std::move(field));
  return value;
}

struct Sample {
  Sample() {
    request.method = "GET";
    request.scheme = "http";
    request.authority = "h.example:80";
    request.path = "/a%20b/c?a=12&b=%20x%41%0a%22%c3%a9&a=3&c=+1%zz%2";
    request.headers.Add("x-a", "aval");
    request.headers.Add("empty", "");
    request.headers.Add("user-agent", "ua");
    request.headers.Add("x-request-id", "ddbc497e-828d-4cef-8951-b5b650114098");
    response.status = 200;
    response.headers.Add("x-up", "upv");
    trailers.Add("x-trail", "tt");

    connection.id = 1;
    connection.local = &local;
    connection.direct_remote = &direct;
    connection.filter_chain_name = "fc";
    connection.listener_metadata = &listener_metadata;
    info.connection = &connection;
    info.downstream_remote = &remote;
    info.upstream_remote = &upstream;
    info.upstream_local = &upstream_local;
    info.start_wall = 1795269570955184123;
    info.start = 1'000'000'000;
    info.request_end = info.start + 1'500'000;
    info.upstream_connect_begin = info.start + 1'600'000;
    info.upstream_connect_end = info.start + 1'666'000;
    info.upstream_request_begin = info.start + 1'700'000;
    info.upstream_request_end = info.start + 2'100'000;
    info.upstream_first_byte = info.start + 5'000'000;
    info.upstream_last_byte = info.start + 9'000'000;
    info.response_begin = info.start + 5'100'000;
    info.response_end = info.start + 9'200'000;
    info.end = info.start + 12'300'000;
    info.bytes_received = 3;
    info.bytes_sent = 5;
    info.response_code = 200;
    info.response_code_details = "via_upstream";
    info.route_name = "rt";
    info.virtual_host_name = "vh";
    info.cluster_name = "up";
    info.cluster_stat_name = "altup";
    info.upstream_host = "127.0.0.1:18911";
    info.upstream_attempts = 1;
    info.upstream_connection_id = 2;
    info.cluster_metadata = &cluster_metadata;
    info.route_metadata = &route_metadata;
  }

  Exchange exchange() {
    Exchange made{info};
    made.request = &request;
    made.response = &response;
    made.response_trailers = &trailers;
    made.log_type = LogType::kDownstreamEnd;
    return made;
  }

  base::ArenaPool pool;
  base::Arena arena{pool};
  http::RequestHead request{arena};
  http::ResponseHead response{arena};
  http::HeaderMap trailers{arena};
  net::Address local = *net::Address::Ip("127.0.0.1", 18902);
  net::Address direct = *net::Address::Ip("2001:db8:1234:5678::9", 41918);
  net::Address remote = *net::Address::Ip("10.1.10.23", 41918);
  net::Address upstream = *net::Address::Ip("127.0.0.1", 18911);
  net::Address upstream_local = *net::Address::Ip("127.0.0.1", 48264);
  http::Metadata cluster_metadata = {
      {"cm", MakeStruct({{"s", MakeString("str")},
                         {"n", MakeNumber(5)},
                         {"f", MakeNumber(1.5)},
                         {"b", MakeBoolean(true)},
                         {"o", MakeStruct({{"i", MakeString("in")}, {"z", {}}})},
                         {"l", MakeList({MakeNumber(1), MakeString("x")})}})}};
  http::Metadata route_metadata = {{"rm", MakeStruct({{"k", MakeString("rv")}})}};
  http::Metadata listener_metadata = {{"rm", MakeStruct({{"k", MakeString("lv")}})}};
  http::ConnectionFacts connection;
  http::StreamInfo info;
};

}  // namespace remora::formatter
