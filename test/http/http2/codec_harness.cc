#include "test/http/http2/codec_harness.h"

namespace remora::http2 {
namespace {

void AddFields(const wire::Fields& fields, http::HeaderMap& headers) {
  for (const auto& [name, value] : fields) REQUIRE(headers.Add(name, value));
}

std::string Take(buffer::Buffer& output) {
  std::string bytes = output.ToString();
  output.Clear();
  return bytes;
}

}  // namespace

TestServer::TestServer(CodecOptions codec_options)
    : options(std::move(codec_options)),
      input(pools.blocks),
      output(pools.blocks),
      codec(*this, output, options) {}

absl::Status TestServer::Feed(std::string_view bytes) {
  input.Append(bytes);
  return codec.Dispatch(input);
}

absl::Status TestServer::FeedPieces(std::string_view bytes, size_t piece) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const absl::Status status = Feed(bytes.substr(at, piece));
    codec.Flush();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TestServer::Again() { return codec.Dispatch(input); }

void TestServer::Open() {
  REQUIRE(Feed(wire::Preface() + wire::Frame(wire::kSettings, wire::kAck, 0)).ok());
  Frames();
}

std::string TestServer::Bytes() {
  codec.Flush();
  return Take(output);
}

std::string TestServer::Frames() { return reader.Read(Bytes()); }

void TestServer::RespondHead(size_t n, uint16_t status, http::Framing framing, uint64_t length,
                             const wire::Fields& fields) {
  ServerExchange& exchange = Exchange(n);
  auto* head = exchange.arena.New<http::ResponseHead>(exchange.arena);
  head->status = status;
  head->framing = framing;
  head->length = length;
  AddFields(fields, head->headers);
  exchange.stream->OnHead(*head);
}

void TestServer::RespondData(size_t n, std::string_view bytes) {
  buffer::Buffer data(pools.blocks);
  data.Append(bytes);
  Stream(n).OnData(data);
}

void TestServer::RespondEnd(size_t n, const wire::Fields& trailers) {
  http::HeaderMap map(Exchange(n).arena);
  AddFields(trailers, map);
  Stream(n).OnEnd(trailers.empty() ? nullptr : &map);
}

void TestServer::Respond(size_t n, uint16_t status, std::string_view body) {
  RespondHead(n, status, body.empty() ? http::Framing::kNone : http::Framing::kLength, body.size());
  if (!body.empty()) RespondData(n, body);
  RespondEnd(n);
}

http::ServerCodecEvents::NewRequest TestServer::OnNewRequest(http::ServerCodecStream& stream) {
  const std::string name = "r" + std::to_string(exchanges.size() + 1);
  exchanges.push_back(std::make_unique<ServerExchange>(pools, journal, name));
  ServerExchange& exchange = *exchanges.back();
  exchange.stream = &stream;
  if (on_request) on_request(exchange);
  return {&exchange.arena, &exchange.recorder, &exchange.wire};
}

std::string TestServer::NameOf(http::ServerCodecStream& stream) const {
  for (size_t i = 0; i < exchanges.size(); ++i) {
    if (exchanges[i]->stream == &stream) return "r" + std::to_string(i + 1);
  }
  return "?";
}

void TestServer::OnStreamDone(http::ServerCodecStream& stream, bool) {
  journal.Add(NameOf(stream) + ":done");
  for (auto& exchange : exchanges) {
    if (exchange->stream == &stream) exchange->stream = nullptr;
  }
}

void TestServer::OnStreamOutputFull(http::ServerCodecStream& stream) {
  journal.Add(NameOf(stream) + ":full");
}

void TestServer::OnStreamOutputDrained(http::ServerCodecStream& stream) {
  journal.Add(NameOf(stream) + ":drained");
}

TestClient::TestClient(CodecOptions codec_options)
    : options(std::move(codec_options)),
      input(pools.blocks),
      output(pools.blocks),
      codec(*this, output, options) {}

absl::Status TestClient::Feed(std::string_view bytes) {
  codec.Flush();  // nothing is answered before it was sent
  input.Append(bytes);
  return codec.Dispatch(input);
}

void TestClient::Open() {
  REQUIRE(Feed(wire::Settings({}) + wire::Frame(wire::kSettings, wire::kAck, 0)).ok());
  const std::string magic = Bytes();
  reader.Read(std::string_view(magic).substr(24));
}

std::string TestClient::Bytes() {
  codec.Flush();
  return Take(output);
}

std::string TestClient::Frames() { return reader.Read(Bytes()); }

ClientExchange& TestClient::Begin(std::string_view method, std::string_view path,
                                  http::Framing framing, uint64_t length,
                                  const wire::Fields& fields) {
  const std::string name = "r" + std::to_string(exchanges.size() + 1);
  exchanges.push_back(std::make_unique<ClientExchange>(pools, journal, name));
  ClientExchange& exchange = *exchanges.back();
  exchange.stream = &codec.NewStream(exchange.recorder, exchange.arena);
  auto* head = exchange.arena.New<http::RequestHead>(exchange.arena);
  head->method = exchange.arena.Copy(method);
  head->method_id = http::ParseMethod(method);
  head->scheme = "http";
  head->authority = "a";
  head->path = exchange.arena.Copy(path);
  head->framing = framing;
  head->length = length;
  head->upgrade = upgrade;
  AddFields(fields, head->headers);
  exchange.stream->OnHead(*head);
  if (framing == http::Framing::kNone) exchange.stream->OnEnd(nullptr);
  return exchange;
}

void TestClient::Send(size_t n, std::string_view bytes) {
  buffer::Buffer data(pools.blocks);
  data.Append(bytes);
  Exchange(n).stream->OnData(data);
}

void TestClient::End(size_t n, const wire::Fields& trailers) {
  http::HeaderMap map(Exchange(n).arena);
  AddFields(trailers, map);
  Exchange(n).stream->OnEnd(trailers.empty() ? nullptr : &map);
}

}  // namespace remora::http2
