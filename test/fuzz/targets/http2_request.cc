#include <memory>

#include "source/http/http2/server_codec.h"
#include "test/fuzz/targets/forwarded.h"
#include "test/fuzz/targets/http1_rig.h"
#include "test/http/http2/wire.h"

namespace remora::fuzz {
namespace {

// One request of a server codec, forwarded as HTTP/1 when asked for.
struct Request final : public http::RequestSink {
  Request(Pools& pools, bool forwards) : pools(pools), forwards(forwards), arena(pools.arenas) {}

  void OnHead(http::RequestHead& head) override {
    parts.Head(std::string(head.method) + " " + std::string(head.scheme) + " " +
               std::string(head.authority) + " " + std::string(head.path) + " " +
               std::string(head.upgrade) + " " + std::to_string(static_cast<int>(head.framing)) +
               " " + std::to_string(head.length) + "\n" + FieldsText(head.headers));
    Require(!head.method.empty(), "a request without method");
    Require(!head.path.empty() || head.framing == http::Framing::kTunnel, "a request without path");
    // A request without authority is answered by the connection manager.
    if (!forwards || head.framing == http::Framing::kTunnel || head.authority.empty()) return;
    empty_announced = head.framing == http::Framing::kLength && head.length == 0;
    forwarded = std::make_unique<Forwarded>(pools, options, arena);
    forwarded->stream->OnHead(head);
  }
  void OnData(buffer::Buffer& data) override {
    parts.Data(data);
    if (forwarded != nullptr) forwarded->stream->OnData(data);
    data.Clear();
  }
  void OnEnd(http::HeaderMap* trailers) override {
    parts.End(trailers);
    if (forwarded == nullptr) return;
    forwarded->stream->OnEnd(trailers);
    forwarded->CheckWhole(parts);
  }
  void OnReset(const http::ProxyError&) override {
    Require(!over, "told twice that it is over");
    over = true;
    if (forwarded != nullptr && !parts.ended && !empty_announced) forwarded->CheckUnfinished();
  }

  Pools& pools;
  bool forwards;
  bool over = false;
  bool empty_announced = false;  // the head alone is the whole request
  base::Arena arena;
  http1::ClientOptions options;
  Parts parts;
  std::unique_ptr<Forwarded> forwarded;
};

// Requests are never answered: what a client may still send on a stream would depend on when the
// answer has left.
class Server final : public http2::ServerEvents {
 public:
  Server(const http2::CodecOptions& options, bool forwards)
      : options_(options), forwards_(forwards) {}

  std::string Run(std::string_view bytes, size_t piece) {
    input_.Append(wire::Preface());
    Require(codec_.Dispatch(input_).ok(), "a good preface was refused");
    bool failed = false;
    for (const std::string_view part : Cut(bytes, piece)) {
      input_.Append(part);
      failed = !codec_.Dispatch(input_).ok();
      codec_.Flush();
      if (failed) break;
      Require(input_.empty(), "bytes were left behind");
    }
    Require(!failed || codec_.failed(), "an error that is none");
    std::string text;
    for (const auto& request : requests_) {
      if (request->parts.ended) text += request->parts.ToString() + "\n";
      if (request->forwarded != nullptr && !request->parts.ended && !request->empty_announced) {
        request->forwarded->CheckUnfinished();
      }
    }
    return text + (codec_.failed() ? "refused" : "end");
  }

  NewRequest OnNewRequest(http::ServerCodecStream&) override {
    requests_.push_back(std::make_unique<Request>(pools_, forwards_));
    return {&requests_.back()->arena, requests_.back().get()};
  }
  void OnOutput() override {}
  void OnStreamDone(http::ServerCodecStream&, bool) override {}
  void OnInputInterestChanged() override {}
  void OnStreamOutputFull(http::ServerCodecStream&) override {}
  void OnStreamOutputDrained(http::ServerCodecStream&) override {}
  void OnPingAck() override {}

 private:
  Pools pools_;
  http2::CodecOptions options_;
  bool forwards_;
  buffer::Buffer input_{pools_.blocks};
  buffer::Buffer output_{pools_.blocks};
  std::vector<std::unique_ptr<Request>> requests_;
  http2::ServerCodec codec_{*this, output_, options_};
};

// The first byte chooses options, the second how the frames behind it are cut.
void Run(std::string_view input, bool forwards) {
  if (input.size() < 2) return;
  const auto choice = static_cast<uint8_t>(input[0]);
  const size_t piece = 1 + static_cast<uint8_t>(input[1]) % 64;
  input.remove_prefix(2);
  http2::CodecOptions options;
  options.protocol.allow_connect = (choice & 1) != 0;
  options.protocol.stream_error_on_invalid_message = (choice & 2) != 0;
  if ((choice & 4) != 0) options.underscore_names = http::UnderscoreNames::kDrop;
  options.max_header_bytes = 8192;
  const std::string whole = Server(options, forwards).Run(input, 0);
  const std::string pieces = Server(options, forwards).Run(input, piece);
  Require(whole == pieces, "cut, it is read otherwise:\n" + whole + "\n---\n" + pieces);
}

}  // namespace

void RunHttp2Request(std::string_view input) { Run(input, false); }
void RunHttp2Proxy(std::string_view input) { Run(input, true); }

}  // namespace remora::fuzz
