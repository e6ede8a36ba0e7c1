#include "source/xds/stream_source.h"

#include <utility>

#include "source/base/log.h"
#include "source/config/text.h"
#include "source/xds/delta.h"
#include "source/xds/sotw.h"

namespace remora::xds {

using config::Concat;

namespace {

struct Methods {
  std::string_view service;
  std::string_view resources;  // "Stream..." and "Delta..."
};

// In the order of ResourceType. Virtual hosts have no state of the world: the loader refuses it.
constexpr Methods kMethods[kResourceTypes] = {
    {"envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters"},
    {"envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints"},
    {"envoy.service.listener.v3.ListenerDiscoveryService", "Listeners"},
    {"envoy.service.route.v3.RouteDiscoveryService", "Routes"},
    {"envoy.service.secret.v3.SecretDiscoveryService", "Secrets"},
    {"envoy.service.runtime.v3.RuntimeDiscoveryService", "Runtime"},
    {"envoy.service.extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs"},
    {"envoy.service.route.v3.VirtualHostDiscoveryService", "VirtualHosts"},
    {"envoy.service.route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes"},
};
constexpr Methods kAds = {"envoy.service.discovery.v3.AggregatedDiscoveryService",
                          "AggregatedResources"};

}  // namespace

StreamSource::StreamSource(config::ApiSource source, std::optional<ResourceType> only,
                           std::string_view prefix, const SourceServices& services)
    : source_(std::move(source)),
      only_(only),
      services_(services),
      scope_(services.stats.AddScope(Concat(prefix, "control_plane"))),
      stats_(scope_.Make<ControlPlaneStats>(services.stats.main_shard())),
      identifier_(scope_.MakeTextReadout("identifier")),
      task_(&OnTask, this),
      retry_(services.dispatcher.timers(), &OnRetry, this),
      drain_(services.dispatcher.timers(), &OnDrain, this),
      expiry_(services.dispatcher.timers(), &OnExpiry, this),
      patience_(services.dispatcher.timers(), &OnPatience, this) {
  if (source_.rate_limit.has_value()) limit_.emplace(*source_.rate_limit);
  stats_.connected_state.Set(0);
  stats_.pending_requests.Set(0);
  identifier_.Set("");
}

StreamSource::~StreamSource() { services_.stats.RemoveScope(scope_); }

TypeState& StreamSource::State(ResourceType type) {
  std::unique_ptr<TypeState>& state = states_[static_cast<size_t>(type)];
  if (state == nullptr) {
    state = std::make_unique<TypeState>(type, delta() ? Flavour::kDelta : Flavour::kSotw);
    if (services_.on_taken) state->KeepBytes();
    if (connected_) state->OnStreamOpened();
  }
  return *state;
}

bool StreamSource::wanted() const {
  for (const auto& state : states_) {
    if (state != nullptr && state->used()) return true;
  }
  return false;
}

std::string StreamSource::Trouble() const {
  if (!wanted() || connected_) return "";
  return Concat("control plane in ", config::Describe(source_), ": ",
                trouble_.empty() ? "connecting" : trouble_);
}

void StreamSource::Close() {
  closed_ = true;
  retry_.Disarm();
  drain_.Disarm();
  expiry_.Disarm();
  patience_.Disarm();
  stream_.reset();
}

std::string StreamSource::Method() const {
  const Methods& methods = only_.has_value() ? kMethods[static_cast<size_t>(*only_)] : kAds;
  return Concat("/", methods.service, delta() ? "/Delta" : "/Stream", methods.resources);
}

void StreamSource::OnTask(void* self) {
  auto* const source = static_cast<StreamSource*>(self);
  if (source->closed_) return;
  for (const auto& state : source->states_) {
    if (state != nullptr && state->HasLate()) state->TellLate();
  }
  if (source->absent_) source->GiveSnapshot();
  source->Pump();
}

void StreamSource::OnRetry(void* self) { static_cast<StreamSource*>(self)->Pump(); }
void StreamSource::OnDrain(void* self) { static_cast<StreamSource*>(self)->Pump(); }

void StreamSource::OnExpiry(void* self) {
  auto* const source = static_cast<StreamSource*>(self);
  for (const auto& state : source->states_) {
    if (state != nullptr) state->Expire(source->services_.dispatcher.now());
  }
  source->ArmExpiry();
  source->Wake();
}

void StreamSource::OnPatience(void* self) {
  auto* const source = static_cast<StreamSource*>(self);
  source->absent_ = true;
  // The next stream's first request says what is here by then, so that it can be taken away.
  if (source->delta() && source->stream_ != nullptr) {
    source->stream_.reset();
    return source->Lose("the server says nothing");
  }
  source->Wake();
}

void StreamSource::ArmExpiry() {
  event::TimePoint next = event::Timer::kNever;
  for (const auto& state : states_) {
    if (state != nullptr) next = std::min(next, state->NextExpiry());
  }
  if (next == event::Timer::kNever) {
    expiry_.Disarm();
  } else {
    expiry_.Arm(next);
  }
}

void StreamSource::Open() {
  if (!absent_ && !shelf_.empty() && !patience_.armed()) {
    patience_.Arm(services_.dispatcher.now() + kPatience);
  }
  node_sent_ = false;
  stream_ = service().google.has_value()
                ? services_.google.Open(service(), Method(), *this)
                : grpc::Stream::Open(services_.clusters, service(), Method(), *this);
}

// Sends what the states want said, in their order.
void StreamSource::Pump() {
  if (closed_) return;
  if (stream_ == nullptr && !retry_.armed() && wanted()) Open();
  if (stream_ != nullptr && stream_->writable()) {
    if (!connected_) {
      connected_ = true;
      stats_.connected_state.Set(1);
      for (const auto& state : states_) {
        if (state != nullptr) state->OnStreamOpened();
      }
    }
    for (const auto& state : states_) {
      if (state != nullptr && !PumpType(*state)) break;
    }
  }
  CountPending();
}

// False: no more can be sent now.
bool StreamSource::PumpType(TypeState& state) {
  while (state.WantsToSend() && !services_.pauses.paused(state.type())) {
    if (!stream_->writable() || !TakeToken()) return false;
    Send(state.TakeRequest());
  }
  return true;
}

bool StreamSource::TakeToken() {
  if (!limit_.has_value() || limit_->Take(1, services_.dispatcher.now())) return true;
  if (!drain_.armed()) {
    stats_.rate_limit_enforced.Inc();
    drain_.Arm(services_.dispatcher.now() + source_.rate_limit->fill_interval);
  }
  return false;
}

void StreamSource::CountPending() {
  uint64_t pending = 0;
  for (const auto& state : states_) {
    if (state != nullptr && state->WantsToSend()) ++pending;
  }
  stats_.pending_requests.Set(pending);
}

void StreamSource::Send(const Request& request) {
  const bool with_node = !node_sent_ || !source_.node_on_first_message_only;
  node_sent_ = true;
  const std::string_view node = with_node ? std::string_view(services_.node) : std::string_view();
  buffer::Buffer message(services_.clusters.worker().blocks);
  message.Append(delta() ? EncodeDelta(request, node) : EncodeSotw(request, node));
  stream_->Send(message);
}

void StreamSource::OnMessage(buffer::Buffer& message) {
  const std::string bytes = message.ToString();
  message.Clear();
  // A stream of one type need not name it.
  const std::string_view url = only_.has_value() ? TypeUrl(*only_) : std::string_view();
  absl::StatusOr<Response> response = delta() ? DecodeDelta(bytes, url) : DecodeSotw(bytes, url);
  if (!response.ok()) {
    stream_.reset();
    return Lose(std::string(response.status().message()));
  }
  back_off_.Reset();
  if (failures_ > 0) {
    REMORA_LOG(kUpstream, kInfo, "control plane in ", config::Describe(source_), " answers");
  }
  failures_ = 0;
  trouble_.clear();
  if (!response->control_plane.empty()) identifier_.Set(response->control_plane);
  Answer(*std::move(response));
}

void StreamSource::Answer(Response response) {
  const std::optional<ResourceType> type = TypeOfUrl(response.type_url);
  TypeState* const state = type.has_value() ? states_[static_cast<size_t>(*type)].get() : nullptr;
  if (state == nullptr || !state->used()) {
    REMORA_LOG(kUpstream, kWarning, "control plane in ", config::Describe(source_),
               " sends what nobody asked for: type URL '", response.type_url, "'");
    return;
  }
  absent_ = false;
  patience_.Disarm();
  heard_at_ = services_.dispatcher.wall_now();
  shelf_.Drop(*type);
  state->OnResponse(std::move(response), services_.dispatcher.now());
  // It was told what of the snapshot is held: what it says nothing of is as it is. A type of which
  // nothing was given yet has no answer in this.
  for (const auto& other : states_) {
    if (delta() && other != nullptr && other->introduced() && other->any_restored()) {
      other->Confirm();
      shelf_.Drop(other->type());
    }
  }
  NoteTaken();
  ArmExpiry();
  Wake();
}

void StreamSource::OnClosed(const grpc::Status& status, const http::HeaderMap*) {
  stream_.reset();
  Lose(status.ToString());
}

void StreamSource::Lose(const std::string& why) {
  if (std::exchange(connected_, false) && failures_ == 0) {
    heard_at_ = services_.dispatcher.wall_now();
  }
  stats_.connected_state.Set(0);
  drain_.Disarm();
  for (const auto& state : states_) {
    if (state == nullptr) continue;
    state->OnStreamClosed();
    for (Watch* watch : state->watches()) watch->OnSourceFailed();
  }
  ++failures_;
  trouble_ = Concat(service().name(), ": ", why);
  LogTrouble();
  next_service_ = (next_service_ + 1) % source_.services.size();
  if (failures_ >= source_.services.size()) absent_ = true;
  if (absent_) Wake();
  retry_.Arm(services_.dispatcher.now() + back_off_.Next(services_.random));
  CountPending();
}

// --- the snapshot ---

void StreamSource::NoteTaken() const {
  if (services_.on_taken) services_.on_taken();
}

void StreamSource::GiveSnapshot() {
  for (const auto& state : states_) {
    // What was given may want more.
    if (state != nullptr && state->used() &&
        shelf_.Give(*state, config::Describe(source_), services_.dispatcher.now())) {
      Wake();
    }
  }
}

void StreamSource::Collect(std::vector<SnapshotPart>& parts) const {
  for (size_t i = 0; i < kResourceTypes; ++i) {
    const auto type = static_cast<ResourceType>(i);
    if (type == ResourceType::kSecret) continue;
    const TypeState* const state = states_[i].get();
    SnapshotPart part = CollectPart(state, shelf_.Find(type));
    if (part.at == 0 && (state == nullptr || !state->answered())) continue;
    part.source = only_.has_value() ? config::Describe(source_) : std::string(kAdsName);
    part.type = type;
    if (part.at == 0) {
      part.at = connected_ && !absent_ ? services_.dispatcher.wall_now() : heard_at_;
    }
    parts.push_back(std::move(part));
  }
}

void StreamSource::Show(std::vector<ResourceStatus>& into) const {
  for (const auto& state : states_) {
    if (state == nullptr) continue;
    state->Show(services_.dispatcher.now(), services_.dispatcher.wall_now(), into);
  }
}

size_t StreamSource::restored() const {
  size_t count = 0;
  for (const auto& state : states_) {
    if (state != nullptr) count += state->restored();
  }
  return count;
}

void StreamSource::LogTrouble() {
  const event::TimePoint now = services_.dispatcher.now();
  if (failures_ > 1 && now - logged_at_ < kLogEvery) return;
  logged_at_ = now;
  REMORA_LOG(kUpstream, kWarning, Method(), ": no stream to the control plane in ", trouble_,
             "; it is tried again (failure ", failures_, " in a row)");
}

}  // namespace remora::xds
