#pragma once

// ListenerFilter: the door between a listener and what looks at a connection before its filter
// chain is chosen: whose SNI is it, where did it want to go, who is behind the load balancer.
//
// Filters see the first bytes of the stream without taking them (MSG_PEEK); only the PROXY header
// is taken, by its filter. A filter keeps nothing of a connection: it is asked anew, with all bytes
// from the beginning, each time there are more, and says what it has learnt in Findings. So a slow
// peer costs a socket, a timer and a peek per arrival, and no buffer.
//
// Owner of a filter: the listener on one worker. Thread: its worker's. Failures: kReject closes the
// connection; filters count why.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/net/downstream_session.h"
#include "source/net/port_predicate.h"
#include "source/stats/scope.h"

namespace remora::net {

// What is learnt of a connection before its filter chain is chosen.
struct Findings {
  Accepted accepted;
  std::string transport_protocol;  // empty: nothing was recognised
  std::vector<std::string> application_protocols;
  bool handed_over = false;  // another listener has accepted it
  size_t take = 0;           // bytes that the filter wants to have taken off the stream
  size_t look = 0;           // how many bytes it wants to see the next time; 0: its most_bytes()
};

class ListenerFilter {
 public:
  enum class Answer : uint8_t {
    kContinue,  // on to the next filter
    kMore,      // not enough bytes to tell; never with as many as it has asked for
    kReject,    // the connection is closed
  };

  virtual ~ListenerFilter() = default;
  // How much of the stream it looks at; 0: it needs no bytes.
  virtual size_t most_bytes() const { return 0; }
  // It has nothing to find out about this connection.
  virtual bool Skips(const Findings&) const { return false; }
  // `bytes`: what has come so far. `ended`: the peer sends no more; kMore is then a rejection.
  virtual Answer Inspect(std::string_view bytes, bool ended, Findings& findings) = 0;
};

struct ListenerFilterSetup {
  stats::Scope& scope;  // of the factory's scope name
  stats::Shard& shard;
};

struct ListenerFilterFactory {
  std::string name;        // the configured one
  std::string type_name;   // of its configuration's message
  std::string scope;       // of its statistics, without the last dot
  PortPredicate disabled;  // on connections to these ports it is left out
  std::shared_ptr<const void> config;
  std::unique_ptr<ListenerFilter> (*create)(const void* config,
                                            const ListenerFilterSetup& setup) = nullptr;
};

}  // namespace remora::net
