#pragma once

// ClientCodec: HTTP/1.1 as seen by the side that asks (RFC 9112), for pooled connections.
//
// Owner: a pool connection; thread: its worker. One exchange at a time, no pipelining. The codec is
// its own ClientCodecStream.
//
// Errors: Dispatch and OnInputEnd return a status whose message is a detail string; the codec is
// then not Reusable() and gives no OnReset to the response's sink: who gets the status does, with
// ErrorKind::kProtocolError (Dispatch) or kConnectionTermination (OnInputEnd). Bytes on a
// connection without a stream are an error: an answer nobody asked for must never meet the next
// request. Reusable() is up to date when the sink gets OnEnd. It stays false after a response that
// came before its request had ended, and after a tunnel or in vain asked for one.
// OnInputInterestChanged is not called from within Dispatch.

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/http1/body_writer.h"
#include "source/http/http1/chunked_decoder.h"
#include "source/http/http1/head_scanner.h"
#include "source/http/http1/parser.h"

namespace remora::http1 {

struct ClientOptions {
  // Trailers are passed on in both directions; else read, checked and dropped.
  bool enable_trailers = false;
  http::NameCase name_case = http::NameCase::kLower;  // of requests; kAsReceived: of responses
  uint32_t max_header_bytes = 80 * 1024;
  uint32_t max_headers = 100;
  // Informational responses (100, 102, 103) before one final one.
  uint32_t max_informational = 64;
};

class ClientCodec final : public http::ClientCodec, private http::ClientCodecStream {
 public:
  // All three outlive the codec.
  ClientCodec(http::ClientCodecEvents& events, buffer::Buffer& output, const ClientOptions& options)
      : events_(events), output_(output), options_(options) {}

  http::ClientCodecStream& NewStream(http::ResponseSink& sink, base::Arena& arena) override;
  absl::Status Dispatch(buffer::Buffer& input) override;
  absl::Status OnInputEnd() override;
  bool WantsInput() const override { return !pause_.paused(); }
  bool Reusable() const override {
    return usable_ && response_ == ResponseState::kNone && request_ == RequestState::kNone;
  }
  bool ResponseStarted() const override { return response_started_; }
  // Bytes of the present exchange are counted there; null: nowhere.
  void CountBytes(http::WireBytes* wire) { wire_ = wire; }
  // A response said that the connection ends behind it.
  bool close_announced() const { return close_announced_; }

 private:
  enum class RequestState : uint8_t { kNone, kWaiting, kBody, kDone };
  enum class ResponseState : uint8_t { kNone, kHead, kLength, kChunked, kUntilClose };

  // http::ClientCodecStream
  void OnHead(http::RequestHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;
  void Pause(http::PauseReason reason) override;
  void Resume(http::PauseReason reason) override;

  absl::Status DispatchAll(buffer::Buffer& input);
  // False when more bytes are needed or the head is refused (then `status` says so).
  bool ReadHead(buffer::Buffer& input, absl::Status& status);
  absl::Status BeginResponse(buffer::Buffer& input, const HeadScanner::Lines& lines);
  absl::Status PassInformational(http::ResponseHead& head, uint32_t size);
  bool AgreesToUpgrade(uint16_t status, const FieldSet& fields) const;
  void StartBody(http::ResponseHead& head, bool chunked, bool nothing_left);
  void ReadLengthBody(buffer::Buffer& input);
  // False when more bytes are needed or the body is refused (then `status` says so).
  bool ReadChunkedBody(buffer::Buffer& input, absl::Status& status);
  void EndResponse(http::HeaderMap* trailers, bool nothing_left);
  void ForgetStream();
  void CountReceived(size_t bytes) {
    if (wire_ != nullptr) wire_->received += bytes;
  }
  void CountSent(size_t output_before);
  // Instead of a request: the stream is a tunnel from here on, and the answer says so.
  void OpenTunnel();
  // The connection is of no more use because of what our own side did.
  void Abandon();
  absl::Status Fail(std::string_view detail);
  // What the peer's FIN means once no byte is left.
  absl::Status HandleCut();

  http::ClientCodecEvents& events_;
  buffer::Buffer& output_;
  const ClientOptions& options_;
  http::ResponseSink* sink_ = nullptr;
  base::Arena* arena_ = nullptr;
  http::WireBytes* wire_ = nullptr;
  uint64_t remaining_ = 0;
  HeadScanner scanner_;
  ChunkedDecoder decoder_;
  BodyWriter writer_;
  http::PauseMask pause_;
  RequestState request_ = RequestState::kNone;
  ResponseState response_ = ResponseState::kNone;
  http::Method method_ = http::Method::kOther;
  uint32_t informational_ = 0;  // responses skipped, and their bytes, in this exchange
  uint32_t informational_bytes_ = 0;
  enum class Tunnel : uint8_t { kNone, kAsked, kOpen };
  Tunnel tunnel_ = Tunnel::kNone;
  std::string_view upgrade_;  // what was asked for; empty for CONNECT
  bool usable_ = true;
  bool close_announced_ = false;
  bool response_started_ = false;
  bool dispatching_ = false;
  bool input_ended_ = false;  // the peer's FIN has come
  bool input_left_ = false;   // the last Dispatch left bytes in the input
};

}  // namespace remora::http1
