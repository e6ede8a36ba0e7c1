#pragma once

// Direction: one way through the filters (requests forwards, responses backwards), as a state
// machine over a row of slots.
//
// Owner: FilterChain. Thread: the stream's worker. The chain gives it the hooks to call and the
// sink behind the last slot; it keeps what filters hold and what waits behind a paused filter.
//
//   slot state    event arrives        filter answers         next state
//   kFlowing      goes to the filter   kContinue              kFlowing (event goes on)
//                                      kHold / kPause         kHolding / kPaused (event is kept)
//   kHolding      goes to the filter   kContinue              kFlowing (kept events, then this)
//   kPaused       queues behind        (Release)              kFlowing (kept go on, queue comes in)
//
// A direction as a whole is kHead -> kBody -> kEnded, or kReset from anywhere; an event that does
// not fit its state is a bug of ours (DCHECK) and is dropped.

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
  ~Direction();
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  // Of Hooks: the others are not called; it is as if they answered kContinue.
  void SetWanted(size_t position, uint8_t wanted) { slots_[position].wanted = wanted; }
  // The filter was given the head, or would have been.
  bool saw_head(size_t position) const { return slots_[position].seen != Slot::kNothing; }

  State state() const { return state_; }
  bool started() const { return state_ != State::kHead; }
  // The head has left the last slot; the end has.
  bool head_delivered() const { return head_delivered_; }
  bool end_delivered() const { return end_delivered_; }

  void Begin(Head& head);
  void Data(buffer::Buffer& data);
  void End(HeaderMap* trailers);
  // Drops everything kept; later events are ignored.
  void Reset();

  // What filters ask for is noted here and done by RunAsked, which the chain calls when no hook is
  // on the stack, or before the slot's next event if that comes first.
  //
  // The end of a pause or hold: what the slot kept goes to the next one, then its queue comes in.
  // Nothing to end is nothing to do: a pause that begins later is not affected.
  void AskRelease(size_t position);
  // Data that the filter at `position` adds: behind the head or data that it keeps; else right
  // after the event of the running hook (before it, for an end); else by itself, before an end that
  // it keeps. Dropped when the filter has not seen the head yet, or has passed the end on.
  void Add(size_t position, buffer::Buffer& data);
  bool asked() const { return asked_; }
  void RunAsked();

  bool paused(size_t position) const { return slots_[position].state == Slot::kPaused; }
  void set_limit(uint64_t limit) { limit_ = limit; }
  uint64_t limit() const { return limit_; }
  // Bytes held and queued in all slots.
  uint64_t bytes_kept() const { return kept_; }

 private:
  // Kept by its slot for the next time, because arena memory is not given back before the stream
  // ends.
  struct Backlog {
    explicit Backlog(buffer::BlockPool& blocks) : data(blocks) {}
    buffer::Buffer data;
    HeaderMap* trailers = nullptr;
    bool head = false;
    bool end = false;
    bool empty() const { return !head && !end && data.empty(); }
    void Clear() {
      data.Clear();
      trailers = nullptr;
      head = end = false;
    }
  };
  struct Slot {
    enum State : uint8_t { kFlowing, kHolding, kPaused };
    enum Seen : uint8_t { kNothing, kHead, kEnd };
    State state = kFlowing;
    Seen seen = kNothing;  // the last event (but data) that the filter was given
    bool in_hook = false;
    bool release_asked = false;
    uint8_t wanted = Hooks().request();
    uint64_t charged = 0;           // of `kept`: bytes that count against the limit
    base::ArenaPtr<Backlog> kept;   // the filter has seen it
    base::ArenaPtr<Backlog> queue;  // it has not
    base::ArenaPtr<Backlog> added;  // data it added, while no head or data was kept
    bool has_kept() const { return kept != nullptr && !kept->empty(); }
    // Something is kept that added data has to wait behind.
    bool blocks_data() const {
      return state != kFlowing && kept != nullptr && (kept->head || !kept->data.empty());
    }
    // An event of that kind goes by without the filter.
    bool passes(Hooks::Bit event) const {
      return (wanted & event) == 0 && state == kFlowing && !release_asked && kept == nullptr &&
             added == nullptr;
    }
    bool has_added() const { return added != nullptr && !added->data.empty(); }
  };

  Backlog& Ensure(base::ArenaPtr<Backlog>& backlog);
  void HeadAt(size_t position);
  void DataAt(size_t position, buffer::Buffer& data);
  void EndAt(size_t position, HeaderMap* trailers);
  // The filter answered `answer`, not kContinue: `data` (may be null) stays here.
  void Keep(Slot& slot, Answer answer, buffer::Buffer* data);
  // Passes what a slot kept, or added, to the next one.
  void PassKept(size_t position);
  void PassAdded(size_t position);
  void Release(size_t position);
  void Charge(Slot& slot, uint64_t bytes);
  bool dead() const { return state_ == State::kReset || hooks_.Interrupted(); }
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
  bool end_delivered_ = false;
  bool source_paused_ = false;
  bool asked_ = false;
  uint32_t paused_slots_ = 0;
  uint64_t kept_ = 0;
  uint64_t charged_ = 0;
  uint64_t limit_ = UINT64_MAX;
};

extern template class Direction<RequestHead>;
extern template class Direction<ResponseHead>;

}  // namespace remora::http
