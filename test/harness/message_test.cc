#include <catch2/catch.hpp>

#include "test/harness/message.h"

namespace remora::harness {
namespace {

TEST_CASE("Messages are taken one by one") {
  std::string bytes =
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\nGET";
  const std::optional<Message> first = TakeMessage(bytes, MessageKind::kRequest);
  REQUIRE(first->method == "POST");
  REQUIRE(first->body == "abc");
  REQUIRE(first->Get("HOST") == "x");
  REQUIRE(TakeMessage(bytes, MessageKind::kRequest)->target == "/b");
  REQUIRE_FALSE(TakeMessage(bytes, MessageKind::kRequest).has_value());
  REQUIRE(bytes == "GET");
}

TEST_CASE("A message is whole only with its last byte") {
  const std::string whole =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n";
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string part = whole.substr(0, size);
    REQUIRE_FALSE(TakeMessage(part, MessageKind::kResponse).has_value());
  }
  std::string bytes = whole;
  const std::optional<Message> message = TakeMessage(bytes, MessageKind::kResponse);
  REQUIRE(message->body == "abc0123456789");
  REQUIRE(message->chunks == std::vector<size_t>{3, 10});
  REQUIRE(message->trailers.size() == 1);
  REQUIRE(message->interim == std::vector<int>{100});
}

TEST_CASE("Responses without a length run to the end") {
  std::string bytes = "HTTP/1.1 200 OK\r\n\r\nabc";
  REQUIRE_FALSE(TakeMessage(bytes, MessageKind::kResponse).has_value());
  REQUIRE(TakeMessage(bytes, MessageKind::kResponse, true)->body == "abc");
}

TEST_CASE("A body of any length that fits 63 bits may still come") {
  std::string bytes = "POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\na";
  CHECK_FALSE(TakeMessage(bytes, MessageKind::kRequest).has_value());
}

TEST_CASE("What two recipients could read in two ways is malformed") {
  const std::string requests[] = {
      "GET / HTTP/1.1\n\n",
      "GET / HTTP/1.1\r\nA: b\n\r\n",
      "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
      "GET / HTTP/1.1\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\r\n A: b\r\n\r\n",
      "GET / HTTP/1.1\r\nA\r\n\r\n",
      "GET / HTTP/2.0\r\n\r\n",
      "GET /\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
      "POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\na",
      "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
  };
  for (const std::string& request : requests) {
    INFO(request);
    std::string bytes = request;
    CHECK_THROWS_AS(TakeMessage(bytes, MessageKind::kRequest), MalformedMessage);
  }
}

}  // namespace
}  // namespace remora::harness
