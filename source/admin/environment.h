#pragma once

// Environment: what the server lends to the admin interface.
//
// Owner: the server; outlives the admin listener. Thread: main, all of it: the admin listener runs
// on main's dispatcher, as Envoy's does, so that handlers may ask main's objects without locks.
// All functions but refresh_stats and those from unready on must be set. `quit` only asks:
// the answer to the request is written before the server goes.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "source/admin/request.h"
#include "source/config/world.h"
#include "source/event/clock.h"
#include "source/explain/explanation.h"
#include "source/explain/question.h"
#include "source/net/address.h"
#include "source/net/tls_facts.h"
#include "source/runtime/runtime.h"
#include "source/stats/store.h"
#include "source/stats/tag_extractor.h"

namespace remora::admin {

// envoy.admin.v3.ServerInfo.State; the numbers are those of the gauge server.state.
enum class ServerState : uint8_t {
  kLive = 0,
  kDraining = 1,
  kPreInitializing = 2,
  kInitializing = 3,
};
std::string_view ServerStateName(ServerState state);

struct ServerFacts {
  std::string version;  // <revision>/<version>/<Clean|Modified>/<RELEASE|DEBUG>/<TLS library>
  event::TimePoint started = 0;
  // JSON objects, pretty-printed with one space a level (google.protobuf's style).
  std::string command_line_options = "{}";
  std::string node = "{}";
};

// A listener and where it is bound (with the port that the kernel chose for 0).
struct ListenerStatus {
  std::string name;
  std::vector<net::Address> addresses;  // the first is the main one
};

// A certificate and the file it came from (or `<inline>`).
struct ServedCertificate {
  std::string path;
  net::CertificateFacts facts;
};

// The certificates of one TLS context.
struct ServedContext {
  std::vector<ServedCertificate> authorities;  // the first one of each bundle
  std::vector<ServedCertificate> certificates;
};

// Who is not ready, and what it waits for.
struct UnreadyTarget {
  std::string name;
  std::vector<std::string> waits_for;
};

// One update of resources, as it was taken: for /config_journal.
struct JournalEntry {
  static constexpr size_t kMaxNames = 100;  // of each list
  struct Names {
    std::vector<std::string> names;
    size_t count = 0;  // also of those that are not named

    void Add(std::string_view name) {
      if (++count <= kMaxNames) names.emplace_back(name);
    }
  };
  struct Refusal {
    std::string name;
    std::string reason;
  };

  int64_t at = 0;  // ns since the epoch
  std::string type;
  std::string version;
  bool from_snapshot = false;
  Names added;
  Names changed;
  Names removed;
  std::vector<Refusal> refused;
  event::Duration took = 0;
};

// What /drain_listeners was asked for.
struct DrainRequest {
  bool inbound_only = false;
  bool graceful = false;
  bool skip_exit = false;  // do not close the sockets when the drain time is over
};

// What /client_status was asked for.
struct ClientStatusRequest {
  bool without_contents = false;
  bool binary = false;  // else JSON
};

struct Environment {
  // Called on main.
  using Explained = absl::AnyInvocable<void(absl::StatusOr<explain::Explanation>)>;

  stats::Store& stats;
  const stats::TagExtractor& tags;
  event::Clock& clock;
  ServerFacts facts;
  std::function<ServerState()> state;
  std::function<std::shared_ptr<const config::World>()> world;
  // In the order in which they were added, without the admin listener.
  std::function<std::vector<ListenerStatus>()> listeners;
  // The text of envoy.admin.v3.ConfigDump. NotFound is answered with 404, other errors with 400.
  std::function<absl::StatusOr<std::string>(const Parameters&)> config_dump;
  std::function<void()> quit;
  // Called before a statistics snapshot: brings gauges that are read, not counted, up to date.
  std::function<void()> refresh_stats;
  // /healthcheck/fail and /healthcheck/ok.
  std::function<void(bool fail)> fail_health_check;
  std::function<void(const DrainRequest&)> drain_listeners;
  std::function<std::shared_ptr<const runtime::Snapshot>()> runtime;
  // Sets overrides; an empty text removes one.
  std::function<absl::Status(const Parameters&)> modify_runtime;
  // Opens log files again under their names.
  std::function<void()> reopen_logs;
  // admin.allow_paths; empty: every path.
  std::vector<std::function<bool(std::string_view)>> allow_paths = {};
  // For /init_dump; not set: everything is ready.
  std::function<std::vector<UnreadyTarget>()> unready = nullptr;
  // For /certs; not set: there are none.
  std::function<std::vector<ServedContext>()> certificates = nullptr;
  // For /config_journal, the latest first; not set: nothing was ever changed.
  std::function<std::vector<JournalEntry>()> journal = nullptr;
  // A ClientStatusResponse, for /client_status; not set: an empty one.
  std::function<std::string(const ClientStatusRequest&)> client_status = nullptr;
  // Sources whose resources are a snapshot's, in words, for /ready; not set: there are none.
  std::function<std::vector<std::string>()> restored = nullptr;
  // For /explain; not set: there is nobody to ask.
  std::function<void(const explain::Question&, Explained)> explain = nullptr;
};

}  // namespace remora::admin
