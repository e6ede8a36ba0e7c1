#pragma once

// Codecs of HTTP/2 under test with bytes at both ends: frames in, events and frames out as words.
//
//   TestServer server;
//   server.Feed(wire::Preface() + wire::Headers(1, wire::Get()));
//   CHECK(server.Events() == "r1:head(GET /) r1:end");
//   server.Respond(1, 200, "hi");
//   CHECK(server.Frames() == "HEADERS(1,:status=200,content-length=2) DATA(1,end,hi)");

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http2/client_codec.h"
#include "source/http/http2/server_codec.h"
#include "test/fakes/recorder.h"
#include "test/http/http2/wire.h"

// Both base/check.h and Catch2 define CHECK; tests mean the latter.
#undef CHECK
#include <catch2/catch.hpp>

namespace remora::http2 {

// Memory of one worker.
struct Pools {
  buffer::BlockPool blocks;
  base::ArenaPool arenas;
};

struct ServerExchange {
  ServerExchange(Pools& pools, fakes::Journal& journal, const std::string& name)
      : arena(pools.arenas), recorder(journal, name) {
    recorder.with_fields = true;
  }
  base::Arena arena;
  fakes::Recorder<http::RequestHead> recorder;
  http::ServerCodecStream* stream = nullptr;  // null: done
  http::WireBytes wire;
};

class TestServer final : public ServerEvents {
 public:
  explicit TestServer(CodecOptions codec_options = {});

  absl::Status Feed(std::string_view bytes);
  // `piece` bytes at a time.
  absl::Status FeedPieces(std::string_view bytes, size_t piece);
  // Calls Dispatch without bytes, as an owner does at the end of the turn.
  absl::Status Again();
  // The preface has been exchanged: what came of it is dropped.
  void Open();
  std::string Events() { return journal.Take(); }
  std::string Frames();
  std::string Bytes();

  // The n-th request (from 1); the body's length is announced.
  http::ServerCodecStream& Stream(size_t n) { return *exchanges.at(n - 1)->stream; }
  ServerExchange& Exchange(size_t n) { return *exchanges.at(n - 1); }
  void Respond(size_t n, uint16_t status, std::string_view body);
  void RespondHead(size_t n, uint16_t status, http::Framing framing, uint64_t length = 0,
                   const wire::Fields& fields = {});
  void RespondData(size_t n, std::string_view bytes);
  void RespondEnd(size_t n, const wire::Fields& trailers = {});

  // ServerEvents
  NewRequest OnNewRequest(http::ServerCodecStream& stream) override;
  void OnOutput() override { ++outputs; }
  void OnStreamDone(http::ServerCodecStream& stream, bool keep_alive) override;
  void OnInputInterestChanged() override { ++interest_changes; }
  void OnStreamOutputFull(http::ServerCodecStream& stream) override;
  void OnStreamOutputDrained(http::ServerCodecStream& stream) override;
  void OnPingAck() override { journal.Add("pong"); }

  Pools pools;
  CodecOptions options;
  buffer::Buffer input;
  buffer::Buffer output;
  fakes::Journal journal;
  wire::FrameReader reader;
  std::vector<std::unique_ptr<ServerExchange>> exchanges;
  std::function<void(ServerExchange&)> on_request;
  int outputs = 0;
  int interest_changes = 0;
  ServerCodec codec;

 private:
  std::string NameOf(http::ServerCodecStream& stream) const;
};

struct ClientExchange {
  ClientExchange(Pools& pools, fakes::Journal& journal, const std::string& name)
      : arena(pools.arenas), recorder(journal, name) {
    recorder.with_fields = true;
  }
  base::Arena arena;
  fakes::Recorder<http::ResponseHead> recorder;
  http::ClientCodecStream* stream = nullptr;
};

class TestClient final : public ClientEvents {
 public:
  explicit TestClient(CodecOptions codec_options = {});

  absl::Status Feed(std::string_view bytes);
  absl::Status Again() { return codec.Dispatch(input); }
  // The preface has been exchanged: what came of it is dropped.
  void Open();
  std::string Events() { return journal.Take(); }
  std::string Frames();
  std::string Bytes();

  // Begins the next request.
  ClientExchange& Begin(std::string_view method, std::string_view path, http::Framing framing,
                        uint64_t length = 0, const wire::Fields& fields = {});
  ClientExchange& Exchange(size_t n) { return *exchanges.at(n - 1); }
  void Send(size_t n, std::string_view bytes);
  void End(size_t n, const wire::Fields& trailers = {});

  // ClientEvents
  void OnOutput() override {}
  void OnUnusable() override { journal.Add("unusable"); }
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override { ++interest_changes; }
  void OnStreamOutputFull(http::ClientCodecStream&) override { journal.Add("full"); }
  void OnStreamOutputDrained(http::ClientCodecStream&) override { journal.Add("drained"); }
  void OnPingAck() override { journal.Add("pong"); }
  void OnCapacityChanged() override { ++capacity_changes; }

  Pools pools;
  CodecOptions options;
  buffer::Buffer input;
  buffer::Buffer output;
  fakes::Journal journal;
  wire::FrameReader reader;
  std::vector<std::unique_ptr<ClientExchange>> exchanges;
  int interest_changes = 0;
  int capacity_changes = 0;
  std::string upgrade;  // of the requests that are begun
  ClientCodec codec;
};

}  // namespace remora::http2
