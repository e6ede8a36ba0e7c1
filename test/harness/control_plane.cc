#include "test/harness/control_plane.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"

namespace remora::harness {
namespace {

namespace discovery = envoy::service::discovery::v3;

constexpr std::chrono::seconds kPatience{30};
constexpr size_t kTooLong = 8 * 1024 * 1024;

std::string TextOf(const ::grpc::ByteBuffer& bytes) {
  std::vector<::grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) throw std::runtime_error("a message that cannot be read");
  std::string text;
  for (const ::grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

::grpc::ByteBuffer BytesOf(const std::string& text) {
  const ::grpc::Slice slice(text);
  return ::grpc::ByteBuffer(&slice, 1);
}

std::string Join(const auto& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

std::string LastWord(const std::string& url) { return url.substr(url.rfind('.') + 1); }

// The type of a method's service: "" for ADS.
std::string TypeOfMethod(const std::string& method) {
  const std::pair<const char*, const char*> words[] = {
      {"Clusters", "envoy.config.cluster.v3.Cluster"},
      {"Endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment"},
      {"Listeners", "envoy.config.listener.v3.Listener"},
      {"Routes", "envoy.config.route.v3.RouteConfiguration"},
      {"Secrets", "envoy.extensions.transport_sockets.tls.v3.Secret"},
  };
  for (const auto& [word, type] : words) {
    if (method.ends_with(word)) return std::string("type.googleapis.com/") + type;
  }
  return "";
}

struct Item {
  std::string bytes;
  std::string version;
};

// What one stream wants and has of one type.
struct Interest {
  std::set<std::string> names;
  bool wildcard = false;
  bool named = false;                      // names were sent: from then on none means none
  std::string nonce;                       // of the last response
  std::string sent;                        // SotW: its version
  std::map<std::string, std::string> has;  // delta: name to version; "": told that there is none
};

}  // namespace

struct ControlPlane::State {
  class Call;
  class Service final : public ::grpc::CallbackGenericService {
   public:
    explicit Service(State& state) : state_(state) {}
    ::grpc::ServerGenericBidiReactor* CreateReactor(
        ::grpc::GenericCallbackServerContext* context) override;

   private:
    State& state_;
  };

  template <class Condition>
  void Await(const std::string& what, const Condition& condition) {
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, kPatience, condition)) return;
    std::string all;
    for (const std::string& line : lines) all += "\n  " + line;
    throw std::runtime_error("the control plane waits in vain for " + what +
                             "; it has seen:" + all);
  }
  void PushAll();
  bool Chance(int percent) {
    return percent > 0 && std::uniform_int_distribution<int>(0, 99)(random) < percent;
  }

  Service service{*this};
  std::unique_ptr<::grpc::Server> server;
  int port = 0;
  std::recursive_mutex mutex;  // the rest
  std::condition_variable_any changed;
  std::map<Call*, std::unique_ptr<Call>> open;
  std::map<std::string, std::map<std::string, Item>> items;  // by type
  std::map<std::string, uint64_t> versions;                  // by type
  uint64_t nonces = 0;
  bool silent = false;
  bool batching = false;
  Faults faults;
  std::mt19937_64 random;
  std::vector<std::string> lines;
  std::string node_id;
  size_t nodes = 0;
  std::vector<std::string> metadata;
};

class ControlPlane::State::Call final : public ::grpc::ServerGenericBidiReactor {
 public:
  Call(State& state, const std::string& method)
      : state_(state),
        delta_(method.find("/Delta") != std::string::npos),
        only_(TypeOfMethod(method)) {}

  void Begin() { StartRead(&read_); }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    if (!ok) return End(::grpc::Status::OK);
    delta_ ? TakeDelta(TextOf(read_)) : TakeSotw(TextOf(read_));
    state_.changed.notify_all();
    Push();
    StartRead(&read_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    writing_ = false;
    if (!ok) return End(::grpc::Status::OK);
    WriteNext();
  }

  void OnCancel() override {
    const std::lock_guard lock(state_.mutex);
    End(::grpc::Status::CANCELLED);
  }

  void OnDone() override {
    State& state = state_;
    const std::lock_guard lock(state.mutex);
    state.changed.notify_all();
    state.open.erase(this);
  }

  // All with the mutex held.
  void Break() { End({::grpc::StatusCode::UNAVAILABLE, "broken on purpose"}); }

  // Sends what the stream wants and does not have.
  void Push() {
    if (state_.silent || ended_) return;
    for (auto& [type, interest] : interests_) {
      if (ended_) return;
      delta_ ? PushDelta(type, interest) : PushSotw(type, interest);
    }
  }

 private:
  void End(const ::grpc::Status& status) {
    if (std::exchange(ended_, true)) return;
    Finish(status);
  }

  std::string TypeOf(const std::string& url) const { return only_.empty() ? url : only_; }

  void NoteNode(const envoy::config::core::v3::Node& node) {
    state_.node_id = node.id();
    ++state_.nodes;
  }

  void TakeSotw(const std::string& bytes) {
    discovery::DiscoveryRequest request;
    if (!request.ParseFromString(bytes)) return Break();
    if (request.has_node()) NoteNode(request.node());
    const std::string type = TypeOf(request.type_url());
    std::string line = request.has_error_detail()         ? "NACK "
                       : request.response_nonce().empty() ? "ask "
                                                          : "ACK ";
    line += LastWord(type) + " " + request.version_info() + " " + Join(request.resource_names());
    if (request.has_error_detail()) line += " " + request.error_detail().message();
    state_.lines.push_back(line);
    Interest& interest = interests_[type];
    if (!interest.nonce.empty() && request.response_nonce() != interest.nonce) return;  // stale
    const std::set<std::string> names(request.resource_names().begin(),
                                      request.resource_names().end());
    interest.named = interest.named || !names.empty();
    interest.wildcard = !interest.named || names.contains("*");
    if (names != interest.names) interest.sent.clear();
    interest.names = names;
  }

  void TakeDelta(const std::string& bytes) {
    discovery::DeltaDiscoveryRequest request;
    if (!request.ParseFromString(bytes)) return Break();
    if (request.has_node()) NoteNode(request.node());
    const std::string type = TypeOf(request.type_url());
    std::string line = request.has_error_detail()         ? "NACK "
                       : request.response_nonce().empty() ? "ask "
                                                          : "ACK ";
    line += LastWord(type) + " " + request.response_nonce() + " " +
            Join(request.resource_names_subscribe());
    if (!request.resource_names_unsubscribe().empty()) {
      line += " -" + Join(request.resource_names_unsubscribe());
    }
    const std::map<std::string, std::string> held(request.initial_resource_versions().begin(),
                                                  request.initial_resource_versions().end());
    for (const auto& [name, version] : held) line += " held " + name + ":" + version;
    if (request.has_error_detail()) line += " " + request.error_detail().message();
    state_.lines.push_back(line);
    const bool is_new = !interests_.contains(type);
    Interest& interest = interests_[type];
    if (is_new) {
      interest.has = held;
      interest.wildcard = request.resource_names_subscribe().empty();
    }
    for (const std::string& name : request.resource_names_subscribe()) {
      if (name == "*") interest.wildcard = true;
      interest.names.insert(name);
      if (!is_new) interest.has.erase(name);
    }
    for (const std::string& name : request.resource_names_unsubscribe()) {
      if (name == "*") interest.wildcard = false;
      interest.names.erase(name);
      interest.has.erase(name);
    }
  }

  void PushSotw(const std::string& type, Interest& interest) {
    const std::string version = std::to_string(state_.versions[type]);
    const bool wants = interest.wildcard || !interest.names.empty();
    if (!wants || interest.sent == version) return;
    // A server that has nothing of a named type says nothing.
    discovery::DiscoveryResponse response;
    response.set_version_info(version);
    response.set_type_url(type);
    response.mutable_control_plane()->set_identifier("test-plane");
    for (const auto& [name, item] : state_.items[type]) {
      if (!interest.wildcard && !interest.names.contains(name)) continue;
      auto* resource = response.add_resources();
      resource->set_type_url(type);
      resource->set_value(item.bytes);
    }
    if (!interest.wildcard && response.resources().empty()) return;
    interest.sent = version;
    Respond(response, interest);
  }

  void PushDelta(const std::string& type, Interest& interest) {
    discovery::DeltaDiscoveryResponse response;
    response.set_system_version_info(std::to_string(state_.versions[type]));
    response.set_type_url(type);
    const auto& items = state_.items[type];
    for (const auto& [name, item] : items) {
      if (!interest.wildcard && !interest.names.contains(name)) continue;
      const auto has = interest.has.find(name);
      if (has != interest.has.end() && has->second == item.version) continue;
      interest.has[name] = item.version;
      auto* resource = response.add_resources();
      resource->set_name(name);
      resource->set_version(item.version);
      resource->mutable_resource()->set_type_url(type);
      resource->mutable_resource()->set_value(item.bytes);
    }
    for (auto& [name, version] : interest.has) {
      if (items.contains(name) || version.empty()) continue;
      version.clear();
      response.add_removed_resources(name);
    }
    for (const std::string& name : interest.names) {
      if (name == "*" || items.contains(name) || interest.has.contains(name)) continue;
      interest.has[name] = "";
      response.add_removed_resources(name);
    }
    const bool first = interest.nonce.empty() && interest.wildcard;
    if (response.resources().empty() && response.removed_resources().empty() && !first) return;
    Respond(response, interest);
  }

  template <class Message>
  void Respond(Message& response, Interest& interest) {
    const Faults& faults = state_.faults;
    if (state_.Chance(faults.break_stream)) return Break();
    const std::string before = interest.nonce;
    interest.nonce = std::to_string(++state_.nonces);
    response.set_nonce(interest.nonce);
    Write(response.SerializeAsString());
    if (state_.Chance(faults.twice)) Write(response.SerializeAsString());
    if (!before.empty() && state_.Chance(faults.stale_nonce)) {
      response.set_nonce(before);
      Write(response.SerializeAsString());
      // What the client says now is about the nonce it has seen last.
      interest.nonce = before;
    }
    if (state_.Chance(faults.unknown_type)) {
      response.set_type_url("type.googleapis.com/nobody.asked.for.This");
      Write(response.SerializeAsString());
    }
    if (state_.Chance(faults.garbage)) Write("\xff\xfe this is no message");
    if (state_.Chance(faults.too_long)) Write(std::string(kTooLong, 'x'));
  }

  void Write(const std::string& bytes) {
    queue_.push_back(bytes);
    WriteNext();
  }
  void WriteNext() {
    if (writing_ || ended_ || queue_.empty()) return;
    writing_ = true;
    write_ = BytesOf(queue_.front());
    queue_.pop_front();
    StartWrite(&write_);
  }

  State& state_;
  const bool delta_;
  const std::string only_;
  ::grpc::ByteBuffer read_;
  ::grpc::ByteBuffer write_;
  std::map<std::string, Interest> interests_;
  std::deque<std::string> queue_;
  bool writing_ = false;
  bool ended_ = false;
};

::grpc::ServerGenericBidiReactor* ControlPlane::State::Service::CreateReactor(
    ::grpc::GenericCallbackServerContext* context) {
  auto call = std::make_unique<Call>(state_, context->method());
  Call* const begun = call.get();
  {
    const std::lock_guard lock(state_.mutex);
    state_.lines.push_back("stream " + context->method());
    state_.metadata.clear();
    for (const auto& [name, value] : context->client_metadata()) {
      state_.metadata.push_back(std::string(name.data(), name.size()) + "=" +
                                std::string(value.data(), value.size()));
    }
    state_.open.emplace(begun, std::move(call));
    state_.changed.notify_all();
  }
  begun->Begin();
  return begun;
}

void ControlPlane::State::PushAll() {
  if (batching) return;
  for (const auto& [call, owner] : open) call->Push();
}

ControlPlane::ControlPlane(uint16_t port) : state_(std::make_unique<State>()) {
  ::grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), ::grpc::InsecureServerCredentials(),
                           &state_->port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(&state_->service);
  state_->server = builder.BuildAndStart();
  if (state_->server == nullptr) throw std::runtime_error("the control plane does not start");
}

ControlPlane::~ControlPlane() { Stop(); }

void ControlPlane::Stop() {
  if (state_->server == nullptr) return;
  BreakStreams();
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
  state_->Await("its streams to end", [this] { return state_->open.empty(); });
  state_->server.reset();
}

net::Address ControlPlane::address() const {
  return *net::Address::Ip("127.0.0.1", static_cast<uint16_t>(state_->port));
}

void ControlPlane::Put(const std::string& type_url, const std::string& name,
                       const std::string& bytes) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->batching) ++state_->versions[type_url];
  state_->items[type_url][name] = {bytes, std::to_string(state_->versions[type_url])};
  state_->PushAll();
}

void ControlPlane::Remove(const std::string& type_url, const std::string& name) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->batching) ++state_->versions[type_url];
  state_->items[type_url].erase(name);
  state_->PushAll();
}

void ControlPlane::Change(const std::function<void()>& changes) {
  const std::lock_guard lock(state_->mutex);
  for (auto& [type, version] : state_->versions) ++version;
  state_->batching = true;
  changes();
  state_->batching = false;
  state_->PushAll();
}

void ControlPlane::BeSilent() {
  const std::lock_guard lock(state_->mutex);
  state_->silent = true;
}

void ControlPlane::Speak() {
  const std::lock_guard lock(state_->mutex);
  state_->silent = false;
  state_->PushAll();
}

void ControlPlane::SetFaults(const Faults& faults, uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  state_->faults = faults;
  state_->random.seed(seed);
}

void ControlPlane::BreakStreams() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [call, owner] : state_->open) call->Break();
}

std::vector<std::string> ControlPlane::lines() const {
  const std::lock_guard lock(state_->mutex);
  return state_->lines;
}

size_t ControlPlane::AwaitLine(std::string_view beginning, size_t after) const {
  size_t found = 0;
  state_->Await("a line that begins with '" + std::string(beginning) + "'", [&] {
    for (found = after; found < state_->lines.size(); ++found) {
      if (state_->lines[found].starts_with(beginning)) return true;
    }
    return false;
  });
  return found;
}

std::string ControlPlane::node_id() const {
  const std::lock_guard lock(state_->mutex);
  return state_->node_id;
}

size_t ControlPlane::nodes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->nodes;
}

std::vector<std::string> ControlPlane::metadata() const {
  const std::lock_guard lock(state_->mutex);
  return state_->metadata;
}

}  // namespace remora::harness
