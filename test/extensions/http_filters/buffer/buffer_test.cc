#include "source/extensions/http_filters/buffer/buffer.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Buffer>();
  return registry;
}

// A chain of a buffer filter with the limit, for a request with that framing.
struct World : ChainWorld {
  World(uint32_t limit, http::Framing framing, uint64_t length = 0, std::string per_route = "") {
    std::string errors;
    AddFactory(fakes::ParseFilter(
        Registry(), "buffer",
        ProtoFromText<Buffer::Proto>("max_request_bytes { value: " + std::to_string(limit) + " }"),
        errors));
    if (!per_route.empty()) {
      UseRoutes(fakes::OneRoute(
          {.route = {fakes::ParseOverride(Registry(), "buffer",
                                          ProtoFromText<Buffer::RouteProto>(per_route), errors)}}));
    }
    CHECK(errors.empty());
    http::RequestHead& head = MakeRequest("POST", "/");
    head.framing = framing;
    head.length = length;
    if (framing == http::Framing::kLength) {
      CHECK(head.headers.Set(http::HeaderId::kContentLength, std::to_string(length)));
    }
    upstream.with_fields = true;
    Start();
  }
};

TEST_CASE("buffer: holds a streamed request and sends it with its length") {
  World world(10, http::Framing::kStreamed);
  world.RequestHead();
  world.RequestData("abc");
  world.RequestData("de");
  CHECK(world.Take().empty());
  world.RequestEnd();
  CHECK(world.Take() == "up:head(POST / content-length=5) up:data(abcde) up:end");
  CHECK(world.upstream.last_head->framing == http::Framing::kLength);
  CHECK(world.upstream.last_head->length == 5);
}

TEST_CASE("buffer: an empty streamed request has length 0") {
  World world(10, http::Framing::kStreamed);
  world.RequestHead();
  world.RequestEnd();
  CHECK(world.Take() == "up:head(POST / content-length=0) up:end");
  CHECK(world.upstream.last_head->length == 0);
}

TEST_CASE("buffer: a request of known length is held too, and keeps it") {
  World world(10, http::Framing::kLength, 3);
  world.RequestHead();
  world.RequestData("abc");
  CHECK(world.Take().empty());
  world.RequestEnd();
  CHECK(world.Take() == "up:head(POST / content-length=3) up:data(abc) up:end");
}

TEST_CASE("buffer: trailers stay at the end") {
  World world(10, http::Framing::kStreamed);
  world.RequestHead();
  world.RequestData("abc");
  world.RequestEnd({{"t", "1"}});
  CHECK(world.Take() == "up:head(POST / content-length=3) up:data(abc) up:end(t=1)");
}

TEST_CASE("buffer: a request without a body and a tunnel pass at once") {
  for (const http::Framing framing : {http::Framing::kNone, http::Framing::kTunnel}) {
    World world(10, framing);
    world.RequestHead();
    CHECK(world.Take() == "up:head(POST /)");
  }
}

TEST_CASE("buffer: at the limit it is fine, above it 413") {
  World world(10, http::Framing::kStreamed);
  world.RequestHead();
  SECTION("at") {
    world.RequestData("0123456789");
    world.RequestEnd();
    CHECK(world.upstream.body == "0123456789");
  }
  SECTION("above") {
    world.RequestData("0123456789");
    world.RequestData("x");
    world.RequestEnd();
    CHECK(world.Take() == "up:complete down:head(413) down:data(Payload Too Large) down:end");
    CHECK(world.info.response_code_details == "request_payload_too_large");
  }
}

TEST_CASE("buffer: the limit may be above the connection's") {
  World world(2 * 1024 * 1024, http::Framing::kStreamed);
  world.RequestHead();
  for (int i = 0; i < 3; ++i) world.RequestData(std::string(500'000, 'x'));
  world.RequestEnd();
  CHECK(world.upstream.body.size() == 1'500'000);
}

TEST_CASE("buffer: a route turns it off") {
  World world(10, http::Framing::kStreamed, 0, "disabled: true");
  world.RequestHead();
  world.RequestData("abc");
  CHECK(world.Take() == "up:head(POST /) up:data(abc)");
}

TEST_CASE("buffer: a route has another limit") {
  World world(10, http::Framing::kStreamed, 0, "buffer { max_request_bytes { value: 2 } }");
  world.RequestHead();
  world.RequestData("abc");
  CHECK(world.downstream.last_head->status == 413);
}

TEST_CASE("buffer: responses pass") {
  World world(1, http::Framing::kNone);
  world.RequestHead();
  world.RequestEnd();
  world.Response(200, "long");
  CHECK(world.downstream.body == "long");
}

}  // namespace
}  // namespace remora::extensions
