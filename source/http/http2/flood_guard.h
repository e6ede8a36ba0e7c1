#pragma once

// FloodGuard: how much of a connection's traffic brings nobody further, counted as Envoy does.
//
// A frame by itself is harmless; a peer that sends nothing but window updates, priorities or empty
// frames, or makes us queue answers that it does not read, costs memory and time (CVE-2019-9511 to
// 9518). Owner: a http2::Session. Thread: its worker. Pure counting: each Add says whether the
// limit is passed; the session then ends the connection.
//
// Outbound frames are counted until the bytes have left the connection's output, which is known by
// offsets: bytes written so far, less what is still there.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "source/http/http2/options.h"

namespace remora::http2 {

// A queue of offsets: its memory is used again.
class OffsetQueue {
 public:
  void Push(uint64_t offset) { offsets_.push_back(offset); }
  // Drops those that are at most `reached`.
  void DropTo(uint64_t reached);
  size_t size() const { return offsets_.size() - first_; }

 private:
  std::vector<uint64_t> offsets_;
  size_t first_ = 0;
};

class FloodGuard {
 public:
  // The options outlive the guard.
  explicit FloodGuard(const ProtocolOptions& options) : options_(options) {}

  void AddStream() { ++streams_; }
  // HEADERS or DATA without payload that does not end its stream, or one that is worth something.
  // Each is false when the limit is passed.
  [[nodiscard]] bool AddEmptyFrame();
  void AddUsefulFrame() { empty_frames_ = 0; }
  [[nodiscard]] bool AddPriority();
  [[nodiscard]] bool AddWindowUpdate();

  enum class Outbound : uint8_t { kControl, kData, kOther };
  enum class Verdict : uint8_t { kFine, kFlood, kControlFlood };
  // A frame whose last byte is the `end`-th ever written.
  [[nodiscard]] Verdict AddOutbound(Outbound kind, uint64_t end);
  // All before the `offset`-th byte have left.
  void Drained(uint64_t offset);
  size_t outbound_frames() const { return frames_.size(); }
  size_t outbound_control_frames() const { return control_frames_.size(); }

 private:
  const ProtocolOptions& options_;
  uint64_t streams_ = 0;
  uint64_t priorities_ = 0;
  uint64_t window_updates_ = 0;
  uint64_t data_sent_ = 0;
  uint32_t empty_frames_ = 0;
  OffsetQueue frames_;
  OffsetQueue control_frames_;
};

}  // namespace remora::http2
