#include "source/extensions/listener_filters/proxy_protocol/proxy_protocol.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "source/net/proxy_header.h"
#include "source/stats/store.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Proto = ProxyProtocol::Proto;
using Answer = net::ListenerFilter::Answer;

const net::Address kClient = *net::Address::Ip("192.0.2.1", 40000);
const net::Address kWanted = *net::Address::Ip("10.0.0.9", 443);

// A filter, and what it says of a connection that has sent `bytes`.
struct World {
  explicit World(const std::string& text = "") {
    config::ErrorList errors;
    config::ConfigContext context(errors, "");
    config = ProxyProtocol::Parse(fakes::ProtoFromText<Proto>(text), context);
    REQUIRE(config.has_value());
    stats::Scope& scope = store.AddScope(ProxyProtocol::StatScope(*config));
    filter = ProxyProtocol::Create(*config, {scope, store.worker_shard(0)});
    findings.accepted.local = *net::Address::Ip("10.0.0.1", 80);
    findings.accepted.remote = *net::Address::Ip("10.0.0.2", 1);
  }

  std::string Inspect(std::string_view bytes, bool ended = false) {
    switch (filter->Inspect(bytes, ended, findings)) {
      case Answer::kContinue:
        return "continue, take " + std::to_string(findings.take);
      case Answer::kMore:
        return "more, look " + std::to_string(findings.look);
      case Answer::kReject:
        return "reject";
    }
    return "";
  }
  // The counters that are not 0, "name: value" each.
  std::string Counted() {
    std::string text;
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.value == 0) continue;
      text += std::string(metric.name) + ": " + std::to_string(metric.value) + "\n";
    }
    return text;
  }

  stats::Store store{1};
  std::optional<ProxyProtocol::Config> config;
  std::unique_ptr<net::ListenerFilter> filter;
  net::Findings findings;
};

TEST_CASE("PROXY protocol: the header says who is there and is taken away") {
  World world;
  const std::string header = net::WriteProxyHeaderV1(kClient, kWanted);
  CHECK(world.Inspect(header + "GET /") == "continue, take " + std::to_string(header.size()));
  CHECK(world.findings.accepted.remote == kClient);
  CHECK(world.findings.accepted.local == kWanted);
  CHECK(world.findings.accepted.local_restored);
  CHECK(world.Counted() == "proxy_proto.versions.v1.found: 1\n");
}

TEST_CASE("PROXY protocol: a load balancer's own connection keeps its addresses") {
  World world("stat_prefix: 'p'");
  CHECK(world.Inspect("PROXY UNKNOWN\r\n") == "continue, take 15");
  CHECK(world.findings.accepted.remote.ToString() == "10.0.0.2:1");
  CHECK_FALSE(world.findings.accepted.local_restored);
  CHECK(world.Counted() == "proxy_proto.p.versions.v1.found: 1\n");
}

TEST_CASE("PROXY protocol: without a header") {
  World strict;
  CHECK(strict.Inspect("GET /") == "reject");
  CHECK(strict.Counted() ==
        "downstream_cx_proxy_proto_error: 1\nproxy_proto.not_found_disallowed: 1\n");
  World lenient("allow_requests_without_proxy_protocol: true");
  CHECK(lenient.Inspect("PROX") == "more, look 536");
  CHECK(lenient.Inspect("PROXIMITY") == "continue, take 0");
  CHECK(lenient.Counted() == "proxy_proto.not_found_allowed: 1\n");
}

TEST_CASE("PROXY protocol: broken headers close the connection even when none is needed") {
  World lenient("allow_requests_without_proxy_protocol: true");
  CHECK(lenient.Inspect("PROXY TCP4 x\r\n") == "reject");
  CHECK(lenient.Counted() ==
        "downstream_cx_proxy_proto_error: 1\nproxy_proto.versions.v1.error: 1\n");
  World cut;
  CHECK(cut.Inspect("PROXY TCP4", true) == "more, look 536");
  CHECK(cut.Counted() == "");
}

TEST_CASE("PROXY protocol: a version can be forbidden") {
  World strict("disallowed_versions: V1");
  CHECK(strict.Inspect("PROXY UNKNOWN\r\n") == "reject");
  CHECK(strict.Inspect(net::WriteProxyHeaderV2(kClient, kWanted, {})) == "continue, take 28");
  CHECK(strict.Counted() ==
        "downstream_cx_proxy_proto_error: 1\nproxy_proto.versions.v1.disallowed: 1\n"
        "proxy_proto.versions.v2.found: 1\n");
  World lenient("disallowed_versions: V2 allow_requests_without_proxy_protocol: true");
  CHECK(lenient.Inspect(net::WriteProxyHeaderV2(kClient, kWanted, {})) == "continue, take 0");
}

TEST_CASE("PROXY protocol: TLVs are kept by rule, and passed on when they may be") {
  World world(
      "rules { tlv_type: 2 on_tlv_present { key: 'authority' } } "
      "rules { tlv_type: 234 on_tlv_present { metadata_namespace: 'aws' key: 'vpce' } } "
      "rules { tlv_type: 5 } "
      "pass_through_tlvs { match_type: INCLUDE tlv_type: 234 tlv_type: 5 }");
  const std::string header = net::WriteProxyHeaderV2(
      kClient, kWanted, {{2, "a\xff\xc3\xa9\xed\xa0\x80z"}, {5, "id"}, {234, "vpce-1"}, {7, "x"}});
  CHECK(world.Inspect(header) == "continue, take " + std::to_string(header.size()));
  std::string kept;
  for (const net::ConnectionValue& value : world.findings.accepted.metadata) {
    kept += value.name_space + " " + value.key + "=" + value.value + "\n";
  }
  CHECK(kept ==
        "envoy.filters.listener.proxy_protocol authority=a!\xc3\xa9!!!z\naws vpce=vpce-1\n");
  std::string passed;
  for (const net::ConnectionTlv& tlv : world.findings.accepted.tlvs) {
    passed += std::to_string(tlv.type) + "=" + tlv.value + " ";
  }
  CHECK(passed == "5=id 234=vpce-1 ");
}

TEST_CASE("PROXY protocol: a long header is looked at as a whole") {
  World world;
  const std::string header =
      net::WriteProxyHeaderV2(kClient, kWanted, {{1, std::string(60000, 'x')}});
  CHECK(world.Inspect(std::string_view(header).substr(0, 536)) ==
        "more, look " + std::to_string(header.size()));
  CHECK(world.Inspect(header) == "continue, take " + std::to_string(header.size()));
}

}  // namespace
}  // namespace remora::extensions
