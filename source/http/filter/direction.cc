#include "source/http/filter/direction.h"

#include <algorithm>
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
  if (state_ != State::kBody) {
    data.Clear();
    return;
  }
  DataAt(0, data);
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
    slots_[i].kept.reset();
    slots_[i].queue.reset();
    slots_[i].added.reset();
    slots_[i].state = Slot::kFlowing;
  }
  kept_ = 0;
  paused_slots_ = 0;
  UpdatePaused();
}

template <class Head>
void Direction<Head>::Keep(Slot& slot, Answer answer) {
  if (answer == Answer::kPause && slot.state != Slot::kPaused) {
    slot.state = Slot::kPaused;
    ++paused_slots_;
    UpdatePaused();
  } else if (answer == Answer::kHold) {
    slot.state = Slot::kHolding;
  }
}

template <class Head>
void Direction<Head>::HeadAt(size_t position) {
  for (; position < positions_; ++position) {
    Slot& slot = slots_[position];
    if (slot.state == Slot::kPaused) {
      Ensure(slot.queue).head = true;
      return;
    }
    slot.in_hook = true;
    const Answer answer = hooks_.CallHead(position, *head_);
    slot.in_hook = false;
    if (dead()) return;
    if (answer != Answer::kContinue) {
      Ensure(slot.kept).head = true;
      Keep(slot, answer);
      if (slot.added != nullptr) slot.kept->data.MoveFrom(slot.added->data);
      return;
    }
    if (slot.added != nullptr && !slot.added->data.empty()) {
      HeadAt(position + 1);
      if (!dead()) PassAdded(position);
      return;
    }
  }
  head_delivered_ = true;
  if (out_ != nullptr) out_->OnHead(*head_);
}

template <class Head>
void Direction<Head>::Charge(uint64_t bytes) {
  kept_ += bytes;
  if (kept_ > limit_) hooks_.OnOverLimit();
}

template <class Head>
void Direction<Head>::DataAt(size_t position, buffer::Buffer& data) {
  for (; position < positions_; ++position) {
    if (data.empty()) return;
    Slot& slot = slots_[position];
    if (slot.state == Slot::kPaused) {
      const uint64_t bytes = data.length();
      Ensure(slot.queue).data.MoveFrom(data);
      // The source was told to stop: what still arrives is bounded by one read.
      kept_ += bytes;
      return;
    }
    slot.in_hook = true;
    const Answer answer = hooks_.CallData(position, data);
    slot.in_hook = false;
    if (dead()) {
      data.Clear();
      return;
    }
    if (answer != Answer::kContinue) {
      const uint64_t bytes = data.length();
      Backlog& kept = Ensure(slot.kept);
      kept.data.MoveFrom(data);
      if (slot.added != nullptr) kept.data.MoveFrom(slot.added->data);
      Keep(slot, answer);
      if (answer == Answer::kHold) {
        Charge(bytes);
      } else {
        kept_ += bytes;
      }
      return;
    }
    if (slot.kept != nullptr && !slot.kept->empty()) {
      slot.kept->data.MoveFrom(data);
      PassKept(position);
      if (!dead()) PassAdded(position);
      return;
    }
    slot.state = Slot::kFlowing;
    if (slot.added != nullptr && !slot.added->data.empty()) {
      DataAt(position + 1, data);
      if (!dead()) PassAdded(position);
      return;
    }
  }
  if (out_ != nullptr) {
    out_->OnData(data);
  } else {
    data.Clear();
  }
}

template <class Head>
void Direction<Head>::EndAt(size_t position, HeaderMap* trailers) {
  for (; position < positions_; ++position) {
    Slot& slot = slots_[position];
    if (slot.state == Slot::kPaused) {
      Backlog& queue = Ensure(slot.queue);
      queue.end = true;
      queue.trailers = trailers;
      return;
    }
    slot.in_hook = true;
    const Answer answer = hooks_.CallEnd(position, trailers);
    slot.in_hook = false;
    if (dead()) return;
    const bool keeps = slot.kept != nullptr && !slot.kept->empty();
    if (answer != Answer::kContinue) {
      Backlog& kept = Ensure(slot.kept);
      if (slot.added != nullptr) kept.data.MoveFrom(slot.added->data);
      kept.end = true;
      kept.trailers = trailers;
      Keep(slot, answer);
      return;
    }
    if (keeps) {
      if (slot.added != nullptr) slot.kept->data.MoveFrom(slot.added->data);
      PassKept(position);
    } else {
      PassAdded(position);
    }
    if (dead()) return;
  }
  if (out_ != nullptr) out_->OnEnd(trailers);
}

template <class Head>
void Direction<Head>::PassAdded(size_t position) {
  Slot& slot = slots_[position];
  if (slot.added == nullptr || slot.added->data.empty()) return;
  buffer::Buffer data(blocks_);
  data.MoveFrom(slot.added->data);
  DataAt(position + 1, data);
}

template <class Head>
void Direction<Head>::PassKept(size_t position) {
  Slot& slot = slots_[position];
  slot.state = Slot::kFlowing;
  if (slot.kept == nullptr) return;
  const base::ArenaPtr<Backlog> kept = std::move(slot.kept);
  kept_ -= std::min<uint64_t>(kept_, kept->data.length());
  if (kept->head) HeadAt(position + 1);
  if (!dead() && !kept->data.empty()) DataAt(position + 1, kept->data);
  if (!dead() && kept->end) EndAt(position + 1, kept->trailers);
}

template <class Head>
void Direction<Head>::Release(size_t position) {
  Slot& slot = slots_[position];
  if (state_ == State::kReset || slot.state == Slot::kFlowing) return;
  if (slot.state == Slot::kPaused) --paused_slots_;
  PassKept(position);
  if (dead()) return;
  if (slot.queue != nullptr) {
    const base::ArenaPtr<Backlog> queue = std::move(slot.queue);
    kept_ -= std::min<uint64_t>(kept_, queue->data.length());
    if (queue->head) HeadAt(position);
    if (!dead() && !queue->data.empty()) DataAt(position, queue->data);
    if (!dead() && queue->end) EndAt(position, queue->trailers);
    if (dead()) return;
  }
  UpdatePaused();
}

template <class Head>
void Direction<Head>::Add(size_t position, buffer::Buffer& data) {
  Slot& slot = slots_[position];
  if (state_ == State::kReset) {
    data.Clear();
    return;
  }
  if (slot.in_hook) {
    Ensure(slot.added).data.MoveFrom(data);
  } else if (slot.state != Slot::kFlowing) {
    Ensure(slot.kept).data.MoveFrom(data);
  } else {
    DataAt(position + 1, data);
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
