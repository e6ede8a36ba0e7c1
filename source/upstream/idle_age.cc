#include "source/upstream/idle_age.h"

namespace remora::upstream {

void IdleAge::Observe(event::Duration age, event::TimePoint now) {
  if (now == turn_) {
    turn_age_ = std::max(turn_age_, age);
    return;
  }
  CommitTurn();
  if (now - window_began_ >= kWindow) {
    past_ = now - window_began_ >= 2 * kWindow ? Window() : present_;
    present_ = Window();
    window_began_ = now;
  }
  turn_ = now;
  turn_age_ = age;

  // What counts is what was committed and this turn's, so far.
  Window all = past_;
  all.Add(present_.smallest);
  all.Add(present_.second);
  all.Add(age);
  if (all.second == kNever) {
    limit_once_ = limit_any_ = kNever;
    return;
  }
  limit_once_ = all.second / 2;
  limit_any_ = all.second >= kShortest ? all.second / 8 * 7 : kNever;
}

void IdleAge::CommitTurn() {
  if (turn_ >= 0) present_.Add(turn_age_);
}

}  // namespace remora::upstream
