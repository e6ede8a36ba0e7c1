#include "source/extensions/http_filters/fault/response_limiter.h"

#include <algorithm>

namespace remora::extensions {
namespace {

// So that bytes a second fit whatever is asked for.
constexpr uint64_t kMaxKib = uint64_t{1} << 40;

}  // namespace

ResponseLimiter::ResponseLimiter(uint64_t kib_per_second, event::TimePoint now,
                                 buffer::BlockPool& blocks)
    : rate_(std::min(kib_per_second, kMaxKib) * 1024),
      tokens_(rate_ / 16),
      filled_(now),
      waiting_(blocks) {}

void ResponseLimiter::Fill(event::TimePoint now) {
  const event::Duration passed = std::min<event::Duration>(now - filled_, event::kSecond);
  if (passed <= 0) return;
  const auto came =
      static_cast<uint64_t>(static_cast<unsigned __int128>(rate_) * static_cast<uint64_t>(passed) /
                            static_cast<uint64_t>(event::kSecond));
  // A fraction of a token is not lost: time that has not made one is looked at again.
  if (came == 0) return;
  tokens_ = std::min(rate_, tokens_ + came);
  filled_ = now;
}

void ResponseLimiter::Pass(buffer::Buffer& data, event::TimePoint now) {
  // Behind what waits already it waits for the tick too.
  const bool idle = waiting_.empty();
  waiting_.MoveFrom(data);
  if (idle) Release(data, now);
}

void ResponseLimiter::Release(buffer::Buffer& out, event::TimePoint now) {
  Fill(now);
  const uint64_t bytes = std::min<uint64_t>(tokens_, waiting_.length());
  tokens_ -= bytes;
  if (bytes > 0) out.MoveFrom(waiting_, bytes);
}

}  // namespace remora::extensions
