#pragma once

// ServerCodec: HTTP/2 as seen by the side that answers.
//
// Owner: a downstream session; thread: its worker. Many streams at once, independent of each other:
// a paused one holds its own bytes, and the connection is always read.
//
//   HEADERS --OnNewRequest--> head --> data --> end         \ both over and sent --> OnStreamDone
//                             response head, data, end ----/
//   RST_STREAM, or a malformed message: the request's sink gets OnReset, also behind its OnEnd,
//   unless the whole answer was sent; then OnStreamDone.
//
// A stream whose answer has ended stays until the client's window has let it through: who owns it
// decides how long that may take, and resets it. Errors: Dispatch returns a status, GOAWAY is in
// the output, error() names the rule; there is no answer to a request whose head is wrong.

#include <memory>

#include "source/http/http2/codec_events.h"
#include "source/http/http2/options.h"
#include "source/http/http2/session.h"

namespace remora::http2 {

class ServerCodec final : public http::ServerCodec, private SessionEvents {
 public:
  // All three outlive the codec.
  ServerCodec(ServerEvents& events, buffer::Buffer& output, const CodecOptions& options)
      : events_(events), session_(Session::Role::kServer, *this, output, options) {}

  absl::Status Dispatch(buffer::Buffer& input) override { return session_.Dispatch(input); }
  absl::Status OnInputEnd() override;
  const http::CodecError& error() const override { return session_.error(); }
  bool WantsInput() const override { return !session_.failed(); }
  // No stream that the client begins from now on is served.
  void GoAway() override { session_.SendGoAway(); }

  // Moves what is to be sent into the output.
  void Flush() { session_.Flush(); }
  bool failed() const { return session_.failed(); }
  // Tells the client to begin no further streams; those on their way are served. GoAway follows.
  void SendShutdownNotice() { session_.SendShutdownNotice(); }
  void SendPing() { session_.SendPing(); }
  // The client costs too much: GOAWAY, and nothing more is read. `why` is a literal.
  void GiveUp(std::string_view why);
  size_t streams() const { return session_.streams(); }
  // The client has said GOAWAY: nghttp2 answers nothing more once the last stream is over.
  bool peer_going_away() const { return session_.peer_going_away(); }

 private:
  class RequestStream;

  // SessionEvents
  std::unique_ptr<Stream> OnPeerStream() override;
  void OnOutput() override { events_.OnOutput(); }
  void OnResumed() override { events_.OnInputInterestChanged(); }
  void OnPingAck() override { events_.OnPingAck(); }
  void OnPeerLimits() override {}

  ServerEvents& events_;
  std::vector<WireField> fields_;  // of the head that is being written
  Session session_;
};

}  // namespace remora::http2
