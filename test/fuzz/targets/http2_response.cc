#include <memory>

#include "source/http/http2/client_codec.h"
#include "test/fuzz/targets/http1_rig.h"
#include "test/http/http2/wire.h"

namespace remora::fuzz {
namespace {

struct Response final : public http::ResponseSink {
  explicit Response(Pools& pools) : arena(pools.arenas) {}

  void OnInterim(http::ResponseHead& head) override {
    Require(head.status < 200 && !parts.begun, "an interim answer that is none");
  }
  void OnHead(http::ResponseHead& head) override {
    Require(!over, "a head behind the end");
    Require(head.status >= 101 && head.status < 600, "a status that is none");
    parts.Head(std::to_string(head.status) + " " + std::to_string(static_cast<int>(head.framing)) +
               " " + std::to_string(head.length) + "\n" + FieldsText(head.headers));
  }
  void OnData(buffer::Buffer& data) override {
    Require(!over, "data behind the end");
    parts.Data(data);
    data.Clear();
  }
  void OnEnd(http::HeaderMap* trailers) override {
    Require(!over, "two ends");
    over = true;
    parts.End(trailers);
  }
  void OnReset(const http::ProxyError&) override {
    Require(!over, "told twice that it is over");
    over = true;
  }

  base::Arena arena;
  Parts parts;
  bool over = false;
};

// Asks for four things at once and takes what comes for an answer.
class Client final : public http2::ClientEvents {
 public:
  explicit Client(const http2::CodecOptions& options) : options_(options) {}

  std::string Run(std::string_view bytes, size_t piece) {
    for (const char* method : {"GET", "HEAD", "POST", "CONNECT"}) Begin(method);
    codec_.Flush();
    for (const std::string_view part : Cut(bytes, piece)) {
      input_.Append(part);
      const absl::Status status = codec_.Dispatch(input_);
      Require(status.ok() != codec_.failed(), "an error that is none");
      codec_.Flush();
      if (!status.ok()) break;
      Require(input_.empty(), "bytes were left behind");
    }
    std::string text;
    for (const auto& response : responses_) {
      if (response->parts.ended) text += response->parts.ToString() + "\n";
    }
    return text + (codec_.failed() ? "refused" : "end");
  }

  void OnOutput() override {}
  void OnUnusable() override {}
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override {}
  void OnStreamOutputFull(http::ClientCodecStream&) override {}
  void OnStreamOutputDrained(http::ClientCodecStream&) override {}
  void OnPingAck() override {}
  void OnCapacityChanged() override {}

 private:
  void Begin(std::string_view method) {
    responses_.push_back(std::make_unique<Response>(pools_));
    Response& response = *responses_.back();
    http::ClientCodecStream& stream = codec_.NewStream(response, response.arena);
    auto& head = *response.arena.New<http::RequestHead>(response.arena);
    head.method = method;
    head.method_id = http::ParseMethod(method);
    head.authority = "a:1";
    head.path = "/";
    if (head.method_id == http::Method::kConnect) head.framing = http::Framing::kTunnel;
    stream.OnHead(head);
    if (head.framing == http::Framing::kNone) stream.OnEnd(nullptr);
  }

  Pools pools_;
  http2::CodecOptions options_;
  buffer::Buffer input_{pools_.blocks};
  buffer::Buffer output_{pools_.blocks};
  std::vector<std::unique_ptr<Response>> responses_;
  http2::ClientCodec codec_{*this, output_, options_};
};

}  // namespace

void RunHttp2Response(std::string_view input) {
  if (input.size() < 2) return;
  http2::CodecOptions options;
  options.protocol.stream_error_on_invalid_message = (input[0] & 2) != 0;
  options.max_header_bytes = 8192;
  const size_t piece = 1 + static_cast<uint8_t>(input[1]) % 64;
  input.remove_prefix(2);
  const std::string whole = Client(options).Run(input, 0);
  const std::string pieces = Client(options).Run(input, piece);
  Require(whole == pieces, "cut, it is read otherwise:\n" + whole + "\n---\n" + pieces);
}

}  // namespace remora::fuzz
