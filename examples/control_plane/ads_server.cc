#include "examples/control_plane/ads_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "examples/control_plane/ads_stream.h"
#include "source/base/log.h"
#include "source/config/text.h"

namespace remora::control_plane {
namespace {

constexpr char kService[] = "/envoy.service.discovery.v3.AggregatedDiscoveryService/";

std::optional<Flavour> FlavourOf(const std::string& method) {
  if (method == config::Concat(kService, "StreamAggregatedResources")) {
    return Flavour::kStateOfTheWorld;
  }
  if (method == config::Concat(kService, "DeltaAggregatedResources")) return Flavour::kDelta;
  return std::nullopt;
}

std::optional<std::string> TextOf(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return std::nullopt;
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

}  // namespace

struct AdsServer::State {
  class Call;
  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(State& state) : state_(state) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;

   private:
    State& state_;
  };

  Service service{*this};
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  mutable std::mutex mutex;  // the rest, and every call
  std::condition_variable ended;
  std::map<Call*, std::unique_ptr<Call>> open;
  std::shared_ptr<const Snapshot> snapshot;
};

// One stream. The library calls it from its threads, one at a time for each direction; it lives
// until OnDone. Its Start* and Finish only queue work, so they may be called with the mutex held.
class AdsServer::State::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(State& state, Flavour flavour) : state_(state), stream_(flavour) {}

  void Begin() { StartRead(&read_); }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    if (!ok) return End(grpc::Status::OK);
    const std::optional<std::string> text = TextOf(read_);
    if (!text.has_value()) {
      return End({grpc::StatusCode::INVALID_ARGUMENT, "a message that cannot be read"});
    }
    const absl::Status status = stream_.Receive(*text);
    for (const std::string& warning : stream_.TakeWarnings()) {
      REMORA_LOG(kConfig, kWarning, warning);
    }
    if (!status.ok()) {
      return End({grpc::StatusCode::INVALID_ARGUMENT, std::string(status.message())});
    }
    Push();
    if (!ended_) StartRead(&read_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(state_.mutex);
    writing_ = false;
    if (!ok) return End(grpc::Status::OK);
    Push();
  }

  void OnCancel() override {
    const std::lock_guard lock(state_.mutex);
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override {
    State& state = state_;
    const std::lock_guard lock(state.mutex);
    state.open.erase(this);
    state.ended.notify_all();
  }

  // These with the mutex held.
  void Push() {
    if (writing_ || ended_) return;
    const std::optional<std::string> response = stream_.Next(*state_.snapshot);
    if (!response.has_value()) return;
    const grpc::Slice slice(*response);
    write_ = grpc::ByteBuffer(&slice, 1);
    writing_ = true;
    StartWrite(&write_);
  }
  void End(const grpc::Status& status) {
    if (std::exchange(ended_, true)) return;
    Finish(status);
  }
  v1::Sidecar Describe() const { return stream_.Describe(*state_.snapshot); }

 private:
  State& state_;
  AdsStream stream_;
  grpc::ByteBuffer read_;
  grpc::ByteBuffer write_;
  bool writing_ = false;
  bool ended_ = false;
};

grpc::ServerGenericBidiReactor* AdsServer::State::Service::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const std::optional<Flavour> flavour = FlavourOf(context->method());
  if (!flavour.has_value()) {
    REMORA_LOG(kConfig, kWarning, context->peer(), " calls ", context->method(),
               ", which is not served: sidecars use ads_config");
    return grpc::CallbackGenericService::CreateReactor(context);  // UNIMPLEMENTED
  }
  auto call = std::make_unique<Call>(state_, *flavour);
  Call* const begun = call.get();
  {
    const std::lock_guard lock(state_.mutex);
    state_.open.emplace(begun, std::move(call));
  }
  begun->Begin();
  return begun;
}

absl::StatusOr<std::unique_ptr<AdsServer>> AdsServer::Start(
    const std::string& address, std::shared_ptr<const Snapshot> snapshot) {
  auto state = std::make_unique<State>();
  state->snapshot = std::move(snapshot);
  grpc::ServerBuilder builder;
  // Two of these on one port would share the sidecars between them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &state->port);
  builder.RegisterCallbackGenericService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return absl::UnavailableError(config::Concat("cannot listen on ", address));
  }
  return std::unique_ptr<AdsServer>(new AdsServer(std::move(state)));
}

AdsServer::AdsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

AdsServer::~AdsServer() {
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [call, owner] : state_->open) {
      call->End({grpc::StatusCode::UNAVAILABLE, "the control plane ends"});
    }
  }
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
  std::unique_lock lock(state_->mutex);
  state_->ended.wait(lock, [this] { return state_->open.empty(); });
}

uint16_t AdsServer::port() const { return static_cast<uint16_t>(state_->port); }

void AdsServer::Publish(std::shared_ptr<const Snapshot> snapshot) {
  const std::lock_guard lock(state_->mutex);
  state_->snapshot = std::move(snapshot);
  for (const auto& [call, owner] : state_->open) call->Push();
}

v1::Sidecars AdsServer::Describe() const {
  const std::lock_guard lock(state_->mutex);
  v1::Sidecars sidecars;
  for (const auto& [call, owner] : state_->open) *sidecars.add_sidecars() = call->Describe();
  return sidecars;
}

}  // namespace remora::control_plane
