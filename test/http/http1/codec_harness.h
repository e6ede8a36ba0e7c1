#pragma once

// Codecs under test with strings at both ends: bytes in, a text of events out.
//
// The log of a message is one line a part:
//   head GET http://a/x HTTP/1.1 length=5 keep-alive
//     accept: text/html
//   data hello
//   end
// Data parts that follow each other are one, so that logs do not depend on how bytes were split.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/check.h"
#include "source/http/http1/client_codec.h"
#include "source/http/http1/server_codec.h"

// Both base/check.h and Catch2 define CHECK; tests mean the latter.
#undef CHECK
#include <catch2/catch.hpp>

namespace remora::http1 {

// "    name: value\n" for each field.
std::string FieldsText(const http::HeaderMap& headers);
std::string HeadText(const http::RequestHead& head);
std::string HeadText(const http::ResponseHead& head);

// Writes down what it is given.
template <class Head>
class Recorder final : public http::MessageSink<Head> {
 public:
  explicit Recorder(std::string& log) : log_(log) {}

  void OnHead(Head& head) override {
    log_ += HeadText(head);
    if (on_head) on_head(head);
  }
  void OnData(buffer::Buffer& data) override {
    if (!in_data_) log_ += "data ";
    in_data_ = true;
    log_ += data.ToString();
    data.Clear();
    if (on_data) on_data();
  }
  void OnEnd(http::HeaderMap* trailers) override {
    if (in_data_) log_ += "\n";
    in_data_ = false;
    log_ += "end\n";
    if (trailers != nullptr) log_ += FieldsText(*trailers);
    if (on_end) on_end();
  }
  void OnReset(const http::ProxyError&) override { log_ += "reset\n"; }

  std::function<void(Head&)> on_head;
  std::function<void()> on_data;
  std::function<void()> on_end;

 private:
  std::string& log_;
  bool in_data_ = false;
};

// Memory of one worker.
struct Pools {
  buffer::BlockPool blocks;
  base::ArenaPool arenas;
};

// A server codec and its session.
class TestServer final : public http::ServerCodecEvents {
 public:
  explicit TestServer(ServerOptions options = {});

  // Appends `bytes` to the input and dispatches; goes on while whole requests are answered.
  absl::Status Feed(std::string_view bytes);
  // As Feed for a whole conversation: `piece` bytes at a time.
  absl::Status FeedPieces(std::string_view bytes, size_t piece);
  absl::Status FinishInput() { return codec.OnInputEnd(); }
  // Answers the current request with 200 and this body.
  void Respond(std::string_view body);
  void RespondHead(uint16_t status, http::Framing framing, uint64_t length = 0,
                   std::vector<std::pair<std::string, std::string>> fields = {});
  void RespondData(std::string_view bytes);
  void RespondEnd();
  std::string TakeOutput();

  // http::ServerCodecEvents
  NewRequest OnNewRequest(http::ServerCodecStream& stream) override;
  void OnOutput() override { ++outputs; }
  void OnStreamDone(http::ServerCodecStream& stream, bool keep_alive) override;
  void OnInputInterestChanged() override { ++interest_changes; }

  Pools pools;
  ServerOptions options;
  buffer::Buffer input;
  buffer::Buffer output;
  std::string log;
  bool auto_respond = false;
  http::ServerCodecStream* stream = nullptr;
  std::unique_ptr<base::Arena> arena;
  std::unique_ptr<Recorder<http::RequestHead>> recorder;
  std::function<void(http::RequestHead&)> on_head;
  std::function<void()> on_data;
  http::RequestHead* head = nullptr;
  int requests = 0;
  int outputs = 0;
  int interest_changes = 0;
  ServerCodec codec;
};

// A client codec and its pool connection.
class TestClient final : public http::ClientCodecEvents {
 public:
  explicit TestClient(ClientOptions options = {});

  // Sends a whole request without a body; the response is awaited.
  void Request(std::string_view method, std::string_view path);
  // Begins a request; its body and end follow.
  void Begin(std::string_view method, std::string_view path, http::Framing framing,
             uint64_t length = 0, std::vector<std::pair<std::string, std::string>> fields = {});
  absl::Status Feed(std::string_view bytes);
  absl::Status FeedPieces(std::string_view bytes, size_t piece);
  std::string TakeOutput();

  // http::ClientCodecEvents
  void OnOutput() override {}
  void OnUnusable() override { ++unusable; }
  void OnTunnelEnd() override { ++tunnel_ends; }
  void OnInputInterestChanged() override { ++interest_changes; }

  Pools pools;
  ClientOptions options;
  buffer::Buffer input;
  buffer::Buffer output;
  std::string log;
  std::unique_ptr<base::Arena> arena;
  Recorder<http::ResponseHead> recorder;
  http::ClientCodecStream* stream = nullptr;
  int unusable = 0;
  int tunnel_ends = 0;
  int interest_changes = 0;
  ClientCodec codec;
};

http::Method MethodOf(std::string_view name);

}  // namespace remora::http1
