#include "source/extensions/http_filters/lua/scripts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::extensions {

// Whose answer nobody waits for.
class ScriptState::Detached final : public event::Deferred, private upstream::CallUser {
 public:
  Detached(ScriptState& state, upstream::ClusterRuntime& cluster,
           const upstream::CallRequest& request)
      : state_(state), call_(cluster, request, *this) {}

 private:
  void OnCallResult(const upstream::CallResult&) override {
    auto& all = state_.detached_;
    const auto self =
        std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.get() == this; });
    std::swap(*self, all.back());
    std::unique_ptr<Detached> ended = std::move(all.back());
    all.pop_back();
    state_.dispatcher_.DeferDelete(std::move(ended));
  }

  ScriptState& state_;
  upstream::WholeCall call_;
};

ScriptState::ScriptState(std::string_view stat_prefix, const http::WorkerSetup& setup)
    : dispatcher_(setup.dispatcher) {
  const auto counter = [&](const char* name) {
    return setup.scope.MakeCounter(setup.shard, absl::StrCat("lua.", std::string(stat_prefix),
                                                             stat_prefix.empty() ? "" : ".", name));
  };
  errors = counter("errors");
  executions = counter("executions");
  limited = counter("limited");
}

ScriptState::~ScriptState() = default;

lua::Script* ScriptState::Find(const SourceCodePtr& code) {
  const auto found = made_.find(code.get());
  if (found != made_.end()) {
    // One that this worker could not load: each request that goes without it counts.
    if (found->second.script == nullptr) errors.Inc();
    return found->second.script.get();
  }
  DropUnused();
  std::string error;
  std::unique_ptr<lua::Script> script =
      code->library.Load(code->name, code->text, lua::Limits(), error);
  if (script == nullptr) {
    errors.Inc();
    REMORA_LOG(kFilter, kError, "lua: script load error: ", error);
  }
  return made_.emplace(code.get(), Made{code, std::move(script)}).first->second.script.get();
}

void ScriptState::DropUnused() {
  absl::erase_if(made_, [](const auto& each) { return each.second.code.use_count() == 1; });
}

bool ScriptState::StartDetached(upstream::ClusterRuntime& cluster,
                                const upstream::CallRequest& request) {
  if (detached_.size() == kMaxDetachedCalls) return false;
  detached_.push_back(std::make_unique<Detached>(*this, cluster, request));
  return true;
}

}  // namespace remora::extensions
