// Properties over random input, from fixed seeds: what is written parses to what it was written
// from; a mutated message never crashes, and whatever of it is accepted is one message that the
// strict rules and llhttp see the same way.

#include <llhttp.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "source/http/http1/serializer.h"
#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using std::string_literals::operator""s;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  template <class T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }
  std::string Text(std::string_view alphabet, size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += alphabet[Below(alphabet.size())];
    return text;
  }
  std::string Name() {
    return Below(2) == 0 ? Pick<std::string>({"accept", "cookie", "x-request-id", "via", "te-x",
                                              "cache-control", "x-forwarded-proto"})
                         : "x-" + Text("abcdefghijklmnopqrstuvwxyz0123456789-_.!", 1 + Below(40));
  }
  std::string Value() {
    if (Below(10) == 0) return "";
    return "v" + Text("abc ,;=\"\t\xc3\xa4/()<>@", Below(60)) + "v";
  }
  std::string Body() { return Text("\r\n0123456789abcdef;GET ", 1 + Below(3000)); }
  std::string Fields() {
    std::string fields;
    const size_t count = Below(20);
    for (size_t i = 0; i < count; ++i) {
      // Some lines are not canonical.
      const char* gap = Below(6) == 0 ? Pick<const char*>({":", ":  ", ":\t"}) : ": ";
      fields += Name() + gap + Value() + (Below(8) == 0 ? " " : "") + "\r\n";
    }
    return fields;
  }
  // The body as chunks, with extensions now and then.
  std::string Chunks(std::string_view body) {
    std::string text;
    while (!body.empty()) {
      const size_t size = std::min(body.size(), 1 + Below(700));
      std::ostringstream line;
      line << std::hex << size;
      text += line.str() + (Below(5) == 0 ? ";a=b" : "") + "\r\n";
      text += body.substr(0, size);
      text += "\r\n";
      body.remove_prefix(size);
    }
    return text + "0\r\n\r\n";
  }
  std::string Request() {
    const std::string method = Pick<std::string>({"GET", "POST", "PUT", "DELETE", "PROPFIND"});
    const std::string path = "/" + Text("abc/?&=%20._~#'(){}|", Below(80));
    std::string request =
        method + " " + path + " HTTP/1.1\r\n" + Fields() + "Host: a.test:8080\r\n" + Fields();
    return request + End();
  }
  std::string Response() {
    const std::string status = Pick<std::string>({"200 OK", "404 Not Found", "503 x", "201"});
    return "HTTP/1.1 " + status + "\r\n" + Fields() + End();
  }
  // Changes, removes or doubles some bytes.
  std::string Mutate(std::string text) {
    const std::string bytes = "\r\n :\t;,0159aAfF\0\x7f\x80\xff+-\""s;
    for (size_t i = 1 + Below(3); i > 0 && !text.empty(); --i) {
      const size_t at = Below(std::min<size_t>(text.size(), 600));
      switch (Below(4)) {
        case 0:
          text[at] = bytes[Below(bytes.size())];
          break;
        case 1:
          text.insert(at, 1, bytes[Below(bytes.size())]);
          break;
        case 2:
          text.erase(at, 1 + Below(4));
          break;
        default:
          text.insert(at, text.substr(Below(text.size()), Below(30)));
      }
    }
    return text;
  }

 private:
  std::string End() {
    switch (Below(3)) {
      case 0:
        return "\r\n";
      case 1: {
        const std::string body = Body();
        return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      }
      default:
        return "Transfer-Encoding: chunked\r\n\r\n" + Chunks(Body());
    }
  }

  std::mt19937 random_;
};

// Passes a message through: what a sink of one codec gets is given to the other codec.
struct Relay final : http::RequestSink, http::ClientCodecEvents, http::ResponseSink {
  explicit Relay(Pools& pools)
      : arena(pools.arenas), output(pools.blocks), codec(*this, output, options) {
    stream = &codec.NewStream(*this, arena);
  }
  void OnHead(http::RequestHead& head) override { stream->OnHead(head); }
  void OnData(buffer::Buffer& data) override { stream->OnData(data); }
  void OnEnd(http::HeaderMap* trailers) override {
    stream->OnEnd(trailers);
    ended = true;
  }
  void OnReset(const http::ProxyError&) override {}
  void OnHead(http::ResponseHead&) override {}
  void OnOutput() override {}
  void OnUnusable() override {}
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override {}

  base::Arena arena;
  buffer::Buffer output;
  ClientOptions options;
  ClientCodec codec;
  http::ClientCodecStream* stream;
  bool ended = false;
};

// A server codec whose requests go to a relay.
struct ForwardingServer final : http::ServerCodecEvents {
  explicit ForwardingServer(ServerOptions o = {})
      : server_options(std::move(o)),
        arena(pools.arenas),
        relay(pools),
        input(pools.blocks),
        output(pools.blocks),
        codec(*this, output, server_options) {}
  NewRequest OnNewRequest(http::ServerCodecStream&) override {
    ++requests;
    return {&arena, &relay};
  }
  void OnOutput() override {}
  void OnStreamDone(http::ServerCodecStream&, bool) override {}
  void OnInputInterestChanged() override {}

  Pools pools;
  ServerOptions server_options;
  base::Arena arena;
  Relay relay;
  buffer::Buffer input;
  buffer::Buffer output;
  ServerCodec codec;
  int requests = 0;
};

std::string LogOf(const std::string& request) {
  TestServer server;
  server.Feed(request).IgnoreError();
  return server.log;
}

// The log without what a proxy may change: framing (by length or by chunks) and its field.
std::string Comparable(std::string log) {
  const size_t line_end = log.find('\n');
  for (const char* word : {" streamed", " none", " length="}) {
    const size_t at = log.find(word);
    if (at < line_end) log.erase(at, log.find(' ', at + 1) - at);
  }
  const size_t at = log.find("  content-length: ");
  if (at != std::string::npos) log.erase(at, log.find('\n', at) + 1 - at);
  return log;
}

TEST_CASE("a forwarded request parses to the same message") {
  Generator generator(20260702);
  for (int round = 0; round < 1500; ++round) {
    const std::string request = generator.Request();
    INFO("round " << round << ": " << request.substr(0, 600));
    ForwardingServer server;
    for (size_t at = 0; at < request.size();) {
      const size_t n = std::min(request.size() - at, 1 + generator.Below(1500));
      server.input.Append(request.substr(at, n));
      REQUIRE(server.codec.Dispatch(server.input).ok());
      at += n;
    }
    REQUIRE(server.relay.ended);
    CHECK(Comparable(LogOf(server.relay.output.ToString())) == Comparable(LogOf(request)));
  }
}

TEST_CASE("a response is parsed alike however it is cut") {
  Generator generator(20260703);
  for (int round = 0; round < 1000; ++round) {
    const std::string response = generator.Response();
    INFO("round " << round << ": " << response.substr(0, 600));
    TestClient whole;
    whole.Request("GET", "/");
    REQUIRE(whole.Feed(response).ok());
    REQUIRE(whole.codec.OnInputEnd().ok());
    REQUIRE(whole.log.ends_with("end\n"));
    TestClient cut;
    cut.Request("GET", "/");
    REQUIRE(cut.FeedPieces(response, 1 + generator.Below(200)).ok());
    REQUIRE(cut.codec.OnInputEnd().ok());
    CHECK(cut.log == whole.log);
  }
}

// What llhttp makes of the first head in `text`, in the form of FieldsText.
struct Tokens {
  std::string url;
  std::string fields;
  std::string name;
  bool in_value = false;

  void Flush() {
    if (!in_value) return;
    in_value = false;
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
    fields += "  " + name + ": " + value + "\n";
    name.clear();
    value.clear();
  }
  std::string value;
};
Tokens* TokensOf(llhttp_t* parser) { return static_cast<Tokens*>(parser->data); }

bool AskLlhttp(const std::string& text, Tokens& tokens) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = [](llhttp_t* p, const char* at, size_t n) {
    TokensOf(p)->url.append(at, n);
    return 0;
  };
  settings.on_header_field = [](llhttp_t* p, const char* at, size_t n) {
    Tokens* tokens = TokensOf(p);
    tokens->Flush();
    for (size_t i = 0; i < n; ++i) tokens->name += static_cast<char>(tolower(at[i]));
    return 0;
  };
  settings.on_header_value = [](llhttp_t* p, const char* at, size_t n) {
    TokensOf(p)->value.append(at, n);
    TokensOf(p)->in_value = true;
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* p) -> int {
    TokensOf(p)->Flush();
    return HPE_PAUSED;
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &tokens;
  return llhttp_execute(&parser, text.data(), text.size()) == HPE_PAUSED;
}

// Fields that our parser takes out of the map.
std::string WithoutHopFields(const std::string& fields) {
  std::istringstream lines(fields);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    bool hop = false;
    for (const char* name : {"host", "connection", "transfer-encoding", "keep-alive", "upgrade",
                             "proxy-connection", "te", "http2-settings"}) {
      hop |= line.starts_with("  " + std::string(name) + ": ");
    }
    if (!hop) kept += line + "\n";
  }
  return kept;
}

TEST_CASE("mutated requests: what is accepted is forwarded as exactly one strict request") {
  Generator generator(20260704);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string request = generator.Mutate(generator.Request());
    INFO("round " << round << ": " << request.substr(0, 700));
    ForwardingServer server;
    server.input.Append(request);
    if (!server.codec.Dispatch(server.input).ok() || !server.relay.ended) continue;
    ++accepted;
    REQUIRE(server.requests == 1);
    const std::string forwarded = server.relay.output.ToString();
    TestServer strict;
    REQUIRE(strict.Feed(forwarded).ok());
    CHECK(strict.requests == 1);
    CHECK(strict.log.ends_with("end\n"));
    CHECK(strict.input.empty());
    // A second opinion on the tokens of the head.
    Tokens theirs;
    REQUIRE(AskLlhttp(request, theirs));
    TestServer ours;
    ours.Feed(request).IgnoreError();
    REQUIRE(ours.head != nullptr);
    const bool nominates = theirs.fields.find("  connection: ") != std::string::npos;
    if (!nominates) {
      CHECK(WithoutHopFields(FieldsText(ours.head->headers)) == WithoutHopFields(theirs.fields));
    }
  }
  // The mutations must not all be fatal, else nothing was tested.
  CHECK(accepted > 1000);
}

TEST_CASE("mutated responses never crash, and cut or whole they come out the same") {
  Generator generator(20260705);
  int accepted = 0;
  for (int round = 0; round < 10000; ++round) {
    const std::string response = generator.Mutate(generator.Response());
    INFO("round " << round << ": " << response.substr(0, 700));
    TestClient whole;
    whole.Request("GET", "/");
    const bool good = whole.Feed(response).ok();
    TestClient cut;
    cut.Request("GET", "/");
    const bool cut_good = cut.FeedPieces(response, 1 + generator.Below(100)).ok();
    CHECK(cut_good == good);
    if (!good) continue;
    ++accepted;
    CHECK(cut.log == whole.log);
  }
  CHECK(accepted > 1000);
}

// The corpora of the fuzz targets are replayed by every test run.
std::vector<std::string> Corpus(const std::string& name) {
  std::vector<std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator("test/fuzz/corpus/" + name)) {
    if (entry.path().extension() != ".raw") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    inputs.push_back(text.str());
  }
  return inputs;
}

TEST_CASE("corpora are replayed whole and byte by byte") {
  const std::vector<std::string> requests = Corpus("http1_request");
  CHECK(requests.size() >= 20);
  for (const std::string& input : requests) {
    INFO(input.substr(0, 500));
    TestServer whole;
    whole.auto_respond = true;
    const absl::Status status = whole.Feed(input);
    TestServer cut;
    cut.auto_respond = true;
    CHECK(cut.FeedPieces(input, 1).ok() == status.ok());
    CHECK(cut.requests == whole.requests);
  }
  const std::vector<std::string> responses = Corpus("http1_response");
  CHECK(responses.size() >= 15);
  for (const std::string& input : responses) {
    INFO(input.substr(0, 500));
    TestClient whole;
    whole.Request("GET", "/");
    const absl::Status status = whole.Feed(input);
    TestClient cut;
    cut.Request("GET", "/");
    CHECK(cut.FeedPieces(input, 1).ok() == status.ok());
    CHECK(cut.codec.Reusable() == whole.codec.Reusable());
  }
}

}  // namespace
}  // namespace remora::http1
