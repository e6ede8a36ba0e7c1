#pragma once

// Direction: one way through the filters (requests forwards, responses backwards), as a state machine
// over a row of slots.
//
// Owner: FilterChain. Thread: the stream's worker. The chain gives it the hooks to call and the sink
// behind the last slot; it keeps what filters hold and what waits behind a paused filter.
//
//   slot state    event arrives        filter answers         next state
//   kFlowing      goes to the filter   kContinue              kFlowing (event goes on)
//                                      kHold / kPause         kHolding / kPaused (event is kept)
//   kHolding      goes to the filter   kContinue              kFlowing (kept events, then this)
//   kPaused       queues behind        (Release)              kFlowing (kept go on, queue comes in)
//
// A direction as a whole is kHead -> kBody -> kEnded, or kReset from anywhere; an event that does not
// fit its state is a bug of ours (DCHECK) and is dropped.

#include <cstdint>

#include "source/base/arena.h"
#include "source/buffer/buffer.h"
#include "source/http/filter/filter.h"
#include "source/http/message.h"

namespace remora::http {

// What a direction asks of its chain. `Head` is RequestHead or ResponseHead.
template <class Head>
class DirectionHooks {
 public:
  virtual Answer CallHead(size_t position, Head& head) = 0;
  virtual Answer CallData(size_t position, buffer::Buffer& data) = 0;
  virtual Answer CallEnd(size_t position, HeaderMap* trailers) = 0;
  // A hook left a local reply or reset the stream: stop delivering.
  virtual bool Interrupted() const = 0;
  // Held or queued bytes went over the limit.
  virtual void OnOverLimit() = 0;
  // The source should stop / go on because of paused slots.
  virtual void SetPaused(bool paused) = 0;

 protected:
  ~DirectionHooks() = default;
};

template <class Head>
class Direction {
 public:
  enum class State : uint8_t { kHead, kBody, kEnded, kReset };

  // `out` is the sink behind the last slot; null when the last slot consumes everything.
  Direction(DirectionHooks<Head>& hooks, base::Arena& arena, buffer::BlockPool& blocks,
            size_t positions, MessageSink<Head>* out);

  State state() const { return state_; }
  bool started() const { return state_ != State::kHead; }
  // The head has left the last slot.
  bool head_delivered() const { return head_delivered_; }

  void Begin(Head& head);
  void Data(buffer::Buffer& data);
  void End(HeaderMap* trailers);
  // Drops everything kept; later events are ignored.
  void Reset();

  // Ends the pause (or hold) of a slot: what it kept goes to the next slot, then the queue comes in.
  void Release(size_t position);
  bool paused(size_t position) const { return slots_[position].state == Slot::kPaused; }

  // Data that the filter at `position` adds: during a hook it goes right after the event of that
  // hook (before it, for an end); otherwise at once.
  void Add(size_t position, buffer::Buffer& data);

  void set_limit(uint64_t limit) { limit_ = limit; }
  uint64_t limit() const { return limit_; }
  uint64_t bytes_kept() const { return kept_; }

 private:
  struct Backlog {
    explicit Backlog(buffer::BlockPool& blocks) : data(blocks) {}
    buffer::Buffer data;
    HeaderMap* trailers = nullptr;
    bool head = false;
    bool end = false;
    bool empty() const { return !head && !end && data.empty(); }
  };
  struct Slot {
    enum State : uint8_t { kFlowing, kHolding, kPaused };
    State state = kFlowing;
    bool in_hook = false;
    base::ArenaPtr<Backlog> kept;   // the filter has seen it
    base::ArenaPtr<Backlog> queue;  // it has not
    base::ArenaPtr<Backlog> added;  // data it added during a hook
  };

  Backlog& Ensure(base::ArenaPtr<Backlog>& backlog);
  void HeadAt(size_t position);
  void DataAt(size_t position, buffer::Buffer& data);
  void EndAt(size_t position, HeaderMap* trailers);
  // Passes what a slot kept to the next one.
  void PassKept(size_t position);
  void PassAdded(size_t position);
  bool dead() const { return state_ == State::kReset || hooks_.Interrupted(); }
  void Keep(Slot& slot, Answer answer);
  void Charge(uint64_t bytes);
  void UpdatePaused();

  DirectionHooks<Head>& hooks_;
  base::Arena& arena_;
  buffer::BlockPool& blocks_;
  MessageSink<Head>* out_;
  Head* head_ = nullptr;
  Slot* slots_ = nullptr;
  uint32_t positions_;
  State state_ = State::kHead;
  bool head_delivered_ = false;
  bool source_paused_ = false;
  uint32_t paused_slots_ = 0;
  uint64_t kept_ = 0;
  uint64_t limit_ = UINT64_MAX;

 public:
  ~Direction();
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;
};

extern template class Direction<RequestHead>;
extern template class Direction<ResponseHead>;

}  // namespace remora::http
