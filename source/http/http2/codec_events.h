#pragma once

// What the codecs of HTTP/2 ask of their owners, beyond what every codec does.
//
// Owner and thread: those of the codec. OnOutput, of the faces below, means: call Flush() at the
// end of the turn. OnInputInterestChanged means: call Dispatch() then, even without input, because
// a stream that was resumed is owed something. None of these is called from within a codec's
// destructor; none may destroy the codec.

#include "source/http/codec.h"

namespace remora::http2 {

class ServerEvents : public http::ServerCodecEvents {
 public:
  // More than stream_buffer_limit, or less than half of it, waits for the client's window.
  virtual void OnStreamOutputFull(http::ServerCodecStream& stream) = 0;
  virtual void OnStreamOutputDrained(http::ServerCodecStream& stream) = 0;
  virtual void OnPingAck() = 0;

 protected:
  ~ServerEvents() = default;
};

class ClientEvents : public http::ClientCodecEvents {
 public:
  virtual void OnStreamOutputFull(http::ClientCodecStream& stream) = 0;
  virtual void OnStreamOutputDrained(http::ClientCodecStream& stream) = 0;
  virtual void OnPingAck() = 0;
  // Reusable() may have changed: the server's limits, its GOAWAY, the end of a stream.
  virtual void OnCapacityChanged() = 0;

 protected:
  ~ClientEvents() = default;
};

}  // namespace remora::http2
