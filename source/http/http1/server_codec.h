#pragma once

// ServerCodec: HTTP/1.0 and 1.1 as seen by the side that answers (RFC 9112).
//
// Owner: a downstream session; thread: its worker. One stream at a time: while a complete request
// waits for its response, WantsInput() is false and pipelined bytes stay in the input buffer. The
// codec is its own ServerCodecStream.
//
//   idle --head--> request body --end--> request done --+
//                  response body --OnEnd--> response done +--> OnStreamDone --> idle (keep-alive)
//                                                                          \--> closed
//   idle --CONNECT, Upgrade--> tunnel asked --2xx, 101--> tunnel --OnEnd of both--> closed
//                                           \--other answer--> closed
//
// Errors: Dispatch and OnInputEnd return a status, error() holds the answer. The codec gives no
// OnReset to the request's sink: who gets the status ends its stream. An error found in the bytes
// of the head (size, characters) comes before OnNewRequest, later ones after it, without OnHead. In
// both cases RejectedStream() takes the answer; after its end comes OnStreamDone(false).
// Pause stops body data; an end that is already there is still delivered. OnInputInterestChanged
// is not called from within Dispatch: ask WantsInput() after it.

#include <cstdint>
#include <functional>
#include <string>

#include "source/http/codec.h"
#include "source/http/http1/body_writer.h"
#include "source/http/http1/chunked_decoder.h"
#include "source/http/http1/head_scanner.h"
#include "source/http/http1/parser.h"
#include "source/http/http1/start_line.h"
#include "source/stats/handles.h"

namespace remora::http1 {

struct ServerOptions {
  // HTTP/1.0 requests are answered; else 426, as Envoy does by default.
  bool accept_http_10 = false;
  // `GET http://host/path`: the URL's host takes the place of Host.
  bool allow_absolute_url = true;
  // Trailers are passed on in both directions; else read, checked and dropped.
  bool enable_trailers = false;
  // Protocols that a request asks for in vain: it goes on as plain HTTP. h2c always is one.
  std::function<bool(std::string_view)> ignores_upgrade;
  // A request with both Content-Length and chunked coding is read as chunked; else refused.
  bool allow_chunked_length = false;
  // The connection outlives a request that is refused for its target or Host, where its head is
  // whole and it has no body.
  bool keep_after_refusal = false;
  http::NameCase name_case = http::NameCase::kLower;  // of responses; kAsReceived: of requests
  http::UnderscoreNames underscore_names = http::UnderscoreNames::kAllow;
  // The connection is TLS: https URLs are at home here.
  bool secure = false;
  uint32_t max_header_bytes = 60 * 1024;
  uint32_t max_headers = 100;
  // The authority of an HTTP/1.0 request without Host; none when empty.
  std::string default_host_for_http_10;
  stats::Counter dropped_underscore_names;   // fields
  stats::Counter rejected_underscore_names;  // requests
};

class ServerCodec final : public http::ServerCodec, private http::ServerCodecStream {
 public:
  // All three outlive the codec.
  ServerCodec(http::ServerCodecEvents& events, buffer::Buffer& output, const ServerOptions& options)
      : events_(events), output_(output), options_(options) {}

  absl::Status Dispatch(buffer::Buffer& input) override;
  absl::Status OnInputEnd() override;
  const http::CodecError& error() const override { return error_; }
  bool WantsInput() const override;
  void GoAway() override { going_away_ = true; }

  // After a failed Dispatch without a stream: a place for the error's response.
  http::ServerCodecStream& RejectedStream();
  // The first bytes of a request's head are there, its end is not.
  bool HeadStarted() const { return request_ == RequestState::kIdle && scanner_.started(); }
  // Gives up the head that is being received, as a failed Dispatch would: no further request is
  // read, and the returned place takes the answer.
  http::ServerCodecStream& RejectHead();

 private:
  enum class RequestState : uint8_t {
    kIdle,    // waits for a head
    kLength,  // reads remaining_ bytes of body
    kChunked,
    kTunnelAsked,  // CONNECT or an upgrade: further bytes stay where they are until the answer
    kTunnel,       // agreed to: bytes go through as they are
    kDone,         // nothing further belongs to this request
    kFailed,       // the peer broke the protocol
    kClosed,       // no further request on this connection
  };
  enum class ResponseState : uint8_t { kNone, kWaiting, kBody };

  // http::ServerCodecStream
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;
  void SendContinue() override;
  void Pause(http::PauseReason reason) override;
  void Resume(http::PauseReason reason) override;

  absl::Status DispatchAll(buffer::Buffer& input);
  // False when more bytes are needed or the head is refused (then `status` says so).
  bool ReadHead(buffer::Buffer& input, absl::Status& status);
  absl::Status BeginRequest(buffer::Buffer& input, const HeadScanner::Lines& lines);
  bool ReadRequest(const HeadText& text, const HeadScanner::Lines& lines, http::RequestHead& head,
                   bool& chunked);
  void StartBody(http::RequestHead& head, bool chunked);
  void ReadLengthBody(buffer::Buffer& input);
  // False when more bytes are needed or the body is refused (then `status` says so).
  bool ReadChunkedBody(buffer::Buffer& input, absl::Status& status);
  // Whether the request asks for another protocol than HTTP, which its head then says.
  bool AsksUpgrade(const RequestLine& line, const FieldSet& fields) const;
  bool CheckUnderscores(http::HeaderMap& fields);
  absl::Status Fail(const http::CodecError& error);
  // The same for this request alone: the next one may follow.
  absl::Status Refuse();
  void CountReceived(size_t bytes) {
    if (wire_ != nullptr) wire_->received += bytes;
  }
  void CountSent(size_t output_before) {
    if (wire_ != nullptr) wire_->sent += output_.length() - output_before;
  }
  bool OpensTunnel(const http::ResponseHead& head) const;
  bool MustClose(const http::ResponseHead& head) const;
  void EndStream(bool keep_alive);
  // An error when the peer's FIN has cut a request short.
  absl::Status CheckCut();

  http::ServerCodecEvents& events_;
  buffer::Buffer& output_;
  const ServerOptions& options_;
  http::RequestSink* sink_ = nullptr;
  base::Arena* arena_ = nullptr;
  http::WireBytes* wire_ = nullptr;
  uint64_t remaining_ = 0;
  http::CodecError error_;
  HeadScanner scanner_;
  ChunkedDecoder decoder_;
  BodyWriter writer_;
  http::PauseMask pause_;
  RequestState request_ = RequestState::kIdle;
  ResponseState response_ = ResponseState::kNone;
  http::Version version_ = http::Version::kHttp11;
  http::Method method_ = http::Method::kOther;
  uint8_t empty_lines_ = 0;  // seen before the request line
  bool keep_alive_ = true;
  bool going_away_ = false;
  bool dispatching_ = false;
  bool input_ended_ = false;  // the peer's FIN has come
  bool input_left_ = false;   // the last Dispatch left bytes in the input
};

}  // namespace remora::http1
