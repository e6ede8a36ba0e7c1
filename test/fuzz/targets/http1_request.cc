#include <memory>

#include "test/fuzz/targets/forwarded.h"
#include "test/fuzz/targets/http1_rig.h"

namespace remora::fuzz {
namespace {

// A server codec whose requests are answered 204, and forwarded by a client codec when asked for.
class Server final : public http::ServerCodecEvents, public http::RequestSink {
 public:
  Server(const http1::ServerOptions& options, bool forwards)
      : options_(options), forwards_(forwards) {
    client_options_.enable_trailers = options.enable_trailers;
  }

  std::string Run(std::string_view bytes, size_t piece) {
    for (const std::string_view part : Cut(bytes, piece)) {
      input_.Append(part);
      if (!Dispatch()) break;
    }
    if (error_.empty()) {
      const absl::Status status = codec_.OnInputEnd();
      if (!status.ok()) error_ = "cut";
    }
    if (forwarded_ != nullptr && !request_.ended) forwarded_->CheckUnfinished();
    return Text();
  }

  NewRequest OnNewRequest(http::ServerCodecStream& stream) override {
    Require(stream_ == nullptr, "two requests at once");
    stream_ = &stream;
    if (request_.ended) done_.push_back(request_.ToString());
    request_ = Parts();
    forwarded_.reset();
    arena_ = std::make_unique<base::Arena>(pools_.arenas);
    return {arena_.get(), this};
  }
  void OnOutput() override {}
  void OnStreamDone(http::ServerCodecStream&, bool) override { stream_ = nullptr; }
  void OnInputInterestChanged() override {}

  void OnHead(http::RequestHead& head) override {
    request_.Head(std::string(head.method) + " " + std::string(head.authority) + " " +
                  std::string(head.path) + " " + std::to_string(static_cast<int>(head.framing)) +
                  " " + std::to_string(head.length) + "\n" + FieldsText(head.headers));
    Require(!head.method.empty(), "a request without method");
    Require(!head.path.empty() || head.framing == http::Framing::kTunnel, "a request without path");
    // CONNECT is refused by the router; nothing of it is forwarded.
    if (!forwards_ || head.framing == http::Framing::kTunnel) return;
    forwarded_ = std::make_unique<Forwarded>(pools_, client_options_, *arena_);
    forwarded_->stream->OnHead(head);
  }
  void OnData(buffer::Buffer& data) override {
    request_.Data(data);
    if (forwarded_ != nullptr) forwarded_->stream->OnData(data);
    data.Clear();
  }
  void OnEnd(http::HeaderMap* trailers) override {
    request_.End(trailers);
    if (forwarded_ != nullptr) {
      forwarded_->stream->OnEnd(trailers);
      forwarded_->CheckWhole(request_);
    }
  }
  void OnReset(const http::ProxyError&) override { Require(false, "a codec never resets"); }

 private:
  bool Dispatch() {
    for (;;) {
      const absl::Status status = codec_.Dispatch(input_);
      if (!status.ok()) {
        error_ = std::to_string(codec_.error().status) + " " + std::string(codec_.error().detail);
        Require(codec_.error().status >= 400, "an error that is none");
        return false;
      }
      if (stream_ == nullptr || !request_.ended) return true;
      auto* head = arena_->New<http::ResponseHead>(*arena_);
      head->status = 204;
      stream_->OnHead(*head);
      stream_->OnEnd(nullptr);
      Require(stream_ == nullptr, "an answered request goes on");
      if (input_.empty()) return true;
    }
  }

  // The whole requests and whether anything was refused: which of two faults is found first, and
  // how much of an unfinished body has come, depend on the cut.
  std::string Text() const {
    std::string text;
    for (const std::string& request : done_) text += request + "\n";
    if (request_.ended) text += request_.ToString() + "\n";
    return text + (error_.empty() ? "end" : "refused");
  }

  Pools pools_;
  http1::ServerOptions options_;
  http1::ClientOptions client_options_;
  bool forwards_;
  buffer::Buffer input_{pools_.blocks};
  buffer::Buffer output_{pools_.blocks};
  std::unique_ptr<base::Arena> arena_;
  std::unique_ptr<Forwarded> forwarded_;
  http::ServerCodecStream* stream_ = nullptr;
  Parts request_;
  std::vector<std::string> done_;
  std::string error_;
  http1::ServerCodec codec_{*this, output_, options_};
};

void Run(std::string_view input, bool forwards) {
  // Corpus files may be plain messages, which begin with a letter: bits 0 to 2 of it are as good as
  // any. A first byte below 32 is not part of the message.
  uint8_t choice = 6;
  size_t piece = 1;
  if (input.size() >= 2 && static_cast<uint8_t>(input[0]) < 32 && input[0] != '\r' &&
      input[0] != '\n') {
    choice = static_cast<uint8_t>(input[0]);
    piece = 1 + static_cast<uint8_t>(input[1]) % 64;
    input.remove_prefix(2);
  }
  http1::ServerOptions options;
  options.accept_http_10 = (choice & 1) != 0;
  options.enable_trailers = (choice & 2) != 0;
  options.allow_absolute_url = (choice & 4) != 0;
  options.max_header_bytes = 8192;
  if ((choice & 16) != 0) options.default_host_for_http_10 = "default.test";
  const std::string whole = Server(options, forwards).Run(input, 0);
  const std::string pieces = Server(options, forwards).Run(input, piece);
  Require(whole == pieces, "cut, it is read otherwise:\n" + whole + "\n---\n" + pieces);
}

}  // namespace

void RunHttp1Request(std::string_view input) { Run(input, false); }
void RunHttp1Proxy(std::string_view input) { Run(input, true); }

}  // namespace remora::fuzz
