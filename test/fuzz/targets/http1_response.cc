#include <memory>

#include "test/fuzz/targets/http1_rig.h"

namespace remora::fuzz {
namespace {

// A client codec that asks again as long as its connection may be used.
class Client final : public http::ClientCodecEvents, public http::ResponseSink {
 public:
  Client(const http1::ClientOptions& options, bool head_method)
      : options_(options), head_method_(head_method) {}

  std::string Run(std::string_view bytes, size_t piece) {
    Ask();
    for (const std::string_view part : Cut(bytes, piece)) {
      input_.Append(part);
      while (!input_.empty()) {
        const size_t before = input_.length();
        const absl::Status status = codec_.Dispatch(input_);
        if (!status.ok()) return Text("error");
        if (response_.ended && codec_.Reusable()) {
          Require(input_.empty(), "reusable with bytes left");
          Ask();
        } else if (response_.ended) {
          return Text("not reusable");
        }
        if (input_.length() == before) break;
      }
    }
    const absl::Status status = codec_.OnInputEnd();
    return Text(status.ok() ? "end" : "cut");
  }

  void OnOutput() override {}
  void OnUnusable() override {}
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override {}
  void OnHead(http::ResponseHead& head) override {
    Require(head.status >= 200 && head.status <= 999, "a status that is none");
    response_.Head(std::to_string(head.status) + " " +
                   std::to_string(static_cast<int>(head.framing)) + " " +
                   std::to_string(head.length) + "\n" + FieldsText(head.headers));
    Require(!head_method_ || head.framing == http::Framing::kNone, "an answer to HEAD has a body");
  }
  void OnData(buffer::Buffer& data) override {
    response_.Data(data);
    data.Clear();
  }
  void OnEnd(http::HeaderMap* trailers) override { response_.End(trailers); }
  void OnReset(const http::ProxyError&) override { Require(false, "a codec never resets"); }

 private:
  void Ask() {
    if (response_.begun) done_.push_back(response_.ToString());
    response_ = Parts();
    arena_ = std::make_unique<base::Arena>(pools_.arenas);
    http::ClientCodecStream& stream = codec_.NewStream(*this, *arena_);
    auto* head = arena_->New<http::RequestHead>(*arena_);
    head->method = head_method_ ? "HEAD" : "GET";
    head->method_id = head_method_ ? http::Method::kHead : http::Method::kGet;
    head->authority = "a.test";
    head->path = "/";
    stream.OnHead(*head);
    stream.OnEnd(nullptr);
    output_.Clear();
  }

  // Pieces may end a connection earlier than the whole, which sees what lies behind: so only the
  // first message is compared.
  std::string Text(const std::string& how) const {
    const std::string first = done_.empty() ? response_.ToString() : done_.front();
    if (done_.empty() && !response_.ended) return response_.head + "\n" + how;
    return first;
  }

  Pools pools_;
  http1::ClientOptions options_;
  bool head_method_;
  buffer::Buffer input_{pools_.blocks};
  buffer::Buffer output_{pools_.blocks};
  std::unique_ptr<base::Arena> arena_;
  Parts response_;
  std::vector<std::string> done_;
  http1::ClientCodec codec_{*this, output_, options_};
};

}  // namespace

void RunHttp1Response(std::string_view input) {
  uint8_t choice = 2;
  size_t piece = 1;
  if (input.size() >= 2 && static_cast<uint8_t>(input[0]) < 32) {
    choice = static_cast<uint8_t>(input[0]);
    piece = 1 + static_cast<uint8_t>(input[1]) % 64;
    input.remove_prefix(2);
  }
  http1::ClientOptions options;
  options.enable_trailers = (choice & 2) != 0;
  options.max_header_bytes = 8192;
  const bool head = (choice & 1) != 0;
  const std::string whole = Client(options, head).Run(input, 0);
  const std::string pieces = Client(options, head).Run(input, piece);
  Require(whole == pieces, "cut, it is read otherwise:\n" + whole + "\n---\n" + pieces);
}

}  // namespace remora::fuzz
