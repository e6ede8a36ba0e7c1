#pragma once

// TypeState: what is wanted and held of one type of resource of one source, and what the source is
// to be told: names, versions, nonces, ACK and NACK; the same for both flavours and all transports.
//
//   Want, Unwant ----> names --.
//   OnResponse --> compare     +--> WantsToSend, TakeRequest --> transport
//      |  \--> held            |
//      '--> watches' users --answers
//
// Resources are compared by the hash of their bytes with the last ones that were taken: what is the
// same reaches no user. What a user refuses keeps its last good version here too, so the same bytes
// are offered, and refused, again.
// What a snapshot had is held like anything else, until the source says the same or something else.
//
// Sans-I/O: time is passed in, requests are values. Owner: a Source. Thread: main. Users may change
// their wishes, and watches may end and begin, from within OnUpdate.
// Source: Envoy docs, "xDS REST and gRPC protocol"; Envoy
// source/extensions/config_subscription/grpc/xds_mux.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "source/event/clock.h"
#include "source/xds/discovery.h"
#include "source/xds/resource_status.h"
#include "source/xds/snapshot.h"

namespace remora::xds {

// A face: one user's interest in resources of one type, as the state sees it.
class Watch {
 public:
  virtual bool wildcard() const = 0;
  // As ResourceUser has them. Everything that a response brings for this watch; `changed` and
  // `removed` may be empty.
  virtual std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) = 0;
  // Whether all of the last update was taken.
  virtual void OnOutcome(std::string_view version, const std::vector<ResourceError>& errors) = 0;
  // The source cannot be reached or read.
  virtual void OnSourceFailed() = 0;

 protected:
  ~Watch() = default;
};

class TypeState {
 public:
  TypeState(ResourceType type, Flavour flavour) : type_(type), flavour_(flavour) {}
  TypeState(const TypeState&) = delete;
  TypeState& operator=(const TypeState&) = delete;

  ResourceType type() const { return type_; }
  // Somebody wants something of it.
  bool used() const { return !watches_.empty(); }
  const absl::flat_hash_set<Watch*>& watches() const { return watches_; }

  // At most one watch is a wildcard.
  void Add(Watch& watch);
  // It wants no name any more.
  void Remove(Watch& watch);
  void Want(Watch& watch, const std::string& name);
  void Unwant(Watch& watch, const std::string& name);
  // Nobody waits for it any longer. It is still wanted.
  void GiveUp(const std::string& name);
  // The source has said something about it.
  bool IsTold(const std::string& name) const;
  bool wildcard() const { return wildcard_ != nullptr; }

  // A new stream knows nothing of us; what is held stays.
  void OnStreamOpened();
  void OnStreamClosed();
  // There is something to ask for.
  bool WantsAnything() const { return wildcard_ != nullptr || !names_.empty(); }
  // The stream's first request has gone, which says what is held.
  bool introduced() const { return introduced_; }
  // Something that the source has not been asked for, or answered.
  bool WantsToSend() const { return HasNews() || (introduced_ && !answers_.empty()); }
  bool HasNews() const;
  // WantsToSend() holds; or, SotW, WantsAnything().
  Request TakeRequest();
  // In place of an answer, where nobody is told: why the last response was refused, if it was.
  std::optional<std::string> TakeRefusal();
  void OnResponse(Response response, event::TimePoint now);

  // --- the snapshot ---

  // The bytes of all that is held are kept, for Collect.
  void KeepBytes() { keep_bytes_ = true; }
  // Something was said of this type, not only by a snapshot.
  bool answered() const { return answered_; }
  // Somebody wants it, and there is none.
  bool Misses(const std::string& name) const { return Wanted(name) && !held_.contains(name); }
  // The source knows what is held, and has nothing to say of it.
  void Confirm();
  // How much of what is held only a snapshot has said.
  size_t restored() const;
  bool any_restored() const { return any_restored_; }
  // What is held, in the order of names, without what has a time to live.
  std::vector<SnapshotResource> Collect() const;
  const std::string& version() const { return version_; }

  // Adds all that is wanted or known, in the order of names. `wall`: ns since the epoch at `now`.
  void Show(event::TimePoint now, int64_t wall, std::vector<ResourceStatus>& into) const;

  // Tells watches of what was held before they wanted it.
  bool HasLate() const { return !late_.empty(); }
  void TellLate();

  // When a resource's time to live ends next; event::Timer::kNever: never.
  event::TimePoint NextExpiry() const;
  void Expire(event::TimePoint now);

 private:
  struct Held {
    uint64_t hash = 0;
    std::string version;
    // Of named types; of others they would only take room, but for a snapshot.
    std::shared_ptr<const std::string> bytes;
    event::TimePoint expiry = 0;  // 0: none
    bool restored = false;        // from a snapshot, and not confirmed
    event::TimePoint at = 0;      // when it was taken
  };
  struct Name {
    std::vector<Watch*> watches;
    bool told = false;
    bool given_up = false;
  };
  // Of the last response that had it.
  struct Refused {
    std::string version;
    std::string message;
    event::TimePoint at = 0;
  };
  struct Answer {
    std::string nonce;
    std::optional<std::string> error;
  };
  // What one watch gets of one response.
  struct Part {
    Watch* watch;  // null: it has ended since
    std::vector<Resource> changed;
    std::vector<std::string> removed;
  };
  struct Sorting;

  bool Wanted(const std::string& name) const { return wildcard_ != nullptr || IsNamed(name); }
  bool IsNamed(const std::string& name) const { return names_.contains(name); }
  void Forget(const std::string& name);
  void SetExpiry(const std::string& name, Held& held, event::TimePoint expiry);

  void SortOffers(const Response& response, event::TimePoint now, Sorting& sorting);
  void SortRemoved(const Response& response, Sorting& sorting);
  std::vector<Part> MakeParts(const Response& response, const Sorting& sorting);
  void Tell(std::vector<Part>& parts, const ResourceUpdate& of, std::vector<ResourceError>& errors);
  void Keep(Response& response, const Sorting& sorting, const std::vector<ResourceError>& errors,
            event::TimePoint now);

  void NoteRefused(const Response& response, const Sorting& sorting,
                   const std::vector<ResourceError>& errors, event::TimePoint now);

  Request TakeSotw();
  Request TakeDelta();
  std::vector<std::string> SortedNames() const;

  const ResourceType type_;
  const Flavour flavour_;
  absl::flat_hash_set<Watch*> watches_;
  std::vector<Part>* telling_ = nullptr;  // while users are told
  Watch* wildcard_ = nullptr;
  absl::flat_hash_map<std::string, Name> names_;
  absl::flat_hash_map<std::string, Held> held_;
  absl::flat_hash_map<std::string, Refused> refused_;
  absl::btree_set<std::pair<event::TimePoint, std::string>> expiries_;
  std::vector<std::pair<Watch*, std::string>> late_;
  std::string version_;  // of the last response that was taken whole
  bool keep_bytes_ = false;
  bool answered_ = false;
  bool any_restored_ = false;  // of held_; may stay true when none is left

  // Of the stream.
  bool open_ = false;
  bool introduced_ = false;  // the first request has gone
  bool names_changed_ = false;
  bool sent_wildcard_ = false;             // delta
  absl::flat_hash_set<std::string> sent_;  // delta: what the source knows that we want
  absl::btree_set<std::string> added_;     // delta: what it does not know yet
  absl::btree_set<std::string> dropped_;   // delta
  std::string nonce_;                      // SotW: of the last response
  std::deque<Answer> answers_;
};

// The text of a NACK, as Envoy words it.
std::string RefusalText(ResourceType type, const std::vector<ResourceError>& errors);

}  // namespace remora::xds
