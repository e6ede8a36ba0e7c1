#include "source/http/filter/direction.h"

#include <new>
#include <utility>

#include "source/base/check.h"

namespace remora::http {

template <class Head>
Direction<Head>::Direction(DirectionHooks<Head>& hooks, base::Arena& arena,
                           buffer::BlockPool& blocks, size_t positions, MessageSink<Head>* out)
    : hooks_(hooks),
      arena_(arena),
      blocks_(blocks),
      out_(out),
      positions_(static_cast<uint32_t>(positions)) {
  slots_ = static_cast<Slot*>(arena.Allocate(sizeof(Slot) * positions, alignof(Slot)));
  for (size_t i = 0; i < positions; ++i) new (&slots_[i]) Slot();
}

template <class Head>
Direction<Head>::~Direction() {
  for (size_t i = 0; i < positions_; ++i) slots_[i].~Slot();
}

template <class Head>
typename Direction<Head>::Backlog& Direction<Head>::Ensure(base::ArenaPtr<Backlog>& backlog) {
  if (backlog == nullptr) backlog = arena_.Make<Backlog>(blocks_);
  return *backlog;
}

template <class Head>
void Direction<Head>::Begin(Head& head) {
  DCHECK(state_ == State::kHead);
  if (state_ != State::kHead) return;
  state_ = State::kBody;
  head_ = &head;
  HeadAt(0);
}

template <class Head>
void Direction<Head>::Data(buffer::Buffer& data) {
  if (state_ == State::kBody) DataAt(0, data);
  if (!data.empty()) data.Clear();  // whatever an interruption left
}

template <class Head>
void Direction<Head>::End(HeaderMap* trailers) {
  if (state_ != State::kBody) return;
  state_ = State::kEnded;
  EndAt(0, trailers);
}

template <class Head>
void Direction<Head>::Reset() {
  state_ = State::kReset;
  for (size_t i = 0; i < positions_; ++i) {
    Slot& slot = slots_[i];
    slot.kept.reset();
    slot.queue.reset();
    slot.added.reset();
    slot.state = Slot::kFlowing;
    slot.release_asked = false;
    slot.charged = 0;
  }
  kept_ = charged_ = 0;
  asked_ = false;
  paused_slots_ = 0;
  UpdatePaused();
}

template <class Head>
void Direction<Head>::Charge(Slot& slot, uint64_t bytes) {
  slot.charged += bytes;
  charged_ += bytes;
  if (charged_ > limit_) hooks_.OnOverLimit();
}

template <class Head>
void Direction<Head>::Keep(Slot& slot, Answer answer, buffer::Buffer* data) {
  Backlog& kept = Ensure(slot.kept);
  const size_t before = kept.data.length();
  if (data != nullptr) kept.data.MoveFrom(*data);
  if (slot.added != nullptr) kept.data.MoveFrom(slot.added->data);
  const uint64_t bytes = kept.data.length() - before;
  kept_ += bytes;
  if (answer == Answer::kHold) {
    slot.state = Slot::kHolding;
    Charge(slot, bytes);
    return;
  }
  // A pause is not charged: the source stands still, what still arrives is bounded by one read.
  slot.state = Slot::kPaused;
  ++paused_slots_;
  UpdatePaused();
}

template <class Head>
void Direction<Head>::HeadAt(size_t position) {
  for (; position < positions_; ++position) {
    Slot& slot = slots_[position];
    if (slot.state == Slot::kPaused) {
      Ensure(slot.queue).head = true;
      return;
    }
    slot.seen = Slot::kHead;
    if (slot.passes(Hooks::kHead)) continue;
    Answer answer = Answer::kContinue;
    if ((slot.wanted & Hooks::kHead) != 0) {
      slot.in_hook = true;
      answer = hooks_.CallHead(position, *head_);
      slot.in_hook = false;
    }
    if (dead()) return;
    if (answer != Answer::kContinue) {
      Ensure(slot.kept).head = true;
      Keep(slot, answer, nullptr);
      return;
    }
    slot.release_asked = false;
    if (slot.has_added()) {
      HeadAt(position + 1);
      if (!dead()) PassAdded(position);
      return;
    }
  }
  head_delivered_ = true;
  if (out_ != nullptr) out_->OnHead(*head_);
}

template <class Head>
void Direction<Head>::DataAt(size_t position, buffer::Buffer& data) {
  for (; position < positions_; ++position) {
    if (data.empty()) return;
    Slot& slot = slots_[position];
    if (slot.passes(Hooks::kData)) continue;
    if (slot.state == Slot::kPaused) {
      kept_ += data.length();
      Ensure(slot.queue).data.MoveFrom(data);
      return;
    }
    if (slot.release_asked) PassKept(position);
    if (slot.has_added() && !dead()) PassAdded(position);
    if (dead()) return;
    Answer answer = Answer::kContinue;
    if ((slot.wanted & Hooks::kData) != 0) {
      slot.in_hook = true;
      answer = hooks_.CallData(position, data);
      slot.in_hook = false;
    }
    if (dead()) return;
    if (answer != Answer::kContinue) {
      Keep(slot, answer, &data);
      return;
    }
    slot.release_asked = false;
    if (slot.has_kept()) {
      kept_ += data.length();
      slot.kept->data.MoveFrom(data);
      PassKept(position);
      if (!dead()) PassAdded(position);
      return;
    }
    slot.state = Slot::kFlowing;
    if (slot.has_added()) {
      DataAt(position + 1, data);
      if (!dead()) PassAdded(position);
      return;
    }
  }
  if (out_ != nullptr && !data.empty()) out_->OnData(data);
}

template <class Head>
void Direction<Head>::EndAt(size_t position, HeaderMap* trailers) {
  for (; position < positions_; ++position) {
    Slot& slot = slots_[position];
    if (slot.passes(Hooks::kEnd)) {
      slot.seen = Slot::kEnd;
      continue;
    }
    if (slot.state == Slot::kPaused) {
      Backlog& queue = Ensure(slot.queue);
      queue.end = true;
      queue.trailers = trailers;
      return;
    }
    if (slot.release_asked) PassKept(position);
    if (slot.has_added() && !dead()) PassAdded(position);
    if (dead()) return;
    slot.seen = Slot::kEnd;
    Answer answer = Answer::kContinue;
    if ((slot.wanted & Hooks::kEnd) != 0) {
      slot.in_hook = true;
      answer = hooks_.CallEnd(position, trailers);
      slot.in_hook = false;
    }
    if (dead()) return;
    if (answer != Answer::kContinue) {
      Keep(slot, answer, nullptr);
      slot.kept->end = true;
      slot.kept->trailers = trailers;
      return;
    }
    PassKept(position);
    if (!dead()) PassAdded(position);
    if (dead()) return;
  }
  end_delivered_ = true;
  if (out_ != nullptr) out_->OnEnd(trailers);
}

template <class Head>
void Direction<Head>::PassAdded(size_t position) {
  Slot& slot = slots_[position];
  if (!slot.has_added()) return;
  buffer::Buffer data(blocks_);
  data.MoveFrom(slot.added->data);
  DataAt(position + 1, data);
}

template <class Head>
void Direction<Head>::PassKept(size_t position) {
  Slot& slot = slots_[position];
  slot.state = Slot::kFlowing;
  slot.release_asked = false;
  if (!slot.has_kept()) return;
  base::ArenaPtr<Backlog> kept = std::move(slot.kept);
  kept_ -= kept->data.length();
  charged_ -= slot.charged;
  slot.charged = 0;
  if (kept->head) HeadAt(position + 1);
  if (!dead() && !kept->data.empty()) DataAt(position + 1, kept->data);
  if (!dead() && kept->end) EndAt(position + 1, kept->trailers);
  kept->Clear();
  if (slot.kept == nullptr && !dead()) slot.kept = std::move(kept);
}

template <class Head>
void Direction<Head>::Release(size_t position) {
  Slot& slot = slots_[position];
  if (slot.state == Slot::kPaused) --paused_slots_;
  PassKept(position);
  if (dead()) return;
  if (slot.queue != nullptr && !slot.queue->empty()) {
    base::ArenaPtr<Backlog> queue = std::move(slot.queue);
    kept_ -= queue->data.length();
    if (queue->head) HeadAt(position);
    if (!dead() && !queue->data.empty()) DataAt(position, queue->data);
    if (!dead() && queue->end) EndAt(position, queue->trailers);
    queue->Clear();
    if (dead()) return;
    if (slot.queue == nullptr) slot.queue = std::move(queue);
  }
  UpdatePaused();
}

template <class Head>
void Direction<Head>::AskRelease(size_t position) {
  Slot& slot = slots_[position];
  if (state_ == State::kReset || (!slot.in_hook && slot.state == Slot::kFlowing)) return;
  slot.release_asked = asked_ = true;
}

template <class Head>
void Direction<Head>::Add(size_t position, buffer::Buffer& data) {
  Slot& slot = slots_[position];
  const bool keeps = slot.state != Slot::kFlowing;
  const bool too_late = slot.seen == Slot::kEnd && !keeps && !slot.in_hook;
  if (state_ == State::kReset || slot.seen == Slot::kNothing || too_late) {
    data.Clear();
    return;
  }
  if (slot.in_hook || !slot.blocks_data()) {
    Ensure(slot.added).data.MoveFrom(data);
    asked_ = true;
    return;
  }
  const uint64_t bytes = data.length();
  kept_ += bytes;
  Ensure(slot.kept).data.MoveFrom(data);
  if (slot.state == Slot::kHolding) Charge(slot, bytes);
}

template <class Head>
void Direction<Head>::RunAsked() {
  asked_ = false;
  for (size_t i = 0; i < positions_ && !dead(); ++i) {
    Slot& slot = slots_[i];
    // Before the end, when that is what the slot keeps.
    PassAdded(i);
    if (!dead() && slot.release_asked) Release(i);
    if (!dead()) PassAdded(i);
  }
}

template <class Head>
void Direction<Head>::UpdatePaused() {
  const bool paused = paused_slots_ > 0;
  if (paused == source_paused_) return;
  source_paused_ = paused;
  hooks_.SetPaused(paused);
}

template class Direction<RequestHead>;
template class Direction<ResponseHead>;

}  // namespace remora::http
