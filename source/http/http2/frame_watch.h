#pragma once

// FrameWatch: reads the heads of the frames on their way to nghttp2 and finds those that it lets
// pass in silence although RFC 9113 does not: HEADERS and DATA on a stream that the peer itself has
// ended or reset (section 5.1), PRIORITY on no stream (section 6.3), or on a stream that is to
// depend on itself (RFC 7540, section 5.3.1).
//
// nghttp2 could tell by remembering streams that are over, a thousand a connection; here it is the
// numbers of the last few. Owner: a http2::Session of a server, before its first byte; thread: its
// worker. Sans-I/O, no failures: what is found is the session's to judge.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora::http2 {

class FrameWatch {
 public:
  enum class Finding : uint8_t { kNone, kStreamClosed, kPriority };

  // How much of `bytes`, the next ones, may be read; if that is not all, `found()` says why.
  size_t Read(std::string_view bytes);
  Finding found() const { return found_; }
  // The peer has ended this stream, and it is over.
  void AddEnded(int32_t id) { ended_[next_ended_++ % ended_.size()] = id; }

 private:
  static constexpr size_t kHeadSize = 9;
  static constexpr size_t kDependencySize = 4;

  bool HasEnded(int32_t id) const;
  // A head is complete.
  void Look();
  // So is the dependency behind it.
  void LookAtDependency();
  uint32_t Word(size_t at) const;

  size_t skip_ = 24;  // bytes until the next head; first the preface
  size_t have_ = 0;   // of head_
  size_t want_ = kHeadSize;
  std::array<unsigned char, kHeadSize + kDependencySize> head_;
  std::array<int32_t, 16> ended_{};
  size_t next_ended_ = 0;
  Finding found_ = Finding::kNone;
};

}  // namespace remora::http2
