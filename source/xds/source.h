#pragma once

// Source: a door: where resources come from: a stream of a control plane, one that is asked again
// and again, a file.
//
// Owner: SourceSet. Thread: main. A Source owns a TypeState for each type that somebody wants of it
// and moves requests and responses between it and the other end; it never fails, it tries again.

#include <string>
#include <vector>

#include "source/xds/snapshot.h"
#include "source/xds/type_state.h"

namespace remora::xds {

class Source {
 public:
  virtual ~Source() = default;
  // The state of that type, made when it is new.
  virtual TypeState& State(ResourceType type) = 0;
  // Something that the state wants to send or tell may have come up: looks at it at the end of the
  // turn.
  virtual void Wake() = 0;
  // What it is about to do about a server that does not answer; empty: it answers.
  virtual std::string Trouble() const = 0;
  // What it had said before this process started: for its users until it answers. Before Wake.
  virtual void Restore(SnapshotPart&& /*part*/) {}
  // Adds what it has said, and what is left of what it had said before.
  virtual void Collect(std::vector<SnapshotPart>& parts) const { static_cast<void>(parts); }
  // How many of the resources in use are only a snapshot's.
  virtual size_t restored() const { return 0; }
  // Adds what has become of what somebody wants of it.
  virtual void Show(std::vector<ResourceStatus>& into) const = 0;
  // Ends what it has open; it is not used again.
  virtual void Close() = 0;

  // Subscriptions that there are, started or not: a source without any is not needed.
  void Attach() { ++subscriptions_; }
  void Detach() { --subscriptions_; }
  bool attached() const { return subscriptions_ > 0; }

 private:
  int subscriptions_ = 0;
};

}  // namespace remora::xds
