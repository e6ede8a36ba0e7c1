#pragma once

// Scripts: what a configuration says to run, and what a worker has made of it.
//
//   SourceCode (configuration, shared) --first use on a worker--> lua::Script, one Lua state
//
// A script is compiled and run once when the configuration is read, so that its mistakes are found
// there, and again by each worker that uses it. A worker lets go of the scripts of routes that are
// gone when it makes the next one. Calls that nobody waits for outlive their streams, and live
// here.
//
// Owners: SourceCode the configurations, ScriptState the worker's filter state. Threads: SourceCode
// is immutable; the rest is its worker's. What fails is counted and logged, and is no script.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/http/filter/filter.h"
#include "source/lua/script.h"
#include "source/upstream/cluster_runtime.h"
#include "source/upstream/whole_call.h"

namespace remora::extensions {

struct SourceCode {
  lua::Library& library;
  std::string name;
  std::string text;
};
using SourceCodePtr = std::shared_ptr<const SourceCode>;

class ScriptState final : public http::FilterWorkerState {
 public:
  static constexpr size_t kMaxDetachedCalls = 256;

  ScriptState(std::string_view stat_prefix, const http::WorkerSetup& setup);
  ~ScriptState() override;

  // Null: it cannot be had.
  lua::Script* Find(const SourceCodePtr& code);
  // False: there are too many.
  bool StartDetached(upstream::ClusterRuntime& cluster, const upstream::CallRequest& request);

  stats::Counter errors;      // Runs that ended by an error.
  stats::Counter executions;  // Runs.
  stats::Counter limited;     // Of the errors: that a limit made.

 private:
  class Detached;
  struct Made {
    SourceCodePtr code;
    std::unique_ptr<lua::Script> script;
  };

  void DropUnused();

  event::Dispatcher& dispatcher_;
  absl::flat_hash_map<const SourceCode*, Made> made_;
  std::vector<std::unique_ptr<Detached>> detached_;
};

}  // namespace remora::extensions
