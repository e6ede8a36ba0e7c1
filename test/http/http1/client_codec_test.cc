#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

TEST_CASE("a plain exchange leaves the connection reusable") {
  TestClient client;
  CHECK(client.codec.Reusable());
  client.Request("GET", "/x");
  CHECK(client.TakeOutput() == "GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n");
  CHECK_FALSE(client.codec.Reusable());
  CHECK_FALSE(client.codec.ResponseStarted());
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello").ok());
  CHECK(client.log ==
        "head 200 HTTP/1.1 length=5\n"
        "  content-length: 5\n"
        "  server: x\n"
        "data hello\n"
        "end\n");
  CHECK(client.codec.Reusable());
  CHECK(client.codec.ResponseStarted());
}

}  // namespace
}  // namespace remora::http1
