// What Envoy 1.40 answers was measured; the tests say the same.

#include "source/extensions/http_filters/grpc_http1_bridge/grpc_http1_bridge.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/grpc_http1_bridge/v3/config.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using http::Framing;
using http::HeaderId;

constexpr char kUpgrade[] = "upgrade_protobuf_to_grpc: true ignore_query_parameters: true";

struct World : fakes::ChainWorld {
  explicit World(const std::string& type, const std::string& config = "",
                 Framing framing = Framing::kStreamed, uint64_t length = 0,
                 http::Version version = http::Version::kHttp11)
      : ChainWorld(100) {
    config::Registry registry;
    registry.AddHttpFilter<GrpcHttp1Bridge>();
    std::string errors;
    AddFactory(fakes::ParseFilter(registry, "bridge",
                                  fakes::ProtoFromText<GrpcHttp1Bridge::Proto>(config), errors));
    CHECK(errors.empty());
    info.version = version;
    request = &MakeRequest("POST", "/a.B/C?q", {{"content-type", type}});
    request->framing = framing;
    request->length = length;
    Start();
  }
  void Answer(const Fields& trailers, std::string_view body = "hello") {
    response = &MakeResponse(200, {{"content-type", "application/grpc"}});
    ResponseHead(*response);
    if (!body.empty()) ResponseData(body);
    ResponseEnd(trailers);
  }
  std::string Status() const {
    return std::to_string(response->status) + " " +
           std::string(response->headers.Get(HeaderId::kGrpcStatus)) + " " +
           std::string(response->headers.Get(HeaderId::kGrpcMessage)) + " " +
           std::string(response->headers.Get(HeaderId::kContentLength));
  }
  http::RequestHead* request;
  http::ResponseHead* response = nullptr;
};

TEST_CASE("grpc_http1_bridge: the answer's head says how the call ended") {
  const std::pair<Fields, std::string> rows[] = {
      {{{"grpc-status", "0"}}, "200 0  5"},
      {{{"grpc-status", "5"}, {"grpc-message", "no"}}, "503 5 no 5"},
      {{{"grpc-status", "x"}}, "503 x  5"},
      {{{"other", "1"}}, "200   5"},
      {{}, "200   "},
  };
  for (const auto& [trailers, expected] : rows) {
    World world("application/grpc");
    world.RequestHead();
    world.RequestEnd();
    world.Take();
    world.Answer(trailers);
    CHECK(world.Status() == expected);
    CHECK(world.Take().find("down:data(hello)") != std::string::npos);
  }
}

TEST_CASE("grpc_http1_bridge: other requests, HTTP/2 and bare heads pass untouched") {
  for (const bool http2 : {false, true}) {
    World world(http2 ? "application/grpc" : "text/plain", kUpgrade, Framing::kStreamed, 0,
                http2 ? http::Version::kHttp2 : http::Version::kHttp11);
    world.RequestHead();
    world.RequestData("abc");
    world.RequestEnd();
    CHECK(world.request->path == "/a.B/C?q");
    CHECK(world.Take() == "up:head(POST /a.B/C?q) up:data(abc) up:end");
    world.Answer({{"grpc-status", "5"}});
    CHECK(world.Status() == "200   ");
  }
  World world("application/grpc");
  world.RequestHead();
  world.RequestEnd();
  world.response = &world.MakeResponse(200, {{"grpc-status", "7"}});
  world.response->framing = Framing::kNone;
  world.Take();
  world.ResponseHead(*world.response);
  CHECK(world.Take().find("down:head(200)") != std::string::npos);
}

TEST_CASE("grpc_http1_bridge: protobuf is framed, at once where its length is known") {
  const std::string prefix("\0\0\0\0\3", 5);
  World known("application/x-protobuf", kUpgrade, Framing::kLength, 3);
  known.RequestHead();
  CHECK(known.Take().find("up:data") != std::string::npos);
  known.RequestData("abc");
  known.RequestEnd();
  CHECK(known.request->framing == Framing::kStreamed);
  CHECK(known.request->path == "/a.B/C");
  CHECK(known.request->headers.Get(HeaderId::kContentType) == "application/grpc");

  World streamed("application/x-protobuf", kUpgrade);
  streamed.RequestHead();
  streamed.RequestData("a");
  CHECK(streamed.Take().find("up:data(a") == std::string::npos);
  streamed.RequestData("bc");
  streamed.RequestEnd();
  CHECK(streamed.Take().find("abc") != std::string::npos);
  streamed.Answer({{"grpc-status", "0"}}, std::string("\0\0\0\0\2hi", 7));
  CHECK(streamed.Status() == "200 0  2");
  CHECK(streamed.Take().find("down:data(hi)") != std::string::npos);
}

TEST_CASE("grpc_http1_bridge: the prefix of an answer is taken off, however it is cut") {
  World world("application/x-protobuf", kUpgrade, Framing::kNone);
  world.RequestHead();
  world.RequestEnd();
  world.response = &world.MakeResponse(200, {{"content-type", "application/grpc"}});
  world.ResponseHead(*world.response);
  world.ResponseData(std::string("\0\0", 2));
  world.ResponseData(std::string("\0\0\1", 3));
  world.ResponseData("x");
  world.Take();
  world.ResponseEnd({{"grpc-status", "0"}});
  CHECK(world.Status() == "200 0  1");
  CHECK(world.Take().find("down:data(x)") != std::string::npos);
}

TEST_CASE("grpc_http1_bridge: what is kept is bounded") {
  World request("application/x-protobuf", kUpgrade);
  request.RequestHead();
  request.Take();
  request.RequestData(std::string(101, 'x'));
  CHECK(request.Take().find("down:head(413) down:data(Payload Too Large)") != std::string::npos);

  World response("application/grpc");
  response.RequestHead();
  response.RequestEnd();
  response.response = &response.MakeResponse(200, {});
  response.ResponseHead(*response.response);
  response.Take();
  response.ResponseData(std::string(101, 'x'));
  // To gRPC a 500 is its trailers alone.
  CHECK(response.Take().find("down:head(200)") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
