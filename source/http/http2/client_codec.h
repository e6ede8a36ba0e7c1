#pragma once

// ClientCodec: HTTP/2 as seen by the side that asks, for pooled connections.
//
// Owner: a pool connection; thread: its worker. Many streams at once: Reusable() says whether a
// further one can be begun (the server's limit, ours, its GOAWAY, identifiers used up).
//
// A stream that ends early tells its response's sink: OnReset with kRemoteReset, or with
// kRemoteRefused when the server has surely not acted on the request (REFUSED_STREAM, or above the
// last stream of a GOAWAY: RFC 9113 section 8.7), which is safe to send again. A response that is
// complete before its request ends the request. Errors of the connection: Dispatch returns a
// status; the sinks are told by the owner.

#include <memory>

#include "source/http/http2/codec_events.h"
#include "source/http/http2/options.h"
#include "source/http/http2/session.h"

namespace remora::http2 {

class ClientCodec final : public http::ClientCodec, private SessionEvents {
 public:
  // All three outlive the codec.
  ClientCodec(ClientEvents& events, buffer::Buffer& output, const CodecOptions& options)
      : events_(events), session_(Session::Role::kClient, *this, output, options) {}

  http::ClientCodecStream& NewStream(http::ResponseSink& sink, base::Arena& arena) override;
  // Until the exchange is over; null: nowhere.
  static void CountBytes(http::ClientCodecStream& stream, http::WireBytes* wire);
  absl::Status Dispatch(buffer::Buffer& input) override;
  absl::Status OnInputEnd() override;
  bool WantsInput() const override { return !session_.failed(); }
  bool Reusable() const override { return session_.MayBegin(); }

  // Moves what is to be sent into the output.
  void Flush() { session_.Flush(); }
  bool failed() const { return session_.failed(); }
  const http::CodecError& error() const { return session_.error(); }
  void SendGoAway() { session_.SendGoAway(); }
  void SendPing() { session_.SendPing(); }
  size_t streams() const { return session_.streams(); }
  // The server will take no further streams.
  bool peer_going_away() const { return session_.peer_going_away(); }

 private:
  class ResponseStream;

  // SessionEvents
  std::unique_ptr<Stream> OnPeerStream() override { return nullptr; }
  void OnOutput() override { events_.OnOutput(); }
  void OnResumed() override { events_.OnInputInterestChanged(); }
  void OnPingAck() override { events_.OnPingAck(); }
  void OnPeerLimits() override { events_.OnCapacityChanged(); }

  ClientEvents& events_;
  std::vector<WireField> fields_;  // of the head that is being written
  Session session_;
};

}  // namespace remora::http2
