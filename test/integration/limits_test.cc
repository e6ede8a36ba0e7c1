// What is refused before any filter sees it: Envoy's statuses, bodies and details.

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

struct Refusal {
  std::string request;
  int status;
  std::string body;
  std::string details;
};

const Refusal kRefusals[] = {
    {"GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(61 * 1024, 'x') + "\r\n\r\n", 431,
     "Request Header Fields Too Large", "http1.headers_too_large"},
    {"GET /" + std::string(61 * 1024, 'x') + " HTTP/1.1\r\nhost: a\r\n\r\n", 431,
     "Request Header Fields Too Large", "http1.headers_too_large"},
    {"nonsense\r\n\r\n", 400, "Bad Request", "http1.codec_error"},
    {"GET / HTTP/1.1\r\nhost: a\r\nbad name: 1\r\n\r\n", 400, "Bad Request", "http1.codec_error"},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 501, "Not Implemented",
     "http1.invalid_transfer_encoding"},
    {"GET https://a/ HTTP/1.1\r\nhost: a\r\n\r\n", 403, "Forbidden",
     "http1.https_url_on_plaintext_connection"},
    {"GET / HTTP/1.1\r\n\r\n", 400, "", "missing_host_header"},
    {"GET /#part HTTP/1.1\r\nhost: a\r\n\r\n", 400, "", "path_normalization_failed"},
};

TEST_CASE("Requests that break the rules are refused before they reach anything") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  for (const Refusal& refusal : kRefusals) {
    INFO(refusal.request.substr(0, 80));
    Client client = h.Connect();
    client.Send(refusal.request);
    const Message response = client.ReceiveResponse();
    CHECK(response.status == refusal.status);
    CHECK(response.body == refusal.body);
    CHECK(h.NextExchange().details == refusal.details);
  }
  REQUIRE(up.requests().empty());
  REQUIRE(h.Stat("cluster.up.upstream_cx_total") == 0);
}

TEST_CASE("A hundred header fields are taken, one more is 431") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  std::vector<Field> fields;
  for (int i = 0; i < 99; ++i) fields.push_back({"x-" + std::to_string(i), "v"});
  REQUIRE(h.Connect().Get("/", fields).status == 200);  // and the host
  fields.push_back({"x-99", "v"});
  Client client = h.Connect();
  const Message response = client.Get("/", fields);
  REQUIRE(response.status == 431);
  REQUIRE(response.body == "Request Header Fields Too Large");
  REQUIRE(response.Get("connection") == "close");
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  h.NextExchange();
  REQUIRE(h.NextExchange().details == "http1.too_many_headers");
}

TEST_CASE("A buffer limit of 0 is none") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, std::string(300'000, 'x'));
  h.Listener().per_connection_buffer_limit = 0;
  h.Cluster("up").per_connection_buffer_limit = 0;
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Post("/", std::string(300'000, 'y'));
  REQUIRE(response.status == 200);
  REQUIRE(response.body.size() == 300'000);
}

TEST_CASE("Limits of header size and count are configurable") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Manager().max_request_headers = 3;
  h.Manager().max_request_header_bytes = 4096;
  h.Start();
  REQUIRE(h.Connect().Get("/", {{"a", "1"}, {"b", "2"}}).status == 200);
  REQUIRE(h.Connect().Get("/", {{"a", "1"}, {"b", "2"}, {"c", "3"}}).status == 431);
  REQUIRE(h.Connect().Get("/", {{"a", std::string(5000, 'x')}}).status == 431);
}

TEST_CASE("A response head over the limits is 502") {
  Harness h;
  std::vector<Field> fields;
  SECTION("too large") { fields.push_back({"x", std::string(90 * 1024, 'x')}); }
  SECTION("too many") {
    for (int i = 0; i < 101; ++i) fields.push_back({"x-" + std::to_string(i), "v"});
  }
  auto up = h.Upstream("up").Respond(200, "hi", fields);
  h.Route("/", "up");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 502);
  REQUIRE(h.NextExchange().flags == "UPE");
  REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 0);
}

// A filter that wants the whole request before it says yes, as the buffer filter does.
class HoldAll final : public http::Filter {
 public:
  http::Answer OnRequestHead(http::RequestHead&) override { return http::Answer::kHold; }
  http::Answer OnRequestData(buffer::Buffer&) override { return http::Answer::kHold; }
};

TEST_CASE("A request body over the buffer limit of a holding filter is 413") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Listener().per_connection_buffer_limit = 16 * 1024;
  http::FilterFactory factory;
  factory.name = "hold";
  factory.create = [](const void*, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<HoldAll>();
  };
  h.Filter(std::move(factory));
  h.Start();
  REQUIRE(h.Connect().Post("/", "small").status == 200);
  h.NextExchange();
  Client client = h.Connect();
  client.Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n" +
              std::string(20000, 'x'));
  const Message response = client.ReceiveResponse();
  REQUIRE(response.status == 413);
  REQUIRE(response.body == "Payload Too Large");
  REQUIRE(response.Get("connection") == "close");
  REQUIRE(h.NextExchange().details == "request_payload_too_large");
  REQUIRE(h.Stat("http.ingress.downstream_rq_too_large") == 1);
  REQUIRE(up.requests().size() == 1);
}

TEST_CASE("A protocol error behind a good request does not cost that request its answer") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "good");
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/") + "garbage\r\n\r\n");
  REQUIRE(client.ReceiveResponse().body == "good");
  REQUIRE(client.ReceiveResponse().status == 400);
  REQUIRE(client.AwaitEnd() == WireEnd::kFin);
  REQUIRE(h.Stat("http.ingress.downstream_cx_protocol_error") == 1);
}

}  // namespace
}  // namespace remora::harness
