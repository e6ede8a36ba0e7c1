#include "source/extensions/listener_filters/original_src/original_src.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "source/stats/store.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

// Where upstream connections of a connection from `client` come from.
std::string SourceOf(const net::Address& client, const std::string& text) {
  config::ErrorList errors;
  config::ConfigContext context(errors, "");
  const std::optional<OriginalSrc::Config> config =
      OriginalSrc::Parse(fakes::ProtoFromText<OriginalSrc::Proto>(text), context);
  REQUIRE(config.has_value());
  stats::Store store{1};
  stats::Scope& scope = store.AddScope(OriginalSrc::StatScope(*config));
  const std::unique_ptr<net::ListenerFilter> filter =
      OriginalSrc::Create(*config, {scope, store.worker_shard(0)});
  CHECK(filter->most_bytes() == 0);
  net::Findings findings;
  findings.accepted.remote = client;
  findings.accepted.direct_remote = *net::Address::Ip("10.0.0.2", 1);
  CHECK(filter->Inspect("", false, findings) == net::ListenerFilter::Answer::kContinue);
  const net::Source* source = findings.accepted.source.get();
  if (source == nullptr) return "anywhere";
  return source->address.ToString() + (source->transparent ? " transparent" : "") + " mark " +
         std::to_string(source->mark);
}

TEST_CASE("original_src: the client's address, with its port when that is asked for") {
  const net::Address client = *net::Address::Ip("192.0.2.1", 4000);
  CHECK(SourceOf(client, "") == "192.0.2.1:0 transparent mark 0");
  CHECK(SourceOf(client, "mark: 123") == "192.0.2.1:0 transparent mark 123");
  CHECK(SourceOf(client, "bind_port: true") == "192.0.2.1:4000 transparent mark 0");
  CHECK(SourceOf(*net::Address::Ip("2001:db8::1", 7), "") == "[2001:db8::1]:0 transparent mark 0");
}

TEST_CASE("original_src: a client without an IP address changes nothing") {
  CHECK(SourceOf(*net::Address::Unix("/a"), "") == "anywhere");
}

}  // namespace
}  // namespace remora::extensions
