#include "source/extensions/http_filters/grpc_web/grpc_web.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "source/extensions/http_filters/cors/cors.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using http::Framing;

const std::string kMessage("\0\0\0\0\2hi", 7);
constexpr char kText[] = "application/grpc-web-text";
constexpr char kBinary[] = "application/grpc-web+proto";

struct World : fakes::ChainWorld {
  explicit World(const std::string& type, Fields fields = {}) {
    config::Registry registry;
    registry.AddHttpFilter<GrpcWeb>();
    std::string errors;
    AddWithState(fakes::ParseFilter(registry, "web", GrpcWeb::Proto(), errors));
    CHECK(errors.empty());
    upstream::ClusterConfig cluster;
    cluster.name = "up";
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1,
                                                         store.AddScope("cluster.up.")));
    clusters().Apply(std::move(table));
    fields.insert(fields.begin(), {"content-type", type});
    request = &MakeRequest("POST", "/a.B/C", fields);
    request->framing = Framing::kLength;
    request->length = 8;
    CHECK(request->headers.Add("content-length", "8"));
    upstream.with_fields = downstream.with_fields = true;
    Start();
    info.cluster_name = "up";
  }
  // What the client gets; the answer has the fields, body and trailers.
  std::string Answer(uint16_t status, const Fields& fields, std::string_view body,
                     const Fields& trailers, Framing framing = Framing::kStreamed) {
    if (upstream.heads == 0) Request();
    Take();
    auto& head = MakeResponse(status, fields);
    head.framing = framing;
    ResponseHead(head);
    for (size_t at = 0; at < body.size(); at += 3) ResponseData(body.substr(at, 3));
    ResponseEnd(trailers);
    Take();
    return fakes::ToText(*downstream.last_head);
  }
  http::RequestHead* request;
};

TEST_CASE("grpc_web: the request becomes gRPC") {
  for (const char* type : {"application/grpc-web", kBinary}) {
    World world(type);
    world.Request(kMessage);
    CHECK(world.Take() ==
          "up:head(POST /a.B/C content-type=application/grpc te=trailers "
          "grpc-accept-encoding=identity) up:data(" +
              kMessage + ") up:end");
    CHECK(world.request->framing == Framing::kStreamed);
  }
  World own(kBinary, {{"grpc-accept-encoding", "gzip"}, {"te", "x"}});
  own.Request();
  CHECK(own.Take() ==
        "up:head(POST /a.B/C content-type=application/grpc grpc-accept-encoding=gzip te=trailers) "
        "up:end");
}

TEST_CASE("grpc_web: other requests pass untouched, and so do their answers") {
  for (const char* type : {"application/grpc", "application/grpc-web+json", "text/plain",
                           "application/grpc-web; charset=utf-8"}) {
    World world(type);
    world.Request("body");
    CHECK(world.Take() == "up:head(POST /a.B/C content-type=" + std::string(type) +
                              " content-length=8) up:data(body) up:end");
    CHECK(world.Answer(200, {{"content-type", "text/html"}}, "page", {}) ==
          "200 content-type=text/html");
    CHECK(world.downstream.body == "page");
  }
}

TEST_CASE("grpc_web: text is read, however it is cut") {
  const std::string text = absl::Base64Escape(kMessage + kMessage);
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    World world(kText);
    world.RequestHead();
    for (size_t at = 0; at < text.size(); at += piece) world.RequestData(text.substr(at, piece));
    world.RequestEnd();
    CHECK(world.upstream.body == kMessage + kMessage);
  }
}

TEST_CASE("grpc_web: text that is none is refused") {
  World bad(kText);
  bad.RequestHead();
  bad.RequestData("AAA!AAAA");
  CHECK(bad.downstream.last_head->status == 400);
  CHECK(bad.info.response_code_details == "grpc_base_64_decode_failed");
  World cut(kText);
  cut.RequestHead();
  cut.RequestData("AAAAAA");
  CHECK(cut.downstream.heads == 0);
  cut.RequestEnd();
  // The proxy's own answers are told as any that is no gRPC.
  CHECK(fakes::ToText(*cut.downstream.last_head) ==
        "400 content-type=application/grpc-web+proto grpc-message=Bad gRPC-web request, invalid "
        "base64 data. grpc-status=13 content-length=0");
  CHECK(cut.downstream.body.empty());
  CHECK(cut.info.response_code_details == "grpc_base_64_decode_failed_bad_size");
}

TEST_CASE("grpc_web: trailers become the last frame of the answer") {
  const std::string lines = "grpc-status:0\r\nx-a:b\r\n";
  const std::string frame = std::string("\x80\0\0\0\x16", 5) + lines;
  const Fields grpc = {{"content-type", "application/grpc"}, {"content-length", "7"}};
  const Fields trailers = {{"grpc-status", "0"}, {"x-a", "b"}};
  World binary(kBinary);
  CHECK(binary.Answer(200, grpc, kMessage, trailers) ==
        "200 content-type=application/grpc-web+proto");
  CHECK(binary.downstream.body == kMessage + frame);
  World text(kText, {{"accept", "application/grpc-web-text+proto"}});
  CHECK(text.Answer(200, grpc, kMessage + kMessage, trailers) ==
        "200 content-type=application/grpc-web-text+proto");
  CHECK(text.downstream.body ==
        absl::Base64Escape(kMessage) + absl::Base64Escape(kMessage) + absl::Base64Escape(frame));
  CHECK(text.Stat("cluster.up.grpc-web.a.B.C.0") == 1);
  CHECK(text.Stat("cluster.up.grpc-web.a.B.C.success") == 1);
  CHECK(text.Stat("cluster.up.grpc-web.a.B.C.total") == 1);
  // What the request is says nothing about the answer.
  World mixed(kText);
  mixed.Answer(200, grpc, kMessage, trailers);
  CHECK(mixed.downstream.body == kMessage + frame);
}

TEST_CASE("grpc_web: an answer whose head is all stays as it is") {
  World world(kBinary);
  CHECK(world.Answer(200, {{"content-type", "application/grpc"}, {"grpc-status", "5"}}, "", {},
                     Framing::kNone) ==
        "200 content-type=application/grpc-web+proto grpc-status=5");
  CHECK(world.Stat("cluster.up.grpc-web.a.B.C.failure") == 1);
}

TEST_CASE("grpc_web: an answer that is no gRPC is told in gRPC's words") {
  World page(kBinary);
  CHECK(page.Answer(503, {{"content-type", "text/html"}, {"content-length", "5"}}, "n\xc3\xb6!",
                    {}) ==
        "503 content-type=application/grpc-web+proto grpc-message=n%C3%B6! grpc-status=14 "
        "content-length=0");
  CHECK(page.downstream.body.empty());
  World large(kBinary);
  large.Answer(500, {}, std::string(100'000, 'x'), {});
  CHECK(large.downstream.last_head->headers.Get(http::HeaderId::kGrpcMessage).size() ==
        GrpcWebFilter::kMaxMessage);
  // A server that speaks gRPC-Web by itself.
  World web(kBinary);
  CHECK(web.Answer(200, {{"content-type", "application/grpc-web; x=y"}}, "abc", {}) ==
        "200 content-type=application/grpc-web+proto");
  CHECK(web.downstream.body == "abc");
}

TEST_CASE("grpc_web: behind CORS, whose fields stay") {
  fakes::ChainWorld world;
  config::Registry registry;
  registry.AddHttpFilter<Cors>();
  registry.AddHttpFilter<GrpcWeb>();
  std::string errors;
  world.AddWithState(fakes::ParseFilter(registry, "cors", Cors::Proto(), errors));
  world.AddWithState(fakes::ParseFilter(registry, "web", GrpcWeb::Proto(), errors));
  world.UseRoutes(fakes::OneRoute(
      {.route = {fakes::ParseOverride(
           registry, "cors",
           fakes::ProtoFromText<Cors::RouteProto>("allow_origin_string_match { exact: 'http://b' } "
                                                  "expose_headers: 'grpc-status'"),
           errors)}}));
  CHECK(errors.empty());
  world.MakeRequest("POST", "/a.B/C", {{"content-type", kBinary}, {"origin", "http://b"}});
  world.downstream.with_fields = true;
  world.Start();
  world.Request();
  world.Response(503, "gone");
  const std::string answer = fakes::ToText(*world.downstream.last_head);
  CHECK(answer.find("access-control-allow-origin=http://b") != std::string::npos);
  CHECK(answer.find("access-control-expose-headers=grpc-status") != std::string::npos);
  CHECK(answer.find("grpc-status=14") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
