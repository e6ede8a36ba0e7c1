#include "source/event/dispatcher.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <utility>

#include "source/base/check.h"

namespace remora::event {
namespace {

constexpr Duration kBusySweepPeriod = 4 * Dispatcher::kSweepPeriod;

int64_t ReadClock(clockid_t id) {
  timespec t;
  clock_gettime(id, &t);  // cannot fail for these two clocks
  return static_cast<int64_t>(t.tv_sec) * kSecond + t.tv_nsec;
}

}  // namespace

TimePoint RealClock::Now() { return ReadClock(CLOCK_MONOTONIC); }
int64_t RealClock::WallNow() { return ReadClock(CLOCK_REALTIME); }

struct Dispatcher::Loop {
  event_base* base = nullptr;
  // One timerfd instead of a libevent timer: with no timer of its own libevent reads no clock, and
  // the descriptor is set again only when the wheel's next wake-up changes, not once a turn.
  int timer_fd = -1;
  bool timer_set = false;
  FileEvent timer;
  int wake_fd = -1;
  FileEvent wake;
};

static_assert(sizeof(::event) <= 128);

FileEvent::~FileEvent() { Unregister(); }

void FileEvent::Register(Dispatcher& dispatcher, int fd, Trigger trigger, Callback callback,
                         void* argument) {
  DCHECK(dispatcher_ == nullptr);
  dispatcher_ = &dispatcher;
  callback_ = callback;
  argument_ = argument;
  // EV_CLOSED asks for EPOLLRDHUP: a short read then proves the socket empty and no FIN is missed.
  const short what = trigger == Trigger::kEdge ? EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST
                                               : EV_READ | EV_PERSIST;
  auto* event = reinterpret_cast<::event*>(event_);
  const auto trampoline = [](evutil_socket_t, short happened, void* self_pointer) {
    auto* self = static_cast<FileEvent*>(self_pointer);
    self->dispatcher_->BeginTurn();
    uint32_t ready = 0;
    if (happened & EV_READ) ready |= kReadable;
    if (happened & EV_WRITE) ready |= kWritable;
    if (happened & EV_CLOSED) ready |= kPeerClosed;
    self->callback_(self->argument_, ready);
  };
  CHECK(event_assign(event, dispatcher.loop_->base, fd, what, trampoline, this) == 0);
  CHECK(event_add(event, nullptr) == 0);
}

void FileEvent::Unregister() {
  if (dispatcher_ == nullptr) return;
  event_del(reinterpret_cast<::event*>(event_));
  dispatcher_ = nullptr;
}

Dispatcher::Dispatcher(Clock& clock)
    : clock_(clock),
      now_(clock.Now()),
      wheel_(now_),
      loop_(std::make_unique<Loop>()),
      sweep_timer_(wheel_, [](void* self) { static_cast<Dispatcher*>(self)->Sweep(); }, this) {
  event_config* config = event_config_new();
  CHECK(config != nullptr);
  // No locks: only this thread touches the base. No time cache: nobody asks libevent for the time.
  event_config_set_flag(
      config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NO_CACHE_TIME);
  loop_->base = event_base_new_with_config(config);
  event_config_free(config);
  CHECK(loop_->base != nullptr);
  loop_->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  CHECK(loop_->timer_fd >= 0);
  loop_->timer.Register(
      *this, loop_->timer_fd, FileEvent::Trigger::kLevel,
      [](void* self, uint32_t) { static_cast<Dispatcher*>(self)->OnTimerFd(); }, this);
  loop_->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK(loop_->wake_fd >= 0);
  loop_->wake.Register(
      *this, loop_->wake_fd, FileEvent::Trigger::kLevel,
      [](void* self, uint32_t) { static_cast<Dispatcher*>(self)->RunPosted(); }, this);
}

Dispatcher::~Dispatcher() {
  while (deferred_first_ != nullptr) {
    Deferred* object = deferred_first_;
    deferred_first_ = object->next_deferred_;
    delete object;
  }
  posted_.clear();
  loop_->wake.Unregister();
  close(loop_->wake_fd);
  loop_->timer.Unregister();
  close(loop_->timer_fd);
  event_base_free(loop_->base);
}

int64_t Dispatcher::wall_now() { return clock_.WallNow(); }

void Dispatcher::BeginTurn() {
  if (in_turn_) return;
  in_turn_ = true;
  ++turns_;
  now_ = clock_.Now();
}

void Dispatcher::Run() {
  stop_ = false;
  while (!stop_) RunOnce(true);
}

void Dispatcher::RunOnce(bool wait) {
  PlanTimer();
  const bool work_left = !tasks_.empty() || !flushes_.empty() || deferred_first_ != nullptr;
  event_base_loop(loop_->base, EVLOOP_ONCE | (wait && !work_left ? 0 : EVLOOP_NONBLOCK));
  BeginTurn();
  EndTurn();
}

void Dispatcher::EndTurn() {
  // One generation of tasks: what they leave behind waits for the next turn, which then does not
  // sleep, so that a busy connection cannot starve the others.
  if (!tasks_.empty()) {
    base::IntrusiveList<TurnTask, TaskTag> tasks;
    tasks.Splice(tasks_);
    while (!tasks.empty()) {
      TurnTask& task = tasks.PopFront();
      task.callback_(task.argument_);
    }
  }
  wheel_.Advance(now_);
  while (!flushes_.empty()) flushes_.PopFront().Flush();
  // First in, first out; a destructor may defer more.
  while (deferred_first_ != nullptr) {
    Deferred* object = deferred_first_;
    deferred_first_ = object->next_deferred_;
    if (deferred_first_ == nullptr) deferred_last_ = nullptr;
    delete object;
  }
  in_turn_ = false;
}

void Dispatcher::Sweep() {
  if (sweep_tasks_.empty()) return;
  // Under load there is always something, and each sweep wakes the thread: the next one is later.
  sweep_timer_.Arm(now_ + kBusySweepPeriod);
  base::IntrusiveList<TurnTask, TaskTag> tasks;
  tasks.Splice(sweep_tasks_);
  while (!tasks.empty()) {
    TurnTask& task = tasks.PopFront();
    task.callback_(task.argument_);
  }
}

void Dispatcher::OnTimerFd() {
  uint64_t expirations;
  // Nothing to do but to wake up: the end of the turn advances the wheel.
  [[maybe_unused]] const ssize_t got = read(loop_->timer_fd, &expirations, sizeof(expirations));
  loop_->timer_set = false;
}

void Dispatcher::PlanTimer() {
  if (loop_->timer_set && !wheel_.NeedsEarlierWake()) return;
  const TimePoint wake = wheel_.PlanWake();
  if (wake == Timer::kNever) {
    // A timer that is still set only wakes for nothing, once.
    return;
  }
  // Relative, so that a simulated clock works too; a zero would disarm.
  const Duration wait = wake > now_ ? wake - now_ : 1;
  itimerspec spec = {};
  spec.it_value.tv_sec = static_cast<time_t>(wait / kSecond);
  spec.it_value.tv_nsec = static_cast<long>(wait % kSecond);
  CHECK(timerfd_settime(loop_->timer_fd, 0, &spec, nullptr) == 0);
  loop_->timer_set = true;
}

void Dispatcher::Post(absl::AnyInvocable<void()> work) {
  bool was_empty;
  {
    const std::lock_guard lock(posted_mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (!was_empty) return;
  const uint64_t one = 1;
  // Can only fail when the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const ssize_t written = write(loop_->wake_fd, &one, sizeof(one));
}

void Dispatcher::RunPosted() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(loop_->wake_fd, &count, sizeof(count));
  std::vector<absl::AnyInvocable<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void Dispatcher::DeferDelete(std::unique_ptr<Deferred> object) {
  Deferred* raw = object.release();
  raw->next_deferred_ = nullptr;
  if (deferred_last_ == nullptr) {
    deferred_first_ = raw;
  } else {
    deferred_last_->next_deferred_ = raw;
  }
  deferred_last_ = raw;
}

}  // namespace remora::event
