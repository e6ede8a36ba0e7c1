#include "source/http/http2/flood_guard.h"

namespace remora::http2 {

void OffsetQueue::DropTo(uint64_t reached) {
  while (first_ < offsets_.size() && offsets_[first_] <= reached) ++first_;
  if (first_ == offsets_.size()) {
    offsets_.clear();
    first_ = 0;
  } else if (first_ > offsets_.size() / 2) {
    offsets_.erase(offsets_.begin(), offsets_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

bool FloodGuard::AddEmptyFrame() {
  return ++empty_frames_ <= options_.max_consecutive_inbound_frames_with_empty_payload;
}

bool FloodGuard::AddPriority() {
  return ++priorities_ <= options_.max_inbound_priority_frames_per_stream * (1 + streams_);
}

bool FloodGuard::AddWindowUpdate() {
  // Envoy's formula: a few for the connection, one for each end of a stream, and some for what we
  // have sent.
  return ++window_updates_ <=
         5 + 2 * (streams_ +
                  options_.max_inbound_window_update_frames_per_data_frame_sent * data_sent_);
}

FloodGuard::Verdict FloodGuard::AddOutbound(Outbound kind, uint64_t end) {
  if (kind == Outbound::kData) ++data_sent_;
  frames_.Push(end);
  if (kind == Outbound::kControl) {
    control_frames_.Push(end);
    if (control_frames_.size() > options_.max_outbound_control_frames) {
      return Verdict::kControlFlood;
    }
  }
  return frames_.size() > options_.max_outbound_frames ? Verdict::kFlood : Verdict::kFine;
}

void FloodGuard::Drained(uint64_t offset) {
  frames_.DropTo(offset);
  control_frames_.DropTo(offset);
}

}  // namespace remora::http2
