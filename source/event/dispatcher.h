#pragma once

// Dispatcher: one thread's event loop, over libevent.
//
// Owner: a worker, or main. Thread: all methods but Post() belong to the thread that calls Run().
//
// A turn is: readiness callbacks -> tasks left for the end of the turn -> timers that came due ->
// corked writes -> deferred destruction. Nothing that a room leaves for "later" runs on the stack
// of the room that left it; that is what lets rooms call each other in one direction only.
//
//   epoll_wait -> FileEvent callbacks ... -> TurnTask -> Timer -> Flush -> DeferDelete ->
//   epoll_wait
//
// What must be looked at soon, but not for every message, waits for a sweep: one timer for all of
// them, and none while there is nothing.
//
// Time is read once a turn (now()). libevent runs without locks: another thread may only Post().
// Set-up failures (epoll, eventfd) abort: without them no thread can work.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "source/base/intrusive_list.h"
#include "source/event/clock.h"
#include "source/event/timer.h"

namespace remora::event {

class Dispatcher;

// An object handed to the dispatcher for destruction at the end of the turn, because it may be on
// the stack of the callback that ends it.
class Deferred {
 public:
  virtual ~Deferred() = default;

 private:
  friend class Dispatcher;
  Deferred* next_deferred_ = nullptr;
};

struct FlushTag;
struct TaskTag;

// Something with corked output: Flush() runs once at the end of the turn it asked in.
class Flushable : public base::ListNode<Flushable, FlushTag> {
 public:
  virtual void Flush() = 0;

 protected:
  ~Flushable() = default;
};

// A member handle for work at the end of this turn, or at a sweep. Destroying it cancels.
class TurnTask : public base::ListNode<TurnTask, TaskTag> {
 public:
  using Callback = void (*)(void*);
  TurnTask(Callback callback, void* argument) : callback_(callback), argument_(argument) {}
  bool scheduled() const { return linked(); }

 private:
  friend class Dispatcher;
  Callback callback_;
  void* argument_;
};

enum FileReady : uint32_t { kReadable = 1, kWritable = 2, kPeerClosed = 4 };

// One file descriptor's persistent registration: edge-triggered for connections (one epoll_ctl for
// the connection's life), level-triggered for listening sockets.
class FileEvent {
 public:
  // `ready` is a set of FileReady bits.
  using Callback = void (*)(void* argument, uint32_t ready);
  enum class Trigger { kEdge, kLevel };

  FileEvent() = default;
  ~FileEvent();
  FileEvent(const FileEvent&) = delete;
  FileEvent& operator=(const FileEvent&) = delete;

  void Register(Dispatcher& dispatcher, int fd, Trigger trigger, Callback callback, void* argument);
  // Must come before the descriptor is closed.
  void Unregister();
  bool registered() const { return dispatcher_ != nullptr; }

 private:
  friend class Dispatcher;
  Dispatcher* dispatcher_ = nullptr;
  Callback callback_ = nullptr;
  void* argument_ = nullptr;
  alignas(8) unsigned char event_[128];  // libevent's struct event
};

class Dispatcher {
 public:
  explicit Dispatcher(Clock& clock);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Monotonic time of this turn, and wall time (nanoseconds since the Unix epoch).
  TimePoint now() const { return now_; }
  int64_t wall_now();
  Clock& clock() { return clock_; }
  TimerWheel& timers() { return wheel_; }

  // Turns until Stop().
  void Run();
  // One turn: waits for events unless `wait` is false. For tests and embedding loops.
  void RunOnce(bool wait);
  // Ends Run() after this turn (own thread; from elsewhere: Post it).
  void Stop() { stop_ = true; }

  // Runs `work` in this dispatcher's thread, soon. Any thread.
  void Post(absl::AnyInvocable<void()> work);

  void AtTurnEnd(TurnTask& task) {
    if (!task.linked()) tasks_.PushBack(task);
  }
  // Once, within kSweepPeriod; under load, where there is always something, within four of them.
  static constexpr Duration kSweepPeriod = 50 * kMillisecond;
  void AtSweep(TurnTask& task) {
    if (!task.linked()) sweep_tasks_.PushBack(task);
    if (!sweep_timer_.armed()) sweep_timer_.Arm(now_ + kSweepPeriod);
  }
  void FlushAtTurnEnd(Flushable& flushable) {
    if (!flushable.linked()) flushes_.PushBack(flushable);
  }
  void DeferDelete(std::unique_ptr<Deferred> object);

  uint64_t turns() const { return turns_; }

 private:
  friend class FileEvent;
  struct Loop;  // libevent's types
  void BeginTurn();
  void EndTurn();
  void RunPosted();
  void OnTimerFd();
  void PlanTimer();
  void Sweep();

  Clock& clock_;
  TimePoint now_;
  TimerWheel wheel_;
  std::unique_ptr<Loop> loop_;
  base::IntrusiveList<TurnTask, TaskTag> tasks_;
  base::IntrusiveList<TurnTask, TaskTag> sweep_tasks_;
  Timer sweep_timer_;
  base::IntrusiveList<Flushable, FlushTag> flushes_;
  Deferred* deferred_first_ = nullptr;
  Deferred* deferred_last_ = nullptr;
  bool in_turn_ = false;
  bool stop_ = false;
  uint64_t turns_ = 0;

  std::mutex posted_mutex_;
  std::vector<absl::AnyInvocable<void()>> posted_;
};

}  // namespace remora::event
