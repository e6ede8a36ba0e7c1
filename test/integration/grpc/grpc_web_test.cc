// gRPC-Web from a client of HTTP/1 to a server of the gRPC library.

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "source/extensions/http_filters/grpc_web/grpc_web.h"
#include "test/fakes/extension_world.h"
#include "test/grpc/real_server.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using fakes::RealServer;

std::string Frame(const std::string& message) {
  std::string bytes("\0\0\0", 3);
  bytes += static_cast<char>(message.size() >> 8);
  bytes += static_cast<char>(message.size());
  return bytes + message;
}

struct Middle {
  Middle() {
    upstream::ClusterConfig& cluster = h.Cluster("svc");
    cluster.protocol = upstream::Protocol::kHttp2;
    cluster.hosts.emplace_back().address = server.address();
    h.Route("/test.", "svc");
    config::Registry registry;
    registry.AddHttpFilter<extensions::GrpcWeb>();
    std::string errors;
    h.Filter(fakes::ParseFilter(registry, "web", extensions::GrpcWeb::Proto(), errors));
    REQUIRE(errors.empty());
    h.Start();
  }
  RealServer server;
  Harness h;
};

TEST_CASE("grpc_web: a call of a browser, in bytes and in text") {
  Middle middle;
  Client client = middle.h.Connect();
  const std::string trailers = "grpc-status:0\r\n";
  const std::string end = std::string("\x80\0\0\0\x0f", 5) + trailers;
  const Message binary = client.Post("/test.Test/Swallow", Frame("hello"),
                                     {{"content-type", "application/grpc-web+proto"}});
  CHECK(binary.status == 200);
  CHECK(binary.Get("content-type") == "application/grpc-web+proto");
  CHECK(binary.body == Frame("1 5") + end);
  CHECK(binary.trailers.empty());
  const Message text = client.Post(
      "/test.Test/Swallow", absl::Base64Escape(Frame("hello")),
      {{"content-type", "application/grpc-web-text"}, {"accept", "application/grpc-web-text"}});
  CHECK(text.Get("content-type") == "application/grpc-web-text+proto");
  CHECK(text.body == absl::Base64Escape(Frame("1 5")) + absl::Base64Escape(end));
  CHECK(middle.h.Stat("cluster.svc.grpc-web.test.Test.Swallow.success") == 2);
}

TEST_CASE("grpc_web: a stream of answers, and a call that fails") {
  Middle middle;
  Client client = middle.h.Connect();
  const Message many =
      client.Post("/test.Test/Many", Frame("1000 100"), {{"content-type", "application/grpc-web"}});
  CHECK(many.body.size() == 1000 * 105 + 5 + std::string("grpc-status:0\r\n").size());
  const Message failed =
      client.Post("/test.Test/Fail", Frame("x"), {{"content-type", "application/grpc-web"}});
  CHECK(failed.status == 200);
  // Its head is all.
  CHECK(failed.Get("grpc-status") == "9");
  const Message bad =
      client.Post("/test.Test/Swallow", "!!!!", {{"content-type", "application/grpc-web-text"}});
  CHECK(bad.status == 400);
  CHECK(bad.Get("grpc-status") == "13");
}

}  // namespace
}  // namespace remora::harness
