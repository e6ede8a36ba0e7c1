// The external processing filter with a service of the gRPC library that does what it should; over
// HTTP/1 and HTTP/2, with bodies in pieces.

#include <catch2/catch.hpp>
#include <mutex>
#include <thread>

#include "test/harness/frame_wire.h"
#include "test/integration/grpc/processor.h"

namespace remora::harness::ext_proc {
namespace {

TEST_CASE("ext_proc: heads go on changed") {
  Setup s("", [](const ProcessingRequest& request, ProcessingResponse& response) {
    if (request.has_request_headers()) {
      Change(R"(request_headers { response { header_mutation {
                  set_headers { header { key: 'x-user' raw_value: 'ann' } }
                  set_headers { header { key: ':path' raw_value: '/q' } }
                  remove_headers: 'authorization' } } })",
             response);
    } else {
      Change(R"(response_headers { response { header_mutation {
                  set_headers { header { key: 'x-from' raw_value: 'proc' } append { value: true } }
                  set_headers { header { key: ':status' raw_value: '201' } } } } })",
             response);
    }
  });
  s.h.Start();
  const Message answer =
      s.h.Connect().Get("/p?q=2", {{"authorization", "secret"}, {"x-user", "eve"}});
  CHECK(answer.status == 201);
  CHECK(answer.body == "hello");
  CHECK(answer.Count("x-from") == 2);
  const Message request = s.up->requests().at(0);
  CHECK(request.target == "/q");
  CHECK(request.Get("x-user") == "ann");
  CHECK_FALSE(request.Has("authorization"));
  CHECK(Words(s.service) == std::vector<std::string>{"request end", "response"});
  const ProcessingRequest first = Read(s.service.messages().at(0));
  CHECK(first.has_protocol_config());
  CHECK(first.request_headers().headers().headers(1).key() == ":path");
  CHECK(first.request_headers().headers().headers(1).raw_value() == "/p?q=2");
  CHECK_FALSE(Read(s.service.messages().at(1)).has_protocol_config());
  s.h.AwaitStat("http.ingress.ext_proc.streams_closed", 1);
  CHECK(s.Count("stream_msgs_received") == 2);
  CHECK(s.service.calls() == 1);
}

TEST_CASE("ext_proc: bodies of all modes, in one piece and in many") {
  const std::string body(3000, 'b');
  for (const char* mode : {"STREAMED", "BUFFERED", "BUFFERED_PARTIAL"}) {
    INFO(mode);
    const std::string sends =
        "request_body_mode: " + std::string(mode) + " response_body_mode: " + mode;
    Setup s(Mode(sends), Capitals);
    s.h.Start();
    Client client = s.h.Connect();
    CHECK(client.Post("/", body).body == "HELLO");
    CHECK(s.up->requests().at(0).body == Upper(body));
    CHECK(client.Get("/").body == "HELLO");
    client.Send(MakeRequest("POST", "/", {{"transfer-encoding", "chunked"}}));
    client.Send("3\r\nabc\r\n");
    s.service.AwaitMessages(mode == std::string("STREAMED") ? 7 : 5);
    client.Send("4\r\ndefg\r\n0\r\n\r\n");
    CHECK(client.ReceiveResponse().body == "HELLO");
    CHECK(s.up->requests().at(2).body == "ABCDEFG");
    // HTTP/2 from the client.
    FrameWire wire(s.h.Connect());
    wire.Begin();
    wire.Post(1, body);
    CHECK(wire.Receive(1).body == "HELLO");
    CHECK(s.up->requests().at(3).body == Upper(body));
    CHECK(s.Count("spurious_msgs_received") == 0);
  }
}

TEST_CASE("ext_proc: a body without a change goes on as it was, with its length") {
  Setup s(Mode("request_body_mode: BUFFERED response_body_mode: BUFFERED"));
  s.h.Start();
  const Message answer = s.h.Connect().Post("/", "the body");
  CHECK(answer.body == "hello");
  CHECK(answer.Get("content-length") == "5");
  CHECK(s.up->requests().at(0).Get("content-length") == "8");
  CHECK(Words(s.service) == std::vector<std::string>{"request", "request body 8 end", "response",
                                                     "response body 5 end"});
}

TEST_CASE("ext_proc: a new length has to be told, and to be right") {
  for (const char* length : {"4", "5"}) {
    Setup s(Mode("request_body_mode: BUFFERED response_header_mode: SKIP"),
            [length](const ProcessingRequest& request, ProcessingResponse& response) {
              if (!request.has_request_body()) return;
              Change(
                  "request_body { response { body_mutation { body: 'four' } header_mutation { "
                  "set_headers { header { key: 'content-length' raw_value: '" +
                      std::string(length) + "' } } } } }",
                  response);
            });
    s.h.Start();
    const Message answer = s.h.Connect().Post("/", "the body");
    if (length == std::string("4")) {
      CHECK(answer.status == 200);
      CHECK(s.up->requests().at(0).Get("content-length") == "4");
      CHECK(s.up->requests().at(0).body == "four");
    } else {
      CHECK(answer.status == 500);
      CHECK(s.h.NextExchange().details ==
            "mismatch_between_content_length_and_the_length_of_the_mutated_body");
      CHECK(s.up->requests().empty());
    }
  }
}

TEST_CASE("ext_proc: long bodies that stream, with a processor that takes its time") {
  Setup s(Mode("request_body_mode: STREAMED response_body_mode: STREAMED"), Capitals);
  s.h.Start();
  const std::string body(3'000'000, 'b');
  CHECK(s.h.Connect().Post("/", body).body == "HELLO");
  CHECK(s.up->requests().at(0).body == Upper(body));
  const std::string answer(3'000'000, 'a');
  s.up->Respond(200, answer);
  CHECK(s.h.Connect().Get("/").body == Upper(answer));
}

TEST_CASE("ext_proc: of a long body a part is sent, the rest goes by") {
  Setup s(Mode("request_body_mode: BUFFERED_PARTIAL"), Capitals);
  s.h.Start();
  const std::string body(3'000'000, 'b');
  CHECK(s.h.Connect().Post("/", body).status == 200);
  const std::string got = s.up->requests().at(0).body;
  CHECK(got.size() == body.size());
  const size_t changed = got.find('b');
  CHECK(changed > 1024 * 1024);
  CHECK(changed < 2 * 1024 * 1024);
  CHECK(got.find('B', changed) == std::string::npos);
}

TEST_CASE("ext_proc: bodies over the limit are refused") {
  Setup s(Mode("request_body_mode: BUFFERED response_body_mode: BUFFERED"));
  s.h.Start();
  const std::string body(2'000'000, 'b');
  CHECK(s.h.Connect().Post("/", body).status == 413);
  s.up->Respond(200, body);
  CHECK(s.h.Connect().Get("/").status == 500);
}

TEST_CASE("ext_proc: the proxy's own answers are processed, or go on where the service fails") {
  for (const char* open : {"true", "false"}) {
    RealServer service;
    Converse(service, [](const ProcessingRequest& request, ProcessingResponse& response) {
      if (request.has_response_headers()) Change("request_body {}", response);
    });
    Harness h;
    h.DirectResponse("/", 404, "not here");
    AddProcessor(h, service.address(), "failure_mode_allow: " + std::string(open));
    h.Start();
    const Message answer = h.Connect().Get("/");
    CHECK(answer.status == 404);
    CHECK(answer.body == "not here");
    CHECK(h.Stat("http.ingress.ext_proc.spurious_msgs_received") == 1);
  }
}

TEST_CASE("ext_proc: trailers, both ways") {
  Setup s(
      Mode("request_body_mode: BUFFERED request_trailer_mode: SEND response_trailer_mode: SEND"),
      [](const ProcessingRequest& request, ProcessingResponse& response) {
        const std::string mutation =
            "{ header_mutation { set_headers { header { key: 'x-t' raw_value: 'new' } } } }";
        if (request.has_request_trailers()) Change("request_trailers " + mutation, response);
        if (request.has_response_trailers()) Change("response_trailers " + mutation, response);
      });
  s.h.Manager().enable_trailers = true;
  s.h.Cluster("up").enable_trailers = true;
  s.up->RespondWith(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-t: old\r\n\r\n");
  s.h.Start();
  FrameWire wire(s.h.Connect());
  wire.Begin();
  wire.Get(1, "/");
  const FrameMessage answer = wire.Receive(1);
  CHECK(answer.body == "hi");
  CHECK(answer.trailers.find("x-t=new") != std::string::npos);
  Client client = s.h.Connect();
  client.Send(MakeRequest("POST", "/", {{"transfer-encoding", "chunked"}}) +
              "2\r\nab\r\n0\r\nx-t: old\r\n\r\n");
  CHECK(client.ReceiveResponse().status == 200);
  const std::vector<std::string> words = Words(s.service);
  CHECK(std::find(words.begin(), words.end(), "request trailers") != words.end());
  CHECK(std::find(words.begin(), words.end(), "request body 2") != words.end());
}

TEST_CASE("ext_proc: a body is replaced, or made") {
  const Answering replace = [](const ProcessingRequest& request, ProcessingResponse& response) {
    const std::string common =
        "{ response { status: CONTINUE_AND_REPLACE body_mutation { body: 'NEW' } } }";
    if (request.has_request_headers()) Change("request_headers " + common, response);
    if (request.has_response_headers()) Change("response_headers " + common, response);
  };
  Setup s(Mode("request_body_mode: STREAMED response_body_mode: STREAMED"), replace);
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Post("/", std::string(100'000, 'b')).body == "NEW");
  CHECK(s.up->requests().at(0).body == "NEW");
  CHECK(client.Get("/").body == "NEW");
  CHECK(s.up->requests().at(1).body == "NEW");
  // An answer that has no body gets none.
  CHECK(client.Head("/").status == 200);
  s.up->RespondWith("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(client.Get("/").status == 204);
  CHECK(client.Get("/").status == 204);
}

TEST_CASE("ext_proc: the service answers itself, at any time") {
  const std::string immediate = R"(immediate_response { status { code: Forbidden } body: 'no'
      details: 'by the service' headers { set_headers { header { key: 'x-why' raw_value: 'b' } }
      set_headers { header { key: 'content-type' raw_value: 'text/x' } } } })";
  for (const char* at : {"request", "request body 4 end", "response", "response body 5 end"}) {
    INFO(at);
    Setup s(Mode("request_body_mode: BUFFERED response_body_mode: BUFFERED"),
            [&immediate, at](const ProcessingRequest& request, ProcessingResponse& response) {
              if (Word(request) == at) Change(immediate, response);
            });
    s.h.Start();
    Client client = s.h.Connect();
    const Message answer = client.Post("/", "body");
    CHECK(answer.status == 403);
    CHECK(answer.body == "no");
    CHECK(answer.Get("x-why") == "b");
    CHECK(answer.Get("content-type") == "text/x");
    CHECK(s.h.NextExchange().details == "by_the_service");
    CHECK(s.Count("immediate_responses_sent") == 1);
    CHECK(client.Post("/", "body").status == 403);
  }
}

TEST_CASE("ext_proc: the mode may be overridden") {
  const Answering override = [](const ProcessingRequest& request, ProcessingResponse& response) {
    if (!request.has_request_headers()) return;
    Change(
        "request_headers {} mode_override { request_body_mode: BUFFERED response_header_mode: "
        "SKIP }",
        response);
  };
  Setup s("allow_mode_override: true", override);
  s.h.Start();
  CHECK(s.h.Connect().Post("/", "body").body == "hello");
  CHECK(Words(s.service) == std::vector<std::string>{"request", "request body 4 end"});
  Setup ignored("", override);
  ignored.h.Start();
  CHECK(ignored.h.Connect().Post("/", "body").body == "hello");
  CHECK(Words(ignored.service) == std::vector<std::string>{"request", "response"});
  Setup others("allow_mode_override: true allowed_override_modes { response_header_mode: SKIP }",
               override);
  others.h.Start();
  CHECK(others.h.Connect().Post("/", "body").body == "hello");
  CHECK(Words(others.service) == std::vector<std::string>{"request", "response"});
}

TEST_CASE("ext_proc: attributes, metadata and what is forwarded") {
  Setup s(
      "request_attributes: 'request.path' request_attributes: 'source.port' "
      "response_attributes: 'response.code' "
      "metadata_options { forwarding_namespaces { untyped: 'a' } receiving_namespaces { "
      "untyped: 'a' } } forward_rules { allowed_headers { patterns { prefix: 'x-' } } "
      "disallowed_headers { patterns { exact: 'x-secret' } } }",
      [](const ProcessingRequest& request, ProcessingResponse& response) {
        if (!request.has_request_headers()) return;
        Change(
            "request_headers {} dynamic_metadata { fields { key: 'a' value { struct_value { "
            "fields { key: 'k' value { string_value: 'v' } } } } } fields { key: 'b' value { "
            "struct_value {} } } }",
            response);
      });
  s.h.Start();
  CHECK(s.h.Connect().Get("/p", {{"x-a", "1"}, {"x-secret", "2"}, {"y", "3"}}).status == 200);
  const ProcessingRequest first = Read(s.service.messages().at(0));
  const auto& told = first.attributes().at("envoy.filters.http.ext_proc").fields();
  CHECK(told.at("request.path").string_value() == "/p");
  CHECK(told.at("source.port").number_value() > 0);
  CHECK(first.metadata_context().filter_metadata().empty());
  for (const auto& header : first.request_headers().headers().headers()) {
    CHECK(header.key().find("x-") == 0);
    CHECK(header.key() != "x-secret");
  }
  const ProcessingRequest second = Read(s.service.messages().at(1));
  CHECK(second.attributes()
            .at("envoy.filters.http.ext_proc")
            .fields()
            .at("response.code")
            .number_value() == 200);
  const auto& metadata = second.metadata_context().filter_metadata();
  CHECK(metadata.size() == 1);
  CHECK(metadata.at("a").fields().at("k").string_value() == "v");
}

TEST_CASE("ext_proc: what routes say") {
  RealServer other;
  Converse(other, [](const ProcessingRequest&, ProcessingResponse& response) {
    Change("immediate_response { status { code: Forbidden } }", response);
  });
  Setup s;
  s.route->overrides = {Override("disabled: true")};
  auto& elsewhere = s.h.Route("/elsewhere", "up");
  elsewhere.overrides = {
      Override("overrides { grpc_service { envoy_grpc { cluster_name: 'other' } } "
               "grpc_initial_metadata { key: 'x-who' value: 'me' } }")};
  std::swap(*s.route, elsewhere);  // the catch-all last
  AddGrpcService(s.h, "other", other.address());
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Get("/elsewhere").status == 403);
  CHECK(client.Get("/").status == 200);
  CHECK(s.service.calls() == 0);
  CHECK(other.calls() == 1);
  const std::vector<std::string> fields = other.last_fields();
  CHECK(std::find(fields.begin(), fields.end(), "x-who=me") != fields.end());
}

TEST_CASE("ext_proc: a changed request finds another route") {
  Setup s("route_cache_action: CLEAR",
          [](const ProcessingRequest& request, ProcessingResponse& response) {
            if (!request.has_request_headers()) return;
            Change(
                "request_headers { response { header_mutation { set_headers { header { key: 'x-to' "
                "raw_value: 'b' } } } } }",
                response);
          });
  const auto b = AddRouteToB(s.h, *s.route);
  s.h.Start();
  CHECK(s.h.Connect().Get("/").body == "b");
}

TEST_CASE("ext_proc: more time is asked for") {
  ScriptedUpstream service;
  Setup s("message_timeout { nanos: 200000000 } max_message_timeout { seconds: 20 } " +
          Mode("response_header_mode: SKIP"));
  s.h.Cluster("proc").hosts[0].address = service.address();
  s.h.Start();
  std::thread peer([&] {
    FrameWire wire(service.Accept());
    wire.Accept();
    wire.Await("DATA(1");
    wire.Send(remora::wire::Headers(1, {{":status", "200"}, {"content-type", "application/grpc"}},
                                    /*ends=*/false));
    const auto say = [&](const std::string& text) {
      const std::string bytes = ProtoFromText<ProcessingResponse>(text).SerializeAsString();
      wire.Send(remora::wire::Data(1, remora::wire::Number(bytes.size(), 5) + bytes));
    };
    say("override_message_timeout { seconds: 10 }");
    say("override_message_timeout { seconds: 10 }");
    say("override_message_timeout { seconds: 21 }");
    // Another exchange has waited in vain meanwhile.
    wire.Await("RST_STREAM(3");
    say("request_headers {}");
    while (wire.wire().AwaitBytes()) wire.Next();
  });
  Client patient = s.h.Connect();
  patient.Send(MakeRequest("GET", "/"));
  s.h.AwaitStat("http.ingress.ext_proc.override_message_timeout_ignored", 2);
  CHECK(s.h.Connect().Get("/").status == 504);
  CHECK(patient.ReceiveResponse().status == 200);
  CHECK(s.Count("override_message_timeout_received") == 1);
  s.h.Stop();
  peer.join();
}

TEST_CASE("ext_proc: the service looks on") {
  Setup s("observability_mode: true deferred_close_timeout { seconds: 1 } " +
              Mode("request_body_mode: STREAMED response_body_mode: STREAMED"),
          [](const ProcessingRequest&, ProcessingResponse& response) {
            Change("immediate_response { status { code: Forbidden } }", response);
          });
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Post("/", "body").body == "hello");
  s.service.AwaitMessages(5);
  for (const std::string& message : s.service.messages()) {
    CHECK(Read(message).observability_mode());
  }
  s.h.AwaitStat("http.ingress.ext_proc.streams_closed", 1);
}

}  // namespace
}  // namespace remora::harness::ext_proc
