#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

TEST_CASE("a plain GET is one head and its end") {
  TestServer server;
  REQUIRE(server.Feed("GET /a?b=c HTTP/1.1\r\nHost: a.test:80\r\nAccept: */*\r\nX-One:  1 \r\n\r\n")
              .ok());
  CHECK(server.log ==
        "head GET //a.test:80/a?b=c HTTP/1.1 none keep-alive\n"
        "  accept: */*\n"
        "  x-one: 1\n"
        "end\n");
  CHECK_FALSE(server.codec.WantsInput());
  server.Respond("hello");
  CHECK(server.TakeOutput() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  CHECK(server.log.ends_with("end\ndone\n"));
  CHECK(server.codec.WantsInput());
  CHECK(server.interest_changes == 1);
}

}  // namespace
}  // namespace remora::http1
