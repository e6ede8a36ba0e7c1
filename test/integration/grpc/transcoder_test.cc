// JSON from a client of HTTP/1 to a server of the gRPC library.

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "source/extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "test/extensions/http_filters/grpc_json_transcoder/shop.h"
#include "test/fakes/extension_world.h"
#include "test/grpc/real_server.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using extensions::GrpcJsonTranscoder;
using fakes::RealServer;

struct Middle {
  Middle() {
    upstream::ClusterConfig& cluster = h.Cluster("svc");
    cluster.protocol = upstream::Protocol::kHttp2;
    cluster.hosts.emplace_back().address = server.address();
    h.Route("/shop.Shop/", "svc");
    GrpcJsonTranscoder::Proto proto;
    proto.add_services("shop.Shop");
    proto.set_convert_grpc_status(true);
    proto.set_proto_descriptor_bin(fakes::ShopDescriptors());
    config::Registry registry;
    registry.AddHttpFilter<GrpcJsonTranscoder>();
    std::string errors;
    h.Filter(fakes::ParseFilter(registry, "json", proto, errors));
    REQUIRE(errors.empty());
    h.Start();
  }
  RealServer server;
  Harness h;
};

TEST_CASE("transcoder: calls over HTTP/1, one after the other") {
  Middle middle;
  middle.server.Answer([](const std::string& message) { return message; });
  Client client = middle.h.Connect();
  const Message get = client.Get("/v1/items/7?count=5");
  CHECK(get.status == 200);
  CHECK(get.Get("content-type") == "application/json");
  CHECK(get.Get("grpc-status") == "0");
  CHECK(get.body == R"({"count":"5","id":"7"})");
  const Message make = client.Post("/v1/items", R"({"id":"8","tags":["a","b"]})",
                                   {{"content-type", "application/json"}});
  CHECK(make.body == R"({"id":"8","tags":["a","b"]})");
  const Message bad = client.Post("/v1/items", "{", {{"content-type", "application/json"}});
  CHECK(bad.status == 400);
  CHECK(client.Get("/v1/items/9").body == R"({"id":"9"})");
  // No method of the service, and no route for it as it is.
  CHECK(client.Get("/v2/items").status == 404);
}

TEST_CASE("transcoder: a stream of the server's") {
  Middle middle;
  Client client = middle.h.Connect();
  middle.server.Answer([](const std::string& message) { return message; });
  const Message list = client.Get("/v1/items?count=3");
  CHECK(list.body == R"([{"count":"3"}])");
}

TEST_CASE("transcoder: the server goes away") {
  Middle middle;
  middle.server.Stop();
  Client client = middle.h.Connect();
  const Message answer = client.Get("/v1/items/7");
  CHECK(answer.status == 503);
}

}  // namespace
}  // namespace remora::harness
