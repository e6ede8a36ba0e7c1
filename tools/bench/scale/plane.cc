#include "tools/bench/scale/plane.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"

namespace remora::bench {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryRequest;

enum Type : size_t { kClusters, kEndpoints, kListeners, kRoutes };
constexpr size_t kTypes = 4;
constexpr const char* kUrls[kTypes] = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "type.googleapis.com/envoy.config.listener.v3.Listener",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

size_t TypeOf(const std::string& url) {
  for (size_t type = 0; type < kTypes; ++type) {
    if (url == kUrls[type]) return type;
  }
  return kTypes;
}

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "scale: %s\n", why.c_str());
  std::_Exit(1);
}

template <class Message>
Message Parse(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!bytes.Dump(&slices).ok()) Die("a request that cannot be read");
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  Message message;
  if (!message.ParseFromString(text)) Die("a request that is none");
  return message;
}

}  // namespace

struct Plane::State {
  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(State& state) : state_(state) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;

   private:
    State& state_;
  };

  std::string NextVersion() { return std::to_string(++version); }
  // With the mutex held: tells every stream.
  void Send(Type type, const std::set<std::string>& changed);

  Shape shape;
  Service service{*this};
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::mutex mutex;  // the rest, and every call
  std::condition_variable news;
  std::map<Call*, std::unique_ptr<Call>> open;
  uint64_t version = 0;
  std::array<std::map<std::string, Encoded>, kTypes> resources;
  std::vector<bool> moved;
};

// One stream. The library calls it from its threads; it lives until OnDone.
class Plane::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(State& state, bool delta) : state_(state), delta_(delta) {}

  void Begin() { StartRead(&read_); }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    if (!ok) return End();
    delta_ ? OnDelta(Parse<DeltaDiscoveryRequest>(read_)) : OnSotw(Parse<DiscoveryRequest>(read_));
    state_.news.notify_all();
    StartRead(&read_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    if (!ok) return End();
    queue_.pop_front();
    if (!queue_.empty() && !ended_) StartWrite(&queue_.front());
  }

  void OnCancel() override {
    const std::lock_guard lock(state_.mutex);
    End();
  }

  void OnDone() override {
    State& state = state_;
    const std::lock_guard lock(state.mutex);
    state.open.erase(this);
    state.news.notify_all();
  }

  // These with the mutex held.
  // What has to be said after a change; empty: nothing.
  std::string Response(size_t type, const std::set<std::string>& changed) {
    const Wish& wish = wishes_[type];
    if (!wish.asked) return "";
    std::string body;
    for (const auto& [name, encoded] : state_.resources[type]) {
      if (!wish.wildcard && !wish.names.contains(name)) continue;
      if (!delta_) body += encoded.sotw;
      if (delta_ && changed.contains(name)) body += encoded.delta;
    }
    if (delta_) {
      constexpr int kRemoved = 6;
      for (const std::string& name : changed) {
        if (!state_.resources[type].contains(name)) AppendField(kRemoved, name, body);
      }
      if (body.empty()) return "";
    }
    return Head(type) + body;
  }

  void Write(const std::string& response) {
    if (response.empty() || ended_) return;
    const grpc::Slice slice(response);
    queue_.emplace_back(&slice, 1);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void End() {
    if (std::exchange(ended_, true)) return;
    Finish(grpc::Status::OK);
  }

  bool AllTaken() const {
    for (size_t type = 0; type < kTypes; ++type) {
      const Wish& wish = wishes_[type];
      if (wish.answered != wish.sent) return false;
      if (state_.resources[type].empty()) continue;
      if (!wish.asked || wish.sent == 0) return false;
      if (!wish.wildcard && wish.names.size() < state_.resources[type].size()) return false;
    }
    return true;
  }

 private:
  struct Wish {
    bool asked = false;
    bool wildcard = false;
    std::set<std::string> names;
    uint64_t sent = 0;      // the last nonce
    uint64_t answered = 0;  // of those, the last one
  };

  // The fields of a response but for its resources.
  std::string Head(size_t type) {
    Wish& wish = wishes_[type];
    wish.sent = ++nonces_;
    std::string head;
    // version_info and system_version_info, type_url, nonce.
    AppendField(1, std::to_string(state_.version), head);
    AppendField(4, kUrls[type], head);
    AppendField(5, std::to_string(wish.sent), head);
    return head;
  }

  template <class Request>
  size_t Receive(const Request& request) {
    if (request.has_error_detail()) Die("the proxy refuses: " + request.error_detail().message());
    const size_t type = TypeOf(request.type_url());
    if (type == kTypes) Die("the proxy asks for " + request.type_url());
    if (!request.response_nonce().empty()) {
      wishes_[type].answered = std::stoull(request.response_nonce());
    }
    return type;
  }

  void OnSotw(const DiscoveryRequest& request) {
    const size_t type = Receive(request);
    Wish& wish = wishes_[type];
    // It answers an older response: another request follows.
    if (wish.answered != wish.sent) return;
    std::set<std::string> names(request.resource_names().begin(), request.resource_names().end());
    if (wish.asked && names == wish.names) return;
    wish.wildcard = !wish.asked && names.empty();
    wish.asked = true;
    wish.names = std::move(names);
    if (!wish.wildcard && wish.names.empty()) return;
    Write(Response(type, {}));
  }

  void OnDelta(const DeltaDiscoveryRequest& request) {
    const size_t type = Receive(request);
    Wish& wish = wishes_[type];
    std::set<std::string> added(request.resource_names_subscribe().begin(),
                                request.resource_names_subscribe().end());
    const bool first = !std::exchange(wish.asked, true);
    if (first && added.empty()) wish.wildcard = true;
    for (const std::string& name : request.resource_names_unsubscribe()) wish.names.erase(name);
    wish.names.insert(added.begin(), added.end());
    if (first && wish.wildcard) {
      for (const auto& [name, encoded] : state_.resources[type]) added.insert(name);
    }
    if (!added.empty()) Write(Response(type, added));
  }

  State& state_;
  const bool delta_;
  std::array<Wish, kTypes> wishes_;
  uint64_t nonces_ = 0;
  grpc::ByteBuffer read_;
  std::deque<grpc::ByteBuffer> queue_;
  bool ended_ = false;
};

grpc::ServerGenericBidiReactor* Plane::State::Service::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const bool delta = context->method().find("/Delta") != std::string::npos;
  auto call = std::make_unique<Call>(state_, delta);
  Call* const begun = call.get();
  {
    const std::lock_guard lock(state_.mutex);
    state_.open.emplace(begun, std::move(call));
  }
  begun->Begin();
  return begun;
}

void Plane::State::Send(Type type, const std::set<std::string>& changed) {
  for (const auto& [call, owner] : open) call->Write(call->Response(type, changed));
}

Plane::Plane(const Shape& shape, bool filled) : state_(std::make_unique<State>()) {
  state_->shape = shape;
  state_->moved.resize(shape.clusters);
  state_->resources[kListeners].emplace("scale", MakeListener(shape, state_->NextVersion()));
  filled ? Fill() : Clear();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &state_->port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(&state_->service);
  state_->server = builder.BuildAndStart();
  if (state_->server == nullptr || state_->port == 0) Die("cannot listen");
}

Plane::~Plane() {
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [call, owner] : state_->open) call->End();
  }
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
  std::unique_lock lock(state_->mutex);
  state_->news.wait(lock, [this] { return state_->open.empty(); });
}

uint16_t Plane::port() const { return static_cast<uint16_t>(state_->port); }

void Plane::Fill() {
  const std::lock_guard lock(state_->mutex);
  const std::string version = state_->NextVersion();
  std::set<std::string> names;
  for (size_t i = 0; i < state_->shape.clusters; ++i) {
    names.insert(ClusterName(i));
    state_->resources[kClusters].insert_or_assign(ClusterName(i), MakeCluster(i, version));
    state_->resources[kEndpoints].insert_or_assign(
        ClusterName(i), MakeEndpoints(state_->shape, i, state_->moved[i], version));
  }
  state_->resources[kRoutes].insert_or_assign(kRouteTable,
                                              MakeRoutes(state_->shape, true, version));
  state_->Send(kClusters, names);
  state_->Send(kRoutes, {kRouteTable});
}

void Plane::Clear() {
  const std::lock_guard lock(state_->mutex);
  const std::string version = state_->NextVersion();
  std::set<std::string> names;
  for (size_t i = 0; i < state_->shape.clusters; ++i) names.insert(ClusterName(i));
  state_->resources[kRoutes].insert_or_assign(kRouteTable,
                                              MakeRoutes(state_->shape, false, version));
  state_->resources[kClusters].clear();
  state_->resources[kEndpoints].clear();
  state_->Send(kRoutes, {kRouteTable});
  state_->Send(kClusters, names);
}

int64_t Plane::Move(size_t cluster) {
  const std::lock_guard lock(state_->mutex);
  state_->moved[cluster] = !state_->moved[cluster];
  const std::string name = ClusterName(cluster);
  state_->resources[kEndpoints][name] =
      MakeEndpoints(state_->shape, cluster, state_->moved[cluster], state_->NextVersion());
  std::vector<std::pair<Call*, std::string>> responses;
  for (const auto& [call, owner] : state_->open) {
    responses.emplace_back(call, call->Response(kEndpoints, {name}));
  }
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [call, response] : responses) call->Write(response);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
}

bool Plane::AwaitTaken(int seconds) {
  std::unique_lock lock(state_->mutex);
  return state_->news.wait_for(lock, std::chrono::seconds(seconds), [this] {
    if (state_->open.empty()) return false;
    for (const auto& [call, owner] : state_->open) {
      if (!call->AllTaken()) return false;
    }
    return true;
  });
}

}  // namespace remora::bench
