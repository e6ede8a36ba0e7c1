#pragma once

// ServerCodec and ClientCodec: the doors between a connection's bytes and messages.
//
// Owner: a downstream session (server) or a pool connection (client). Thread: its worker. Codecs
// are sans-I/O: input bytes become sink calls, sink calls become bytes in `output`; they own no
// socket, no timer and no thread, and are tested with strings.
//
// A malformed peer makes Dispatch return an error and `error()` say which answer it deserves.
// Limits (bytes and count of header fields, informational responses, chunk extensions) are part of
// the codec's contract; each violation has a detail string of Envoy's vocabulary.

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "source/base/arena.h"
#include "source/http/message.h"
#include "source/http/wire_bytes.h"

namespace remora::http {

// What a peer's protocol violation deserves (server side), and its name for logs and statistics.
struct CodecError {
  uint16_t status = 400;
  std::string_view detail;  // e.g. "http1.codec_error"
  // Only this request is wrong: where it ends is certain, and another may follow.
  bool connection_usable = false;
};

// One request's place in a server codec: takes the response, and can be told to stop the request.
class ServerCodecStream : public ResponseSink, public MessageSource {
 public:
  // Sends 100 Continue at once.
  virtual void SendContinue() = 0;

 protected:
  ~ServerCodecStream() = default;
};

// One response's place in a client codec: takes the request, and can be told to stop the response.
class ClientCodecStream : public RequestSink, public MessageSource {
 public:
  // The first byte of the response has arrived (decides whether a retry is safe).
  virtual bool ResponseStarted() const = 0;

 protected:
  ~ClientCodecStream() = default;
};

// How field names stand on the wire of HTTP/1, which does not care.
enum class NameCase : uint8_t {
  kLower,
  kProper,      // Content-Type
  kAsReceived,  // as the other side wrote them; the codec that reads them keeps them
};

// What becomes of fields with an underscore in their name: some applications take it for a hyphen.
enum class UnderscoreNames : uint8_t { kAllow, kReject, kDrop };

// What a server codec asks of its session.
class ServerCodecEvents {
 public:
  struct NewRequest {
    base::Arena* arena;         // the head and trailers are put there
    RequestSink* sink;          // the request goes there
    WireBytes* wire = nullptr;  // bytes are counted there; null: nowhere
  };
  // A request has begun; `stream` lives until its response has ended (OnEnd or OnReset was given to
  // it) and the request has ended too.
  virtual NewRequest OnNewRequest(ServerCodecStream& stream) = 0;
  // Bytes were put into `output`.
  virtual void OnOutput() = 0;
  // Both directions of the stream have ended; the codec has forgotten it. `keep_alive` is false
  // when no further request can come: the session closes after the flush.
  virtual void OnStreamDone(ServerCodecStream& stream, bool keep_alive) = 0;
  // WantsInput() became true again, or reading should go on/stop: ask WantsInput().
  virtual void OnInputInterestChanged() = 0;

 protected:
  ~ServerCodecEvents() = default;
};

class ServerCodec {
 public:
  virtual ~ServerCodec() = default;
  // Consumes what it can of `input`. On error the connection is of no more use for requests:
  // error() is what HTTP/1 answers if no response has started; HTTP/2 has put a GOAWAY into the
  // output.
  virtual absl::Status Dispatch(buffer::Buffer& input) = 0;
  // The peer's FIN. An error when it cuts a request short.
  virtual absl::Status OnInputEnd() = 0;
  virtual const CodecError& error() const = 0;
  // False while a complete request waits for its response, or its sink has paused it.
  virtual bool WantsInput() const = 0;
  // Every further response says that the connection ends (Connection: close, GOAWAY).
  virtual void GoAway() = 0;
};

// What a client codec asks of its pool connection.
class ClientCodecEvents {
 public:
  virtual void OnOutput() = 0;
  // The codec cannot go on (a stream was reset half-way): the connection must be closed after the
  // present call chain.
  virtual void OnUnusable() = 0;
  // Nothing more will be sent into a tunnel: what is queued goes out, then a FIN.
  virtual void OnTunnelEnd() = 0;
  virtual void OnInputInterestChanged() = 0;

 protected:
  ~ClientCodecEvents() = default;
};

class ClientCodec {
 public:
  virtual ~ClientCodec() = default;
  // Begins an exchange; the response goes to `sink`, its head and trailers into `arena`. The
  // returned stream lives until OnEnd or OnReset was given to `sink`, or OnReset to it.
  virtual ClientCodecStream& NewStream(ResponseSink& sink, base::Arena& arena) = 0;
  virtual absl::Status Dispatch(buffer::Buffer& input) = 0;
  // The peer's FIN: ends a response that runs until close; an error when it cuts one short.
  virtual absl::Status OnInputEnd() = 0;
  virtual bool WantsInput() const = 0;
  // A further stream can be begun. In HTTP/1 that is never so while one is active.
  virtual bool Reusable() const = 0;
};

}  // namespace remora::http
