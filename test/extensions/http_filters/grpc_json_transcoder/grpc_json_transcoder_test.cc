#include "source/extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "test/extensions/http_filters/grpc_json_transcoder/shop.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using http::Framing;
using Proto = GrpcJsonTranscoder::Proto;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<GrpcJsonTranscoder>();
  return registry;
}

Proto Config(const std::string& more = {}) {
  Proto proto = fakes::ProtoFromText<Proto>("services: 'shop.Shop' " + more);
  proto.set_proto_descriptor_bin(fakes::ShopDescriptors());
  return proto;
}

std::string Frame(const std::string& message) {
  std::string bytes("\0\0\0", 3);
  bytes += static_cast<char>(message.size() >> 8);
  bytes += static_cast<char>(message.size());
  return bytes + message;
}

// The messages of a body, as JSON, each in <>.
std::string Messages(std::string body, const std::string& type = "shop.Item") {
  std::string text;
  while (body.size() >= 5) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(body[i]); };
    const size_t size = static_cast<size_t>(byte(3)) << 8 | byte(4);
    text += "<" + fakes::ShopJson(type, body.substr(5, size)) + ">";
    body.erase(0, 5 + size);
  }
  return text + body;
}

struct World : fakes::ChainWorld {
  explicit World(const std::string& method, const std::string& path, const Proto& config = Config(),
                 const Fields& fields = {}, fakes::RouteLevels levels = {})
      : ChainWorld(1000) {
    std::string errors;
    AddFactory(fakes::ParseFilter(Registry(), "json", config, errors));
    CHECK(errors.empty());
    UseRoutes(fakes::OneRoute(std::move(levels)));
    request = &MakeRequest(method, path, fields);
    request->framing = method == "GET" ? Framing::kNone : Framing::kStreamed;
    downstream.with_fields = true;
    Start();
  }
  // What the upstream gets for a body.
  std::string Call(const std::string& body = {}) {
    Request(body);
    if (upstream.heads == 0) return "none";
    return std::string(request->path) + " " + Messages(upstream.body);
  }
  // What the client gets for messages and trailers.
  std::string Answer(const std::vector<std::string>& messages, const Fields& trailers) {
    auto& head = MakeResponse(200, {{"content-type", "application/grpc"}});
    ResponseHead(head);
    for (const std::string& message : messages) ResponseData(Frame(message));
    ResponseEnd(trailers);
    return fakes::ToText(*downstream.last_head) + " | " + downstream.body;
  }
  std::string Refusal() {
    if (downstream.heads == 0) return "none";
    return std::to_string(downstream.last_head->status) + " " + downstream.body + " " +
           std::string(info.response_code_details);
  }
  http::RequestHead* request;
};

const Fields kOk = {{"grpc-status", "0"}};

std::string Item(const std::string& json) { return fakes::ShopMessage("shop.Item", json); }

TEST_CASE("transcoder: what requests call") {
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    const char* expected;
  };
  const Row rows[] = {
      {"GET", "/v1/items/7", "", R"(/shop.Shop/Get <{"id":"7"}>)"},
      {"GET", "/v1/items/a%20b?count=5&kind=FINE&tags=x&tags=y&isSold=true&is_sold=true", "",
       R"(/shop.Shop/Get <{"id":"a b","count":"5","kind":"FINE","tags":["x","y"],"isSold":true}>)"},
      {"GET", "/v1/items/7?part.part.id=9&part.count=1&", "",
       R"(/shop.Shop/Get <{"id":"7","part":{"count":"1","part":{"id":"9"}}}>)"},
      {"GET", "/v1/shelves/3/items/7", "",
       R"(/shop.Shop/Get <{"id":"7","part":{"id":"shelves/3"}}>)"},
      {"PUT", "/v1/items/7", R"({"id":"8","count":2})",
       R"(/shop.Shop/Put <{"id":"7","part":{"id":"8","count":"2"}}>)"},
      {"PUT", "/v1/items/7", "", R"(/shop.Shop/Put <{"id":"7"}>)"},
      {"POST", "/v1/items", R"({"id":"1","unknown":{"x":[1]}})", R"(/shop.Shop/Make <{"id":"1"}>)"},
      {"POST", "/v1/items?id=2&count=3", R"({"id":"1"})",
       R"(/shop.Shop/Make <{"id":"1","count":"3"}>)"},
      {"POST", "/v1/items", "", "/shop.Shop/Make <{}>"},
      {"PATCH", "/v1/items/7/tags", R"(["a","b"])",
       R"(/shop.Shop/Tag <{"id":"7","tags":["a","b"]}>)"},
      {"FIND", "/v1/find/a/b", "", R"(/shop.Shop/Find <{"id":"a/b"}>)"},
      {"GET", "/v1/items?count=3", "", R"(/shop.Shop/List <{"count":"3"}>)"},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    World world(row.method, row.path);
    CHECK(world.Call(row.body) == row.expected);
    CHECK(world.request->method == "POST");
    CHECK(world.request->headers.Get(http::HeaderId::kContentType) == "application/grpc");
    CHECK(world.request->headers.Get(http::HeaderId::kXEnvoyOriginalPath) == row.path);
    CHECK(world.request->framing == Framing::kStreamed);
  }
}

TEST_CASE("transcoder: requests that pass as they are, or are refused") {
  const std::string strict =
      "request_validation_options { reject_unknown_method: true reject_unknown_query_parameters: "
      "true }";
  for (const char* path : {"/v2/items", "/v1/items/7?none=1", "/v1/items/7?part.none=1"}) {
    World world("GET", path);
    CHECK(world.Call() == std::string(path) + " ");
  }
  World unknown("GET", "/v2/items?x", Config(strict));
  unknown.Call();
  CHECK(
      unknown.Refusal() ==
      "404 Could not resolve /v2/items to a method. early_grpc_json_transcode_failure{NOT_FOUND}");
  World parameter("GET", "/v1/items/7?none=1", Config(strict));
  parameter.Call();
  CHECK(parameter.Refusal() ==
        "400 Could not find field \"none\" in the type \"shop.Item\". "
        "early_grpc_json_transcode_failure{INVALID_ARGUMENT}");
  World ignored("GET", "/v1/items/7?none=1", Config("ignored_query_parameters: 'none'"));
  CHECK(ignored.Call() == R"(/shop.Shop/Get <{"id":"7"}>)");
  World any("GET", "/v1/items/7?none=1", Config("ignore_unknown_query_parameters: true"));
  CHECK(any.Call() == R"(/shop.Shop/Get <{"id":"7"}>)");
  World grpc("POST", "/v1/items", Config(strict), {{"content-type", "application/grpc"}});
  CHECK(grpc.Call("body") == "/v1/items body");
  World off("GET", "/v1/items/7", Config(), {},
            {.route = {[] {
               std::string errors;
               Proto none;
               none.set_proto_descriptor_bin(fakes::ShopDescriptors());
               return fakes::ParseOverride(Registry(), "json", none, errors);
             }()}});
  CHECK(off.Call() == "/v1/items/7 ");
}

TEST_CASE("transcoder: bodies that are no message") {
  for (const char* body : {"{", "[]", "{\"id\":1}}", "{\"count\":\"x\"}", "x"}) {
    INFO(body);
    World world("POST", "/v1/items");
    CHECK(world.Call(body) == "none");
    CHECK(world.downstream.last_head->status == 400);
    CHECK(world.info.response_code_details == "grpc_json_transcode_failure{INVALID_ARGUMENT}");
  }
  // What stands in for a field cannot set others.
  World injected("PATCH", "/v1/items/7/tags");
  CHECK(injected.Call(R"([],"id":"8")") == "none");
  World value("GET", "/v1/items/7?count=x");
  CHECK(value.Call() == "none");
  CHECK(value.downstream.last_head->status == 400);
}

TEST_CASE("transcoder: automatic paths") {
  World off("POST", "/shop.Shop/Plain");
  CHECK(off.Call("{}") == "/shop.Shop/Plain {}");
  World on("POST", "/shop.Shop/Plain", Config("auto_mapping: true"));
  CHECK(on.Call(R"({"id":"1"})") == R"(/shop.Shop/Plain <{"id":"1"}>)");
}

TEST_CASE("transcoder: an answer and its status") {
  const auto answer = [](const Fields& trailers, const std::string& more = {},
                         const std::vector<std::string>& messages = {}) {
    World world("GET", "/v1/items/7", Config(more));
    world.Call();
    return world.Answer(messages, trailers);
  };
  const std::string item = Item(R"({"id":"7","count":5,"kind":"FINE","isSold":true})");
  CHECK(answer(kOk, "", {item}) ==
        R"(200 content-type=application/json grpc-status=0 content-length=50 | )"
        R"({"id":"7","count":"5","kind":"FINE","isSold":true})");
  CHECK(
      answer({{"grpc-status", "5"}, {"grpc-message", "no%20such"}}) ==
      "404 content-type=application/json grpc-status=5 grpc-message=no%20such content-length=0 | ");
  CHECK(
      answer({{"grpc-status", "3"}, {"grpc-message", "no%20such"}}, "convert_grpc_status: true") ==
      "400 content-type=application/json content-length=30 | {\"code\":3,\"message\":\"no such\"}");
  // google.rpc.Status { code: 5 message: "x" }
  CHECK(answer({{"grpc-status", "5"},
                {"grpc-status-details-bin", absl::Base64Escape("\x08\x05\x12\x01x")}},
               "convert_grpc_status: true")
            .ends_with("| {\"code\":5,\"message\":\"x\"}"));
  CHECK(answer({}).substr(0, 3) == "503");
  CHECK(answer({{"grpc-status", "x"}}).substr(0, 3) == "503");
}

TEST_CASE("transcoder: how JSON is written") {
  const auto answer = [](const std::string& options) {
    World world("GET", "/v1/items/7", Config("print_options { " + options + " }"));
    world.Call();
    world.Answer({Item(R"({"kind":"FINE","isSold":true})")}, kOk);
    return world.downstream.body;
  };
  CHECK(answer("preserve_proto_field_names: true") == R"({"kind":"FINE","is_sold":true})");
  CHECK(answer("always_print_enums_as_ints: true") == R"({"kind":1,"isSold":true})");
  CHECK(answer("always_print_primitive_fields: true") ==
        R"({"id":"","count":"0","kind":"FINE","tags":[],"notes":{},"isSold":true})");
  CHECK(answer("add_whitespace: true") == "{\n \"kind\": \"FINE\",\n \"isSold\": true\n}\n");
}

TEST_CASE("transcoder: a part of the answer") {
  World part("GET", "/v1/parts/7");
  part.Call();
  part.Answer({Item(R"({"id":"7","part":{"id":"8"}})")}, kOk);
  CHECK(part.downstream.body == R"({"id":"8"})");
  World tags("PATCH", "/v1/items/7/tags");
  tags.Call("[]");
  tags.Answer({Item(R"({"id":"},\"tags\":[]","tags":["a,}","b"]})")}, kOk);
  CHECK(tags.downstream.body == R"(["a,}","b"])");
  World none("PATCH", "/v1/items/7/tags");
  none.Call("[]");
  none.Answer({Item(R"({"id":"7"})")}, kOk);
  CHECK(none.downstream.body == "[]");
}

TEST_CASE("transcoder: a server's stream is an array, as it comes") {
  World world("GET", "/v1/items");
  world.Call();
  world.Take();
  auto& head = world.MakeResponse(200, {{"content-type", "application/grpc"}});
  world.ResponseHead(head);
  CHECK(world.Take() == "down:head(200 content-type=application/json)");
  const std::string frame = Frame(Item(R"({"id":"1"})"));
  world.ResponseData(frame.substr(0, 3));
  CHECK(world.Take().empty());
  world.ResponseData(frame.substr(3));
  CHECK(world.Take() == R"(down:data([{"id":"1"}))");
  world.ResponseData(frame + frame);
  world.ResponseEnd(kOk);
  CHECK(world.downstream.body == R"([{"id":"1"},{"id":"1"},{"id":"1"}])");

  World empty("GET", "/v1/items");
  empty.Call();
  CHECK(empty.Answer({}, kOk) == "200 content-type=application/json | []");
  World lines("GET", "/v1/items", Config("print_options { stream_newline_delimited: true }"));
  lines.Call();
  lines.Answer({Item("{}"), Item(R"({"id":"1"})")}, kOk);
  CHECK(lines.downstream.body == "{}\n{\"id\":\"1\"}\n");
}

TEST_CASE("transcoder: a client's stream is an array, as it comes") {
  World world("POST", "/v1/items:add?count=3");
  world.RequestHead();
  CHECK(world.upstream.heads == 1);
  world.RequestData(R"([{"id":"1"},{"i)");
  CHECK(Messages(world.upstream.body) == R"(<{"id":"1","count":"3"}>)");
  world.RequestData(R"(d":"2"}])");
  world.RequestEnd();
  CHECK(Messages(world.upstream.body) == R"(<{"id":"1","count":"3"}><{"id":"2","count":"3"}>)");
  World nothing("POST", "/v1/items:add");
  CHECK(nothing.Call("") == "/shop.Shop/Add ");
  for (const char* body : {"[{\"id\":\"1\"}", "{}", "[{\"id\":[]}]"}) {
    World bad("POST", "/v1/items:add");
    bad.Call(body);
    CHECK(bad.downstream.last_head->status == 400);
  }
}

TEST_CASE("transcoder: raw bodies both ways") {
  World world("POST", "/v1/raw", Config(), {{"content-type", "image/png"}});
  world.Request("\x89PNG");
  CHECK(Messages(world.upstream.body, "google.api.HttpBody") ==
        R"(<{"contentType":"image/png","data":"iVBORw=="}>)");
  world.Answer(
      {fakes::ShopMessage("google.api.HttpBody", R"({"contentType":"text/csv","data":"YSxi"})")},
      kOk);
  CHECK(world.downstream.body == "a,b");
  CHECK(world.downstream.last_head->headers.Get(http::HeaderId::kContentType) == "text/csv");
}

TEST_CASE("transcoder: answers that are no gRPC, or in their head alone") {
  World page("GET", "/v1/items/7");
  page.Call();
  auto& html = page.MakeResponse(200, {{"content-type", "text/html"}});
  page.ResponseHead(html);
  page.ResponseData("page");
  page.ResponseEnd();
  CHECK(fakes::ToText(*page.downstream.last_head) == "200 content-type=text/html");
  CHECK(page.downstream.body == "page");

  const auto bare = [](const char* path, const std::string& more = {}) {
    World world("GET", path, Config(more));
    world.Call();
    auto& head = world.MakeResponse(
        200, {{"content-type", "application/grpc"}, {"grpc-status", "7"}, {"grpc-message", "no"}});
    head.framing = Framing::kNone;
    world.ResponseHead(head);
    world.ResponseEnd();
    return fakes::ToText(*world.downstream.last_head) + " | " + world.downstream.body;
  };
  CHECK(bare("/v1/items/7") ==
        "403 content-type=application/grpc grpc-status=7 grpc-message=no content-length=0 | ");
  CHECK(bare("/v1/items").ends_with("| []"));
  CHECK(bare("/v1/items/7", "convert_grpc_status: true") ==
        "403 content-type=application/json content-length=25 | "
        "{\"code\":7,\"message\":\"no\"}");
}

TEST_CASE("transcoder: messages that cannot be read") {
  // What can be read of a message counts, as in Envoy.
  World damaged("GET", "/v1/items/7");
  damaged.Call();
  damaged.Answer({"\x0a\xff"}, kOk);
  CHECK(damaged.downstream.body == R"({"id":""})");
  World no_frame("GET", "/v1/items/7");
  no_frame.Call();
  auto& head = no_frame.MakeResponse(200, {{"content-type", "application/grpc"}});
  no_frame.ResponseHead(head);
  no_frame.ResponseData("<html><body>");
  CHECK(no_frame.downstream.last_head->status == 502);
}

TEST_CASE("transcoder: what is held is bounded") {
  World request("POST", "/v1/items");
  CHECK(request.Call("{\"id\":\"" + std::string(1000, 'x') + "\"}") == "none");
  CHECK(request.downstream.last_head->status == 413);
  World own("POST", "/v1/items", Config("max_request_body_size { value: 8 }"));
  CHECK(own.Call("{\"id\":\"1\"}") == "none");
  World element("POST", "/v1/items:add", Config("max_request_body_size { value: 8 }"));
  element.Call("[{\"id\":\"1\"}]");
  CHECK(element.downstream.last_head->status == 413);
  World response("GET", "/v1/items/7", Config("max_response_body_size { value: 8 }"));
  response.Call();
  response.Answer({Item("{\"id\":\"123456789\"}")}, kOk);
  CHECK(response.Refusal() ==
        "500 Response not transcoded because the transcoder's internal buffer size exceeds the "
        "configured limit. grpc_json_transcode_failure{response_buffer_size_limit_reached}");
}

TEST_CASE("transcoder: what is wrong is named") {
  const auto errors = [](const Proto& proto) {
    std::string found;
    fakes::ParseFilter(Registry(), "json", proto, found);
    return found;
  };
  CHECK(errors(fakes::ProtoFromText<Proto>("proto_descriptor_bin: '\\377'")) ==
        "filter.proto_descriptor_bin: is no descriptor set\n");
  CHECK(errors(fakes::ProtoFromText<Proto>("proto_descriptor: '/nowhere/file'"))
            .find("filter.proto_descriptor: ") == 0);
  CHECK(errors(Config("services: 'shop.None'")) ==
        "filter.services[1]: Could not find 'shop.None' in the proto descriptor\n");
  CHECK(errors(Config("services: 'shop.Shop'")).find("another method has this template") !=
        std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
