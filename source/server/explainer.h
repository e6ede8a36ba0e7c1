#pragma once

// Explainer: answers a question on the worker whose view was asked for, and adds what main knows:
// which version of which resource it was, and what was written of the filters.
//
// Owner: Server. Thread: main. Fails by telling so: there is no such worker, or none runs yet. A
// question that is on its way when the process ends is not answered.

#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "source/config/config_dump.h"
#include "source/explain/explain.h"
#include "source/server/dynamic_config.h"
#include "source/server/worker.h"

namespace remora::server {

class Explainer {
 public:
  struct Services {
    const std::vector<std::unique_ptr<Worker>>& workers;
    event::Dispatcher& main;
    const std::unique_ptr<DynamicConfig>& dynamic;
    const config::ConfigDumper* dumper;  // null: the bootstrap was not kept
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<explain::Explanation>)>;

  // All outlive it.
  explicit Explainer(const Services& services) : services_(services) {}
  void OnWorkersStarted() { workers_run_ = true; }
  // `done` is called on main, later; never when the process ends before.
  void Explain(const explain::Question& question, Done done);

 private:
  void Complete(explain::Explanation& explanation) const;
  // In words.
  std::string OriginOf(const explain::Origin& origin) const;

  Services services_;
  bool workers_run_ = false;
};

}  // namespace remora::server
