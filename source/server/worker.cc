#include "source/server/worker.h"

#include <pthread.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {

Worker::Worker(size_t index, stats::Shard& shard, event::Clock& clock, std::string_view own_ip,
               const runtime::ProcessState& process, access_log::LogWriter& logs,
               const access_log::FileStats& file_stats)
    : index_(index),
      dispatcher_(clock),
      dates_(clock),
      log_files_(logs, dispatcher_, file_stats),
      resources_{dispatcher_, blocks_, random_, runtime_, shard, index, process},
      clusters_(resources_),
      services_{resources_, clusters_, arenas_, dates_, own_ip, last_connection_, &log_files_} {}

Worker::~Worker() { Clear(); }

void Worker::Apply(std::shared_ptr<const config::World> world) {
  world_ = std::move(world);
  clusters_.Apply(world_->clusters);
}

void Worker::AddListener(std::shared_ptr<const config::ListenerConfig> config, net::Socket socket,
                         const ListenerScopes& scopes, stats::Scope& worker_scope) {
  listeners_.push_back(std::make_unique<ActiveListener>(
      std::move(config), std::move(socket), services_, scopes, worker_scope, connections_));
}

void Worker::StopListener(const config::ListenerConfig& config) {
  for (auto& listener : listeners_) {
    if (&listener->config() == &config) listener->StopAccepting();
  }
}

void Worker::DrainSessions() {
  for (auto& listener : listeners_) listener->DrainSessions();
}

void Worker::Start() {
  thread_ = std::thread([this] {
    // Shown by ps and perf; the kernel takes 15 characters.
    pthread_setname_np(pthread_self(), absl::StrCat("wrk:worker_", index_).c_str());
    dispatcher_.Run();
    Clear();
  });
}

void Worker::Stop() {
  if (!thread_.joinable()) return;
  dispatcher_.Post([this] { dispatcher_.Stop(); });
  thread_.join();
}

void Worker::Clear() {
  listeners_.clear();
  clusters_.Clear();
  // What was handed to the dispatcher for destruction goes before what it refers to.
  dispatcher_.RunOnce(false);
  log_files_.Flush();
}

}  // namespace remora::server
