#pragma once

// PendingConnection: an accepted connection whose filter chain is not chosen yet, because listener
// filters are looking at it.
//
//   kLooking --all filters have continued--> OnInspected
//       \--a filter rejects, the peer goes, the time is over--> OnPendingEnd
//
// Owner: ActiveListener until it has ended, then the dispatcher's deferred list. Thread: the
// worker's. It holds a socket, a timer and what was found out, and no bytes: filters see what the
// kernel keeps (MSG_PEEK), through one buffer that all connections of the listener share.

#include <memory>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/net/listener_filter.h"

namespace remora::server {

class PendingConnection;

// What the pending connections of a listener share. Owner: ActiveListener.
struct ListenerFilters {
  const std::vector<net::ListenerFilterFactory>* factories = nullptr;
  std::vector<std::unique_ptr<net::ListenerFilter>> filters;  // of `factories`, in order
  event::Duration timeout = 0;                                // 0: none
  bool continues_on_timeout = false;
  std::vector<char> view;  // what one look shows
};

class PendingOwner {
 public:
  enum class End : uint8_t { kRejected, kPeerClosed, kReadError, kTimeout };

  // The filters have done; findings() may be taken. It goes to Dispatcher::DeferDelete.
  virtual void OnInspected(PendingConnection& connection, bool timed_out) = 0;
  // There will be no session.
  virtual void OnPendingEnd(PendingConnection& connection, End end) = 0;

 protected:
  ~PendingOwner() = default;
};

class PendingConnection final : public event::Deferred {
 public:
  PendingConnection(event::Dispatcher& dispatcher, ListenerFilters& filters, PendingOwner& owner,
                    net::Findings findings);

  // Asks the filters; may tell the owner before it returns.
  void Start();
  net::Findings& findings() { return findings_; }
  // It waits for bytes no longer.
  void Stop();

  size_t index = 0;  // the owner's

 private:
  // What came of asking one filter.
  enum class Step : uint8_t { kNext, kWait, kEnded };

  static void OnReady(void* self, uint32_t ready);
  static void OnTimeout(void* self);
  void Run();
  Step Ask(net::ListenerFilter& filter);
  Step Look(net::ListenerFilter& filter);
  bool Disabled();
  // False when the bytes cannot be taken.
  bool Take();
  Step Fail(PendingOwner::End end);

  event::Dispatcher& dispatcher_;
  ListenerFilters& filters_;
  PendingOwner& owner_;
  net::Findings findings_;
  size_t next_ = 0;
  bool peer_closed_ = false;
  event::Timer timer_;
  event::FileEvent event_;
};

}  // namespace remora::server
