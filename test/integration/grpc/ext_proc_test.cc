// The external processing filter with a service of the gRPC library, and with services that are
// slow, lie, reset, or are gone; over HTTP/1 and HTTP/2, with bodies in pieces.

#include <catch2/catch.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "source/base/random.h"
#include "source/extensions/http_filters/ext_proc/ext_proc.h"
#include "test/fakes/extension_world.h"
#include "test/grpc/real_server.h"
#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using envoy::service::ext_proc::v3::ProcessingRequest;
using envoy::service::ext_proc::v3::ProcessingResponse;
using extensions::ExtProc;
using fakes::ProtoFromText;
using fakes::RealServer;

// With a service, and time for it, unless it says something else.
std::string WithDefaults(const std::string& config) {
  const auto with = [](const std::string& text, const std::string& field, const char* value) {
    return text.find(field) == std::string::npos ? text + " " + field + value : text;
  };
  return with(with(config, "grpc_service", " { envoy_grpc { cluster_name: 'proc' } }"),
              "message_timeout", " { seconds: 20 }");
}

std::string Mode(const std::string& text) { return "processing_mode { " + text + " } "; }

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<ExtProc>();
  return registry;
}

upstream::ClusterConfig& AddService(Harness& h, const std::string& name,
                                    const net::Address& address) {
  upstream::ClusterConfig& cluster = h.Cluster(name);
  cluster.protocol = upstream::Protocol::kHttp2;
  cluster.hosts.emplace_back().address = address;
  return cluster;
}

void AddFilter(Harness& h, const net::Address& service, const std::string& config) {
  AddService(h, "proc", service);
  std::string errors;
  h.Filter(fakes::ParseFilter(Registry(), "proc",
                              ProtoFromText<ExtProc::Proto>(WithDefaults(config)), errors));
  REQUIRE(errors.empty());
}

route::FilterOverride Override(const std::string& text) {
  std::string errors;
  auto override =
      fakes::ParseOverride(Registry(), "proc", ProtoFromText<ExtProc::RouteProto>(text), errors);
  REQUIRE(errors.empty());
  return override;
}

// Also on the library's threads, where nothing can be checked.
ProcessingRequest Read(const std::string& message) {
  ProcessingRequest request;
  if (!request.ParseFromString(message)) throw std::runtime_error("no ProcessingRequest");
  return request;
}

// "GET /", "request body 5", "response trailers"...: what a processor was sent.
std::string Word(const ProcessingRequest& request) {
  using Case = ProcessingRequest::RequestCase;
  const auto body = [](const auto& of) {
    return std::to_string(of.body().size()) + (of.end_of_stream() ? " end" : "");
  };
  switch (request.request_case()) {
    case Case::kRequestHeaders:
      return std::string("request") + (request.request_headers().end_of_stream() ? " end" : "");
    case Case::kResponseHeaders:
      return std::string("response") + (request.response_headers().end_of_stream() ? " end" : "");
    case Case::kRequestBody:
      return "request body " + body(request.request_body());
    case Case::kResponseBody:
      return "response body " + body(request.response_body());
    case Case::kRequestTrailers:
      return "request trailers";
    case Case::kResponseTrailers:
      return "response trailers";
    default:
      return "nothing";
  }
}

std::vector<std::string> Words(const RealServer& service) {
  std::vector<std::string> words;
  for (const std::string& message : service.messages()) words.push_back(Word(Read(message)));
  return words;
}

using Answering = std::function<void(const ProcessingRequest&, ProcessingResponse&)>;

// The part may go on as it is.
void Confirm(const ProcessingRequest& request, ProcessingResponse& response) {
  if (request.has_request_headers()) response.mutable_request_headers();
  if (request.has_response_headers()) response.mutable_response_headers();
  if (request.has_request_body()) response.mutable_request_body();
  if (request.has_response_body()) response.mutable_response_body();
  if (request.has_request_trailers()) response.mutable_request_trailers();
  if (request.has_response_trailers()) response.mutable_response_trailers();
}

// Says so to each part; `change` may say more.
void Converse(RealServer& service, Answering change = {}) {
  service.Converse([change = std::move(change)](const std::string& message) {
    const ProcessingRequest request = Read(message);
    ProcessingResponse response;
    Confirm(request, response);
    if (change) change(request, response);
    return response.SerializeAsString();
  });
}

void Change(const std::string& text, ProcessingResponse& response) {
  response = ProtoFromText<ProcessingResponse>(text);
}

std::string Upper(const std::string& text) {
  std::string out = text;
  for (char& c : out) c = static_cast<char>(std::toupper(c));
  return out;
}

// Bodies in capitals, and their lengths not told.
void Capitals(const ProcessingRequest& request, ProcessingResponse& response) {
  if (request.has_request_headers()) {
    response.mutable_request_headers()
        ->mutable_response()
        ->mutable_header_mutation()
        ->add_remove_headers("content-length");
  } else if (request.has_response_headers()) {
    response.mutable_response_headers()
        ->mutable_response()
        ->mutable_header_mutation()
        ->add_remove_headers("content-length");
  } else if (request.has_request_body()) {
    response.mutable_request_body()->mutable_response()->mutable_body_mutation()->set_body(
        Upper(request.request_body().body()));
  } else if (request.has_response_body()) {
    response.mutable_response_body()->mutable_response()->mutable_body_mutation()->set_body(
        Upper(request.response_body().body()));
  }
}

// A proxy in front of "up", which says hello, with a service.
struct Setup {
  explicit Setup(const std::string& config = "", Answering change = {}) {
    Converse(service, std::move(change));
    up = h.Upstream("up").Respond(200, "hello", {{"x-from", "up"}});
    route = &h.Route("/", "up");
    AddFilter(h, service.address(), config);
  }
  uint64_t Count(const std::string& name) { return h.Stat("http.ingress.ext_proc." + name); }
  RealServer service;
  Harness h;
  std::optional<ScriptedUpstream> up;
  route::RouteConfig* route;
};

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
    AddFilter(h, service.address(), "failure_mode_allow: " + std::string(open));
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
  AddService(s.h, "other", other.address());
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
  auto b = s.h.Upstream("b").Respond(200, "b");
  route::RouteConfig& to_b = s.h.Route("/", "b");
  route::HeaderMatch match;
  match.name = "x-to";
  to_b.headers.push_back(match);
  std::swap(*s.route, to_b);
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

// --- services that fail

struct Failing {
  explicit Failing(const net::Address& service, const std::string& config = "") {
    up = h.Upstream("up").Respond(200, "hello");
    h.Route("/", "up");
    AddFilter(h, service, config);
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
      AddFilter(h, service.address(),
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
}  // namespace remora::harness
