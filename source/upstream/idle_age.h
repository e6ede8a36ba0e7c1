#pragma once

// IdleAge: learns after how long a host closes connections that nobody uses.
//
// A host that keeps idle connections for T seconds and a proxy that keeps them longer meet in a
// race: a request goes out on a connection that the host is just closing. What the host does is
// seen on the connections themselves, so it is learnt, and connections older than a safe part of it
// are not used any more (docs/adr/0020).
//
//   Observe(age, now): the host closed a connection that had been idle so long
//   limit_once():      how old a connection may be for a request that must not be sent twice
//   limit_any():       ... for any request; also when we close it ourselves
//
// One close says nothing (a restart closes young connections too), nor do several in one turn: the
// second-smallest age of two windows of kWindow counts, of each turn the largest. What is not seen
// again is forgotten. Owner: a Pool. Thread: its worker. Sans-I/O, no allocation; nothing fails.

#include <algorithm>

#include "source/event/clock.h"

namespace remora::upstream {

class IdleAge {
 public:
  static constexpr event::Duration kNever = INT64_MAX;
  static constexpr event::Duration kWindow = 600 * event::kSecond;
  // Shorter ages are no timeout of the host's: requests that may be sent again need no limit then,
  // and a new connection for each would cost more than it saves.
  static constexpr event::Duration kShortest = event::kSecond;

  void Observe(event::Duration age, event::TimePoint now);

  event::Duration limit_once() const { return limit_once_; }
  event::Duration limit_any() const { return limit_any_; }

 private:
  struct Window {
    event::Duration smallest = kNever;
    event::Duration second = kNever;
    void Add(event::Duration age) {
      if (age < smallest) {
        second = smallest;
        smallest = age;
      } else {
        second = std::min(second, age);
      }
    }
  };
  void CommitTurn();

  Window present_;
  Window past_;
  event::TimePoint window_began_ = 0;
  // The turn whose closes are still coming in, and the largest age of them.
  event::TimePoint turn_ = -1;
  event::Duration turn_age_ = 0;
  event::Duration limit_once_ = kNever;
  event::Duration limit_any_ = kNever;
};

}  // namespace remora::upstream
