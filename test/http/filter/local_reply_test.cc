#include "source/http/filter/local_reply.h"

#include <catch2/catch.hpp>
#include <string>

#include "source/http/grpc_status.h"
#include "test/fakes/recorder.h"

namespace remora::http {
namespace {

struct Filled {
  std::string head;
  std::string body;
  Framing framing;
  uint64_t length;
};

Filled Fill(const LocalReply& reply, std::string_view method = "GET",
            std::string_view content_type = "") {
  base::ArenaPool pool;
  base::Arena arena(pool);
  RequestHead request(arena);
  request.method = method;
  request.method_id = ParseMethod(method);
  if (!content_type.empty()) CHECK(request.headers.Add(HeaderId::kContentType, content_type));
  ResponseHead head(arena);
  const std::string body(FillLocalReply(reply, &request, IsGrpcRequest(request), head));
  return {fakes::ToText(head), body, head.framing, head.length};
}

LocalReply Make(uint16_t status, std::string body) {
  LocalReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

TEST_CASE("local reply: with a body") {
  const Filled filled = Fill(Make(503, "no healthy upstream"));
  CHECK(filled.head == "503 content-type=text/plain content-length=19");
  CHECK(filled.body == "no healthy upstream");
  CHECK(filled.framing == Framing::kLength);
  CHECK(filled.length == 19);
}

TEST_CASE("local reply: without a body") {
  const Filled filled = Fill(Make(404, ""));
  CHECK(filled.head == "404 content-length=0");
  CHECK(filled.body.empty());
  CHECK(filled.framing == Framing::kLength);
}

TEST_CASE("local reply: any fields, in their order; what is not valid is left out") {
  LocalReply reply = Make(401, "no");
  reply.fields = {{"set-cookie", "a=1"}, {"content-type", "text/html"},
                  {"set-cookie", "b=2"}, {"x y", "1"},
                  {":status", "200"},    {"content-length", "7"}};
  CHECK(Fill(reply).head ==
        "401 set-cookie=a=1 content-type=text/html set-cookie=b=2 content-length=2");
}

TEST_CASE("local reply: to HEAD the length is said and the body is not sent") {
  const Filled filled = Fill(Make(503, "abc"), "HEAD");
  CHECK(filled.head == "503 content-type=text/plain content-length=3");
  CHECK(filled.body.empty());
  CHECK(filled.framing == Framing::kNone);
}

TEST_CASE("local reply: statuses that forbid a body have none and no length") {
  // RFC 9110 section 8.6: no Content-Length in a 204.
  for (const uint16_t status : {204, 304}) {
    for (const char* body : {"", "abc"}) {
      const Filled filled = Fill(Make(status, body));
      CHECK(filled.head == std::to_string(status));
      CHECK(filled.body.empty());
      CHECK(filled.framing == Framing::kNone);
    }
  }
}

TEST_CASE("local reply: to gRPC it is trailers-only with grpc-status") {
  const Filled filled = Fill(Make(503, "no\nhealthy 100%"), "POST", "application/grpc+proto");
  CHECK(filled.head ==
        "200 content-type=application/grpc grpc-status=14 grpc-message=no%0Ahealthy 100%25");
  CHECK(filled.body.empty());
  CHECK(filled.framing == Framing::kNone);
  CHECK(Fill(Make(503, "x"), "POST", "application/grpc-web").head.substr(0, 3) == "503");
  LocalReply reply = Make(403, "");
  reply.grpc_status = 16;
  CHECK(Fill(reply, "POST", "application/grpc").head ==
        "200 content-type=application/grpc grpc-status=16");
  // As Envoy: the answer to HEAD has no message either.
  CHECK(Fill(Make(503, "x"), "HEAD", "application/grpc").head ==
        "200 content-type=application/grpc grpc-status=14");
}

TEST_CASE("local reply: extra fields") {
  LocalReply reply = Make(429, "");
  reply.headers.emplace_back(HeaderId::kXEnvoyOverloaded, "true");
  CHECK(Fill(reply).head == "429 x-envoy-overloaded=true content-length=0");
}

TEST_CASE("local reply: from the error table") {
  const LocalReply reset = ReplyTo({Side::kUpstream, ErrorKind::kConnectFailure});
  CHECK(reset.status == 503);
  CHECK(reset.flag == ResponseFlag::kUpstreamConnectionFailure);
  CHECK(reset.body ==
        "upstream connect error or disconnect/reset before headers. reset reason: remote "
        "connection failure");
  const LocalReply overflow = ReplyTo({Side::kUpstream, ErrorKind::kOverflow});
  CHECK(Fill(overflow).head.find("x-envoy-overloaded=true") != std::string::npos);
  const LocalReply none = ReplyTo({Side::kUpstream, ErrorKind::kNoHealthyHost});
  CHECK(none.body == "no healthy upstream");
  CHECK(none.details == "no_healthy_upstream");
  CHECK(ReplyTo({Side::kLocal, ErrorKind::kNoRoute}).body.empty());
}

TEST_CASE("local reply: without a readable request") {
  base::ArenaPool pool;
  base::Arena arena(pool);
  ResponseHead head(arena);
  CHECK(FillLocalReply(Make(400, "Bad Request"), nullptr, false, head) == "Bad Request");
  CHECK(head.status == 400);
}

}  // namespace
}  // namespace remora::http
