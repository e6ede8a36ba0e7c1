// The external processing filter with services that are slow, lie, reset, or are gone, and with
// clients that go.

#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "source/base/random.h"
#include "test/harness/frame_wire.h"
#include "test/integration/grpc/processor.h"

namespace remora::harness::ext_proc {
namespace {

struct Failing {
  explicit Failing(const net::Address& service, const std::string& config = "") {
    up = h.Upstream("up").Respond(200, "hello");
    h.Route("/", "up");
    AddProcessor(h, service, config);
    h.Start();
  }
  void CheckFails(const std::string& details, int status = 500) {
    Client client = h.Connect();
    CHECK(client.Post("/", "body").status == status);
    const Exchange exchange = h.NextExchange();
    CHECK(exchange.flags == "-");
    CHECK(exchange.details.find(details) == 0);
    CHECK(up->requests().empty());
    CHECK(client.Post("/", "body").status == status);
  }
  uint64_t Count(const std::string& name) { return h.Stat("http.ingress.ext_proc." + name); }
  Harness h;
  std::optional<ScriptedUpstream> up;
};

TEST_CASE("ext_proc: nobody is there") {
  ScriptedUpstream nobody;
  nobody.Unlisten();
  Failing(nobody.address()).CheckFails("ext_proc_error_gRPC_error_14{");
  Failing open(nobody.address(), "failure_mode_allow: true");
  CHECK(open.h.Connect().Post("/", "body").body == "hello");
  CHECK(open.Count("failure_mode_allowed") == 1);
  CHECK(open.Count("streams_failed") == 1);
}

TEST_CASE("ext_proc: a service that does not answer in time is given up") {
  RealServer slow;
  slow.Converse([](const std::string&) { return std::nullopt; });
  const std::string brief = "message_timeout { nanos: 100000000 } ";
  Failing closed(slow.address(), brief);
  closed.CheckFails("ext_proc_error_per-message_timeout_exceeded", 504);
  slow.AwaitCancelled(2);
  Failing open(slow.address(),
               brief + "failure_mode_allow: true " + Mode("request_body_mode: BUFFERED"));
  CHECK(open.h.Connect().Post("/", "body").body == "hello");
  CHECK(open.up->requests().at(0).body == "body");
  CHECK(open.Count("message_timeouts") == 1);
}

TEST_CASE("ext_proc: a service that does not answer holds the client back") {
  RealServer silent;
  silent.Converse([](const std::string&) { return std::nullopt; });
  Failing setup(silent.address(), Mode("request_header_mode: SKIP request_body_mode: STREAMED"));
  {
    Client client = setup.h.Connect();
    client.Send(MakeRequest("POST", "/", {{"content-length", "50000000"}}));
    CHECK(client.SendUntilStuck(std::string(50'000'000, 'b')) < 20'000'000);
    client.Reset();
  }
  silent.AwaitCancelled(1);
  setup.h.AwaitStat("http.ingress.downstream_rq_active", 0);
}

TEST_CASE("ext_proc: a service that speaks nonsense") {
  RealServer nonsense;
  nonsense.Converse([](const std::string&) { return std::string("\xff\xff\xff"); });
  Failing(nonsense.address()).CheckFails("ext_proc_error_gRPC_error_13{");
  RealServer long_winded;
  long_winded.Converse([](const std::string&) { return std::string(2'000'000, 'x'); });
  Failing(long_winded.address(),
          "grpc_service { envoy_grpc { cluster_name: 'proc' max_receive_message_length { value: "
          "1000 } } }")
      .CheckFails("ext_proc_error_gRPC_error_8{");
}

TEST_CASE("ext_proc: answers to what was not asked") {
  for (const char* answer : {"", "response_headers {}", "request_body {}", "request_trailers {}"}) {
    INFO(answer);
    RealServer liar;
    liar.Converse([answer](const std::string&) {
      return ProtoFromText<ProcessingResponse>(answer).SerializeAsString();
    });
    Failing closed(liar.address());
    closed.CheckFails(*answer == '\0' ? "unhandled_message" : "spurious_message");
    CHECK(closed.Count("spurious_msgs_received") == 2);
    Failing open(liar.address(), "failure_mode_allow: true");
    CHECK(open.h.Connect().Post("/", "body").body == "hello");
    CHECK(open.Count("failure_mode_allowed") == 1);
  }
}

TEST_CASE(
    "ext_proc: the stream is reset in the middle, its connection ends, or is none of HTTP/2") {
  for (const char* how : {"reset", "close", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    ScriptedUpstream service;
    Failing setup(service.address());
    std::thread peer([&] {
      FrameWire wire(service.Accept());
      if (*how == 'H') {
        wire.Send(how);
        while (wire.wire().AwaitBytes()) wire.wire().ReceiveAll();
        return;
      }
      wire.Accept();
      wire.Await("HEADERS(1");
      if (*how == 'c') return;
      wire.Send(remora::wire::RstStream(1, 2));
      while (wire.wire().AwaitBytes()) wire.Next();
    });
    CHECK(setup.h.Connect().Post("/", "body").status == 500);
    CHECK(setup.Count("streams_failed") == 1);
    setup.h.Stop();
    peer.join();
  }
}

TEST_CASE("ext_proc: a service that ends the stream has seen enough") {
  RealServer service;
  service.Answer([](const std::string&) {
    return ProtoFromText<ProcessingResponse>("request_headers {}").SerializeAsString();
  });
  Failing setup(service.address(), Mode("request_body_mode: STREAMED"));
  CHECK(setup.h.Connect().Post("/", std::string(500'000, 'b')).body == "hello");
  CHECK(setup.up->requests().at(0).body == std::string(500'000, 'b'));
  CHECK(setup.Count("streams_failed") == 0);
}

TEST_CASE("ext_proc: the client goes in the middle, and the stream is cancelled") {
  RealServer slow;
  slow.Converse([](const std::string&) { return std::nullopt; });
  Failing setup(slow.address(), Mode("request_body_mode: STREAMED"));
  {
    Client client = setup.h.Connect();
    client.Send(MakeRequest("POST", "/", {{"content-length", "100"}}) + "half");
    slow.AwaitMessages(1);
    client.Reset();
  }
  slow.AwaitCancelled(1);
  CHECK(setup.Count("streams_failed") == 0);
  CHECK(setup.up->requests().empty());
}

TEST_CASE("ext_proc: many exchanges at once, each with its own stream") {
  RealServer service;
  Converse(service, [](const ProcessingRequest& request, ProcessingResponse& response) {
    if (!request.has_request_headers()) return;
    const auto& path = request.request_headers().headers().headers(1).raw_value();
    if (path == "/no") Change("immediate_response { status { code: Forbidden } }", response);
  });
  Failing setup(service.address());
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(setup.h.Connect());
    clients.back().Send(MakeRequest("GET", i % 2 == 0 ? "/yes" : "/no"));
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(clients[i].ReceiveResponse().status == (i % 2 == 0 ? 200 : 403));
  }
  CHECK(setup.Count("streams_started") == 100);
  CHECK(setup.Count("immediate_responses_sent") == 50);
}

// --- whatever the service does

struct Chances {
  uint64_t Below(uint64_t bound) {
    const std::lock_guard lock(mutex);
    return random.Below(bound);
  }
  std::mutex mutex;
  base::Random random{7};
};

// Mostly right, sometimes slow to say so, sometimes anything else.
void ConverseAtRandom(RealServer& service, Chances& chances) {
  service.Converse([&chances](const std::string& message) -> std::optional<std::string> {
    const ProcessingRequest request = Read(message);
    ProcessingResponse response;
    switch (chances.Below(40)) {
      case 0:
        return std::nullopt;
      case 1:
        return "\xff";
      case 2:
        return std::string();
      case 3:
        Change("immediate_response { status { code: Forbidden } body: 'no' }", response);
        return response.SerializeAsString();
      case 4:
        Change("response_trailers {}", response);
        return response.SerializeAsString();
      case 5:
        Change("override_message_timeout { nanos: 50000000 }", response);
        return response.SerializeAsString();
      default:
        break;
    }
    Confirm(request, response);
    if (chances.Below(2) == 0) Capitals(request, response);
    return response.SerializeAsString();
  });
}

TEST_CASE("ext_proc: whatever the service does, exchanges end, and bodies are whole or cut") {
  for (const char* mode : {"NONE", "STREAMED", "BUFFERED", "BUFFERED_PARTIAL"}) {
    for (const char* open : {"true", "false"}) {
      INFO(mode << " " << open);
      Chances chances;
      RealServer service;
      ConverseAtRandom(service, chances);
      Harness h;
      std::mutex mutex;
      std::vector<std::string> bodies;
      auto up = h.Upstream("up").Run([&](const Message& request) {
        const std::lock_guard lock(mutex);
        bodies.push_back(Upper(request.body));
        return ScriptedUpstream::Answer{
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: "
            "1\r\n\r\n"};
      });
      h.Route("/", "up");
      AddProcessor(h, service.address(),
                   "message_timeout { nanos: 100000000 } max_message_timeout { seconds: 1 } "
                   "failure_mode_allow: " +
                       std::string(open) + " " +
                       Mode("request_body_mode: " + std::string(mode) + " response_body_mode: " +
                            mode + " request_trailer_mode: SEND response_trailer_mode: SEND"));
      h.Start();
      const std::string body = Upper(std::string(700, 'b') + std::string(300, 'c'));
      for (int i = 0; i < 40; ++i) {
        if (i % 4 == 0) {
          FrameWire wire(h.Connect());
          wire.Begin();
          wire.Post(1, body);
          CHECK_FALSE(wire.Receive(1).end.empty());
          continue;
        }
        Client client = h.Connect();
        client.Send(MakeRequest("POST", "/", {{"transfer-encoding", "chunked"}}));
        const std::string chunks = MakeChunked(body, 1 + chances.Below(500));
        const size_t cut = chances.Below(chunks.size());
        client.SendUnlessClosed(chunks.substr(0, cut));
        if (chances.Below(10) == 0) {
          client.Reset();
          continue;
        }
        client.SendUnlessClosed(chunks.substr(cut));
        const std::string answer = client.ReceiveUntil("\r\n");
        CHECK((answer.find("HTTP/1.1 200") == 0 || answer.find("HTTP/1.1 403") == 0 ||
               answer.find("HTTP/1.1 500") == 0 || answer.find("HTTP/1.1 504") == 0));
      }
      h.AwaitStat("http.ingress.downstream_rq_active", 0);
      h.AwaitStat("cluster.up.upstream_rq_active", 0);
      h.AwaitStat("cluster.proc.upstream_rq_active", 0);
      const std::lock_guard lock(mutex);
      for (const std::string& got : bodies) CHECK(got == body);
    }
  }
}

}  // namespace
}  // namespace remora::harness::ext_proc
