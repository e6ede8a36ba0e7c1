#include "source/server/worker.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {
namespace {

// How many unused blocks are kept. Main has a large answer of a control plane now and then, and no
// streams to keep megabytes ready for.
size_t IdleBlocks(const stats::Shard& shard) {
  constexpr size_t kOfMain = 16;
  constexpr size_t kOfWorkers = 256;
  return shard.index() == 0 ? kOfMain : kOfWorkers;
}

}  // namespace

Worker::Worker(size_t index, stats::Shard& shard, event::Clock& clock, std::string_view own_ip,
               const runtime::ProcessState& process, access_log::LogWriter& logs,
               const access_log::FileStats& file_stats, stats::Scope& service_log_scope)
    : index_(index),
      blocks_(IdleBlocks(shard)),
      dispatcher_(clock),
      dates_(clock),
      log_files_(logs, dispatcher_, file_stats),
      resources_{dispatcher_, blocks_, random_, runtime_, shard, index, process, nullptr, &arenas_},
      clusters_(resources_),
      services_{resources_, clusters_, arenas_, dates_, own_ip, last_connection_, &log_files_} {
  log_files_.EnableServices({dispatcher_, clusters_, random_, service_log_scope, shard});
}

Worker::~Worker() { Clear(); }

void Worker::Apply(std::shared_ptr<const config::World> world) {
  world_ = std::move(world);
  clusters_.Apply(world_->clusters);
}

void Worker::AddListener(std::shared_ptr<const config::ListenerConfig> config,
                         std::vector<net::Socket> sockets, const ListenerScopes& scopes,
                         stats::Scope& worker_scope) {
  listeners_.push_back(std::make_unique<ActiveListener>(
      std::move(config), std::move(sockets), scopes,
      ActiveListener::Surroundings{services_, worker_scope, connections_, pipes_, this}));
  for (const net::Address& address : listeners_.back()->addresses()) {
    by_address_.insert_or_assign(address, listeners_.back().get());
  }
}

ActiveListener* Worker::Find(const config::ListenerConfig& config) {
  for (auto& listener : listeners_) {
    if (&listener->config() == &config) return listener.get();
  }
  return nullptr;
}

void Worker::UpdateListener(const config::ListenerConfig& old,
                            std::shared_ptr<const config::ListenerConfig> config,
                            const ListenerScopes& scopes, const net::Drain* leaving) {
  ActiveListener* listener = Find(old);
  if (listener != nullptr) listener->Adopt(std::move(config), scopes, leaving);
}

void Worker::RetireListener(const config::ListenerConfig& config, bool last,
                            absl::AnyInvocable<void()> gone) {
  ActiveListener* listener = Find(config);
  if (listener == nullptr) {
    gone();
    return;
  }
  listener->Retire(last, [this, config = &config, gone = std::move(gone)]() mutable {
    OnEmpty(*config, std::move(gone));
  });
}

void Worker::OnEmpty(const config::ListenerConfig& config, absl::AnyInvocable<void()> gone) {
  // The worker may have ended its listeners meanwhile, or another one handed a connection over.
  ActiveListener* listener = Find(config);
  if (listener != nullptr && !listener->empty()) {
    listener->WhenEmpty([this, config = &config, gone = std::move(gone)]() mutable {
      OnEmpty(*config, std::move(gone));
    });
    return;
  }
  if (listener != nullptr) RemoveListener(*listener);
  gone();
}

void Worker::RemoveListener(ActiveListener& listener) {
  absl::erase_if(by_address_, [&listener](const auto& entry) { return entry.second == &listener; });
  const auto found =
      std::find_if(listeners_.begin(), listeners_.end(),
                   [&listener](const auto& candidate) { return candidate.get() == &listener; });
  dispatcher_.DeferDelete(std::move(*found));
  listeners_.erase(found);
}

void Worker::EndListener(const config::ListenerConfig& config) {
  if (ActiveListener* listener = Find(config); listener != nullptr) listener->EndSessions(nullptr);
}

void Worker::EndChains(const net::Drain* leaving) {
  for (auto& listener : listeners_) listener->EndSessions(leaving);
}

void Worker::PutRoutes(const route::RouteSlot& slot,
                       std::shared_ptr<const route::RouteTable> table) {
  slot.Put(index_, std::move(table));
  // Another table's names may come to stand where those of the old one stood.
  clusters_.ForgetPlaces();
}

void Worker::PutScopes(const route::ScopeSlot& slot,
                       std::shared_ptr<const route::ScopeTable> table) {
  slot.Put(index_, std::move(table));
  clusters_.ForgetPlaces();
}

ActiveListener* Worker::FindListener(const net::Address& address) {
  const auto find = [this](const net::Address& at) -> ActiveListener* {
    const auto found = by_address_.find(at);
    return found == by_address_.end() || found->second->stopped() ? nullptr : found->second;
  };
  if (ActiveListener* exact = find(address); exact != nullptr || !address.is_ip()) return exact;
  const std::string any(address.ip_bytes().size(), '\0');
  if (ActiveListener* wild = find(net::Address::FromIpBytes(any, address.port()));
      wild != nullptr || address.kind() == net::Address::Kind::kIpv6) {
    return wild;
  }
  // An IPv6 listener on all addresses may take IPv4 as well.
  ActiveListener* dual = find(net::Address::FromIpBytes(std::string(16, '\0'), address.port()));
  return dual != nullptr && dual->config().options.ipv4_compat ? dual : nullptr;
}

explain::Explanation Worker::Explain(const explain::Question& question) {
  explain::Surroundings surroundings{
      clusters_, services_.own_ip, {}, [this](const net::Address& address) {
        const ActiveListener* found = FindListener(address);
        return found != nullptr ? &found->config() : nullptr;
      }};
  for (const auto& listener : listeners_) {
    if (listener->stopped()) continue;
    surroundings.listeners.push_back({listener->config(), listener->addresses()});
  }
  return explain::Explain(question, surroundings);
}

void Worker::Give(ListenerUsage& listener, net::Socket socket, const net::Address& remote) {
  dispatcher_.Post([this, usage = &listener, socket = std::move(socket), remote]() mutable {
    // Of several versions the newest.
    for (auto it = listeners_.rbegin(); it != listeners_.rend(); ++it) {
      auto& active = *it;
      if (active->usage() != usage) continue;
      active->Take(std::move(socket), remote);
      return;
    }
    usage->Remove(index_);  // the giver has counted it
  });
}

void Worker::Apply(std::shared_ptr<const runtime::Snapshot> runtime) {
  runtime_.Set(std::move(runtime));
  for (auto& listener : listeners_) listener->OnRuntime();
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
  by_address_.clear();
  listeners_.clear();
  log_files_.FlushServices();
  dispatcher_.RunOnce(false);
  log_files_.EndServices();
  clusters_.Clear();
  // What was handed to the dispatcher for destruction goes before what it refers to.
  dispatcher_.RunOnce(false);
  log_files_.Flush();
}

}  // namespace remora::server
