#include "test/http/http1/codec_harness.h"

#include <algorithm>

namespace remora::http1 {
namespace {

std::string FramingText(http::Framing framing, uint64_t length) {
  switch (framing) {
    case http::Framing::kNone:
      return "none";
    case http::Framing::kLength:
      return "length=" + std::to_string(length);
    case http::Framing::kStreamed:
      return "streamed";
    case http::Framing::kTunnel:
      return "tunnel";
  }
  return "?";
}

}  // namespace

std::string FieldsText(const http::HeaderMap& headers) {
  std::string text;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    text += "  ";
    text += entry.name();
    text += ": ";
    text += entry.value();
    text += "\n";
  });
  return text;
}

std::string HeadText(const http::RequestHead& head) {
  std::string text = "head ";
  text += head.method;
  text += " ";
  if (!head.scheme.empty()) {
    text += head.scheme;
    text += ":";
  }
  text += "//";
  text += head.authority;
  text += head.path;
  text += " ";
  text += http::VersionName(head.version);
  text += " " + FramingText(head.framing, head.length);
  text += head.keep_alive ? " keep-alive" : " close";
  if (head.expects_continue) text += " expects-continue";
  return text + "\n" + FieldsText(head.headers);
}

std::string HeadText(const http::ResponseHead& head) {
  std::string text = "head " + std::to_string(head.status) + " ";
  text += http::VersionName(head.version);
  text += " " + FramingText(head.framing, head.length);
  return text + "\n" + FieldsText(head.headers);
}

http::Method MethodOf(std::string_view name) { return http::ParseMethod(name); }

TestServer::TestServer(ServerOptions server_options)
    : options(std::move(server_options)),
      input(pools.blocks),
      output(pools.blocks),
      codec(*this, output, options) {}

http::ServerCodecEvents::NewRequest TestServer::OnNewRequest(http::ServerCodecStream& new_stream) {
  ++requests;
  stream = &new_stream;
  arena = std::make_unique<base::Arena>(pools.arenas);
  recorder = std::make_unique<Recorder<http::RequestHead>>(log);
  recorder->on_head = [this](http::RequestHead& new_head) {
    head = &new_head;
    if (on_head) on_head(new_head);
  };
  recorder->on_data = on_data;
  return {arena.get(), recorder.get()};
}

void TestServer::OnStreamDone(http::ServerCodecStream&, bool keep_alive) {
  log += keep_alive ? "done\n" : "done, close\n";
  stream = nullptr;
}

absl::Status TestServer::Feed(std::string_view bytes) {
  input.Append(bytes);
  for (;;) {
    absl::Status status = codec.Dispatch(input);
    if (!status.ok()) {
      log += "error " + std::to_string(codec.error().status) + " ";
      log += codec.error().detail;
      log += "\n";
      return status;
    }
    // A complete request: WantsInput() is false though nothing has paused it.
    const bool complete = stream != nullptr && log.ends_with("end\n");
    if (!auto_respond || !complete) return status;
    Respond("");
  }
}

absl::Status TestServer::FeedPieces(std::string_view bytes, size_t piece) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    absl::Status status = Feed(bytes.substr(at, piece));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void TestServer::RespondHead(uint16_t status, http::Framing framing, uint64_t length,
                             std::vector<std::pair<std::string, std::string>> fields) {
  base::Arena& memory = *arena;
  auto* response = memory.New<http::ResponseHead>(memory);
  response->status = status;
  response->framing = framing;
  response->length = length;
  for (const auto& [name, value] : fields) response->headers.Add(name, value);
  stream->OnHead(*response);
}

void TestServer::RespondData(std::string_view bytes) {
  buffer::Buffer data(pools.blocks);
  data.Append(bytes);
  stream->OnData(data);
}

void TestServer::RespondEnd() { stream->OnEnd(nullptr); }

void TestServer::Respond(std::string_view body) {
  RespondHead(200, body.empty() ? http::Framing::kNone : http::Framing::kLength, body.size());
  if (!body.empty()) RespondData(body);
  RespondEnd();
}

std::string TestServer::TakeOutput() {
  std::string text = output.ToString();
  output.Clear();
  return text;
}

TestClient::TestClient(ClientOptions client_options)
    : options(client_options),
      input(pools.blocks),
      output(pools.blocks),
      recorder(log),
      codec(*this, output, options) {}

void TestClient::Begin(std::string_view method, std::string_view path, http::Framing framing,
                       uint64_t length, std::vector<std::pair<std::string, std::string>> fields) {
  arena = std::make_unique<base::Arena>(pools.arenas);
  stream = &codec.NewStream(recorder, *arena);
  auto* head = arena->New<http::RequestHead>(*arena);
  head->method = arena->Copy(method);
  head->method_id = MethodOf(method);
  head->path = arena->Copy(path);
  head->authority = "a.test";
  head->framing = framing;
  head->length = length;
  for (const auto& [name, value] : fields) head->headers.Add(name, value);
  stream->OnHead(*head);
}

void TestClient::Request(std::string_view method, std::string_view path) {
  Begin(method, path, http::Framing::kNone);
  stream->OnEnd(nullptr);
}

absl::Status TestClient::Feed(std::string_view bytes) {
  input.Append(bytes);
  absl::Status status = codec.Dispatch(input);
  if (!status.ok()) log += "error " + std::string(status.message()) + "\n";
  return status;
}

absl::Status TestClient::FeedPieces(std::string_view bytes, size_t piece) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    absl::Status status = Feed(bytes.substr(at, piece));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string TestClient::TakeOutput() {
  std::string text = output.ToString();
  output.Clear();
  return text;
}

}  // namespace remora::http1
