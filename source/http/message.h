#pragma once

// The message model: what a request and a response are between the codecs, the same for HTTP/1 and
// HTTP/2.
//
// A message is a head, data any number of times, and one end: OnHead, OnData*, OnEnd; or OnReset at
// any point instead of what is left. Whether a body follows is known in the head (Framing).
// The parts that every message needs are fields of the head, so no filter can remove them.
//
// MessageSink is everything that accepts a message, MessageSource everything that can be told to
// stop sending one: a server stream is a source of requests and a sink of responses, a client
// stream the reverse. Heads live in their stream's arena. Thread: the stream's worker.

#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/header_map.h"
#include "source/http/proxy_error.h"

namespace remora::http {

enum class Framing : uint8_t {
  kNone,      // no body follows
  kLength,    // exactly `length` bytes follow
  kStreamed,  // a body of unknown length (chunked in HTTP/1.1, until close in HTTP/1.0)
  kTunnel,    // not HTTP any more: CONNECT and upgrades
};

enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };
std::string_view VersionName(Version version);

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};
Method ParseMethod(std::string_view name);

struct RequestHead {
  explicit RequestHead(base::Arena& arena) : headers(arena) {}
  base::Arena& arena() const { return headers.arena(); }

  std::string_view method;     // as received; case matters
  std::string_view scheme;     // "http" or "https"; empty until known
  std::string_view authority;  // host[:port]; empty when the client named none
  std::string_view path;       // path and query; "*" for OPTIONS
  HeaderMap headers;
  std::string_view upgrade;   // with kTunnel: the protocol asked for; empty for CONNECT
  std::string_view received;  // the head's bytes, where its names are to keep their case
  uint64_t length = 0;        // bytes of body with kLength
  Framing framing = Framing::kNone;
  Version version = Version::kHttp11;
  Method method_id = Method::kOther;
  bool keep_alive = true;         // HTTP/1: the client lets the connection live
  bool tunnel_ends_here = false;  // CONNECT: the upstream gets only what comes behind it
  bool expects_continue = false;  // it waits for 100 Continue before it sends its body
};

struct ResponseHead {
  explicit ResponseHead(base::Arena& arena) : headers(arena) {}
  base::Arena& arena() const { return headers.arena(); }

  HeaderMap headers;
  std::string_view upgrade;   // with status 101: the protocol that follows
  std::string_view received;  // as in RequestHead
  uint64_t length = 0;
  uint16_t status = 0;
  Framing framing = Framing::kNone;
  Version version = Version::kHttp11;
  // Set by the connection manager: the connection ends after this response.
  bool close_connection = false;
};

template <class Head>
class MessageSink {
 public:
  // A head before the head: responses of status 100 and 102 to 104. Whoever does not care drops it.
  virtual void OnInterim(Head& /*head*/) {}
  virtual void OnHead(Head& head) = 0;
  // Takes what it wants from `data` (usually everything, by moving).
  virtual void OnData(buffer::Buffer& data) = 0;
  // `trailers` is null when there are none; lives in the stream's arena.
  virtual void OnEnd(HeaderMap* trailers) = 0;
  virtual void OnReset(const ProxyError& error) = 0;

 protected:
  ~MessageSink() = default;
};
using RequestSink = MessageSink<RequestHead>;
using ResponseSink = MessageSink<ResponseHead>;

// Why a source stands still. A source is paused while any reason is set: reasons, not counts, so a
// double pause cannot leak and the admin page can say why a stream waits.
enum class PauseReason : uint8_t {
  kSinkFull = 1,        // the next room has no place yet (no upstream connection)
  kFilterPaused = 2,    // a filter answered kPause
  kConnectionFull = 4,  // the peer connection's output is over its mark
};

class MessageSource {
 public:
  virtual void Pause(PauseReason reason) = 0;
  virtual void Resume(PauseReason reason) = 0;

 protected:
  ~MessageSource() = default;
};

// The mask behind every source.
class PauseMask {
 public:
  // True when the source went from running to paused.
  bool Set(PauseReason reason) {
    const bool was_running = mask_ == 0;
    mask_ |= static_cast<uint8_t>(reason);
    return was_running;
  }
  // True when the source went from paused to running.
  bool Clear(PauseReason reason) {
    const bool was_paused = mask_ != 0;
    mask_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
    return was_paused && mask_ == 0;
  }
  bool paused() const { return mask_ != 0; }
  uint8_t bits() const { return mask_; }

 private:
  uint8_t mask_ = 0;
};

}  // namespace remora::http
