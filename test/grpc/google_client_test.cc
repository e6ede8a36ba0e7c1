#include "source/grpc/google_client.h"

#include <algorithm>

#include "test/grpc/call_world.h"
#include "test/grpc/google_module.h"
#include "test/grpc/real_server.h"

namespace remora::grpc {
namespace {

using fakes::RealServer;

struct GoogleWorld : CallWorld {
  explicit GoogleWorld(const net::Address& server) : CallWorld(server) {
    FindGoogleModule();
    service.google = GoogleTarget{.uri = server.ToString(), .stat_prefix = "g"};
  }
  uint64_t Count(const std::string& name) {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "grpc.g." + name) return metric.value;
    }
    throw std::out_of_range(name);
  }

  GoogleClient client{dispatcher, blocks, store};
};

void Say(GoogleWorld& world, NotedStream& call, std::string_view text) {
  buffer::Buffer message = world.Text(text);
  call.stream->Send(message);
}

TEST_CASE("The gRPC library's calls: messages both ways, in order, to an end") {
  RealServer server;
  GoogleWorld w(server.address());
  w.service.initial_metadata = {{"x-ask", "me"}, {"x-ask", "you"}};
  NotedStream call(w.client, w.service, "/p.S/Echo");
  CHECK_FALSE(call.stream->writable());
  Say(w, call, "one");  // before there is a connection
  w.Until([&] { return call.messages.size() == 1; });
  CHECK(call.stream->writable());
  CHECK(call.stream->waiting_bytes() == 0);
  for (const char* text : {"two", "", "three"}) Say(w, call, text);
  call.stream->EndSending();
  w.Until([&] { return call.closed == 1; });
  CHECK(call.messages == std::vector<std::string>{"one", "two", "", "three"});
  CHECK(call.status == "OK");
  const std::vector<std::string> fields = server.last_fields();
  CHECK(std::count(fields.begin(), fields.end(), "x-ask=me") == 1);
  CHECK(std::count(fields.begin(), fields.end(), "x-ask=you") == 1);
  CHECK(w.Count("streams_total") == 1);
  CHECK(w.Count("streams_closed_0") == 1);
  CHECK(w.Count("streams_closed_14") == 0);
}

TEST_CASE("The gRPC library's calls: what the user does not take waits") {
  RealServer server;
  GoogleWorld w(server.address());
  NotedStream call(w.client, w.service, "/p.S/Many");
  call.when_message = [&] { call.stream->Pause(); };
  Say(w, call, "3 5");
  for (size_t taken = 1; taken <= 3; ++taken) {
    w.Until([&] { return call.messages.size() == taken; });
    for (int turn = 0; turn < 20; ++turn) w.dispatcher.RunOnce(false);
    CHECK(call.messages.size() == taken);
    CHECK(call.closed == 0);
    call.stream->Resume();
  }
  w.Until([&] { return call.closed == 1; });
  CHECK(call.status == "OK");
}

TEST_CASE("The gRPC library's calls: how they end") {
  RealServer server;
  GoogleWorld w(server.address());
  SECTION("the server's status and text") {
    NotedStream call(w.client, w.service, "/p.S/Fail");
    w.Until([&] { return call.closed == 1; });
    CHECK(call.status == "FAILED_PRECONDITION: no: 100% \xc3\xbc\n");
    CHECK(w.Count("streams_closed_9") == 1);
  }
  SECTION("time is over") {
    w.service.timeout = 50 * event::kMillisecond;
    NotedStream call(w.client, w.service, "/p.S/Silent");
    w.Until([&] { return call.closed == 1; });
    CHECK(call.status.starts_with("DEADLINE_EXCEEDED"));
  }
  SECTION("the server stops") {
    NotedStream call(w.client, w.service, "/p.S/Silent");
    w.Until([&] { return call.stream->writable(); });
    server.Stop();
    w.Until([&] { return call.closed == 1; });
    CHECK_FALSE(call.status.starts_with("OK"));
  }
  SECTION("the user lets go of it") {
    NotedStream call(w.client, w.service, "/p.S/Silent");
    w.Until([&] { return call.stream->writable(); });
    call.stream.reset();
    server.AwaitCancelled(1);
    CHECK(call.closed == 0);
    CHECK(w.Count("streams_total") == 1);
  }
  SECTION("the user lets go of it from within a message") {
    NotedStream call(w.client, w.service, "/p.S/Echo");
    call.when_message = [&] { call.stream.reset(); };
    Say(w, call, "one");
    Say(w, call, "two");
    w.Until([&] { return call.stream == nullptr; });
    CHECK(call.messages.size() == 1);
  }
}

TEST_CASE("The gRPC library's calls: a server that is not there, and is there again") {
  RealServer first;
  const net::Address address = first.address();
  first.Stop();
  GoogleWorld w(address);
  NotedStream call(w.client, w.service, "/p.S/Echo");
  Say(w, call, "lost");
  w.Until([&] { return call.closed == 1; });
  CHECK(call.status.starts_with("UNAVAILABLE: "));
  CHECK(w.Count("streams_closed_14") == 1);
  // At once: no back-off of the library's stands before the user's own.
  RealServer second(address.port());
  NotedStream again(w.client, w.service, "/p.S/Echo");
  Say(w, again, "found");
  w.Until([&] { return again.messages.size() == 1; });
}

TEST_CASE("The gRPC library's calls: what is to be sent has a bound") {
  RealServer server;
  GoogleWorld w(server.address());
  w.service.google->buffer_limit = 100'000;
  NotedStream call(w.client, w.service, "/p.S/Stuck");
  w.Until([&] { return call.stream->writable(); });
  // The window, and what the library takes beyond it, fill at some time.
  const std::string text(20'000, 'x');
  size_t sent = 0;
  for (int idle = 0; idle < 200; ++idle) {
    while (call.stream->writable()) {
      Say(w, call, text);
      ++sent;
      idle = 0;
    }
    w.dispatcher.RunOnce(false);
  }
  CHECK(call.stream->waiting_bytes() >= 100'000);
  CHECK(call.stream->waiting_bytes() <= 120'000);
  CHECK(sent < 1000);
}

TEST_CASE("The gRPC library's calls: arguments of channels") {
  RealServer server;
  GoogleWorld w(server.address());
  w.service.google->channel_args = {{"grpc.default_authority", "else.where"},
                                    {"grpc.max_receive_message_length", int64_t{10}}};
  NotedStream call(w.client, w.service, "/p.S/Many");
  Say(w, call, "1 11");
  w.Until([&] { return call.closed == 1; });
  CHECK(call.status.starts_with("RESOURCE_EXHAUSTED"));
  const std::vector<std::string> fields = server.last_fields();
  CHECK(std::count(fields.begin(), fields.end(), "authority=else.where") == 1);
}

}  // namespace
}  // namespace remora::grpc
