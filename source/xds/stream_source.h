#pragma once

// StreamSource: a control plane over one gRPC stream: of all types (ADS), or of one.
//
//   states --requests, in the order of ResourceType--> sotw | delta --> grpc::Stream --> server
//   states <--responses----------------------------------- decode <------'
//        lost --back-off--> the next service --> the first requests again
//
// The stream is opened when somebody wants something. A server that cannot be reached is logged at
// once and then every kLogEvery, counted for every subscription and tried again for ever.
// While no server has answered, what a snapshot has of it is given to the users: when all services
// have failed once, or after kPatience.
//
// Owner: SourceSet. Thread: main. Statistics: `control_plane.` below the scope given.
// Source: Envoy source/extensions/config_subscription/grpc/{grpc_stream.h,grpc_mux_impl.cc}.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/config/config_source.h"
#include "source/event/back_off.h"
#include "source/event/dispatcher.h"
#include "source/event/token_bucket.h"
#include "source/grpc/google_client.h"
#include "source/grpc/stream.h"
#include "source/stats/store.h"
#include "source/xds/snapshot_shelf.h"
#include "source/xds/source.h"

namespace remora::xds {

// Types whose requests wait.
class Pauses {
 public:
  void Begin(ResourceType type) { ++counts_[static_cast<size_t>(type)]; }
  void End(ResourceType type) { --counts_[static_cast<size_t>(type)]; }
  bool paused(ResourceType type) const { return counts_[static_cast<size_t>(type)] > 0; }

 private:
  std::array<int, kResourceTypes> counts_ = {};
};

// What sources are made with; outlives them.
struct SourceServices {
  event::Dispatcher& dispatcher;
  upstream::ClusterSet& clusters;  // main's
  grpc::GoogleClient& google;
  stats::Store& stats;
  base::Random& random;
  const std::string& node;  // a serialized envoy.config.core.v3.Node
  const Pauses& pauses;
  // Something was taken; not set: no snapshot is kept.
  const std::function<void()>& on_taken;
};

// `control_plane.`
struct ControlPlaneStats {
  stats::NamedGauge<"connected_state"> connected_state;    // 1: there is a stream.
  stats::NamedGauge<"pending_requests"> pending_requests;  // That wait for the limit or the server.
  stats::NamedCounter<"rate_limit_enforced"> rate_limit_enforced;  // Times that one had to wait.
};

class StreamSource final : public Source, private grpc::StreamUser {
 public:
  static constexpr event::Duration kLogEvery = 60 * event::kSecond;
  // Envoy's, for control planes (subscription_factory.h).
  static constexpr event::Duration kFirstBackOff = 500 * event::kMillisecond;
  static constexpr event::Duration kLastBackOff = 30 * event::kSecond;
  // A server that is reached and does not answer: an ordinary first answer takes milliseconds.
  static constexpr event::Duration kPatience = 3 * event::kSecond;

  // `only`: the one type of the stream; none: all (ADS). `prefix`: of the statistics, with a dot at
  // its end, or empty.
  StreamSource(config::ApiSource source, std::optional<ResourceType> only, std::string_view prefix,
               const SourceServices& services);
  ~StreamSource() override;

  // Source
  TypeState& State(ResourceType type) override;
  void Wake() override { services_.dispatcher.AtTurnEnd(task_); }
  std::string Trouble() const override;
  void Restore(SnapshotPart&& part) override { shelf_.Put(std::move(part)); }
  void Collect(std::vector<SnapshotPart>& parts) const override;
  size_t restored() const override;
  void Show(std::vector<ResourceStatus>& into) const override;
  void Close() override;

  const config::ApiSource& source() const { return source_; }
  std::optional<ResourceType> only() const { return only_; }

 private:
  static void OnTask(void* self);
  static void OnRetry(void* self);
  static void OnDrain(void* self);
  static void OnExpiry(void* self);
  static void OnPatience(void* self);
  // grpc::StreamUser
  void OnMessage(buffer::Buffer& message) override;
  void OnWritable() override { Pump(); }
  void OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) override;

  bool delta() const { return source_.kind == config::ApiSource::Kind::kDeltaGrpc; }
  const grpc::Service& service() const { return source_.services[next_service_]; }
  std::string Method() const;
  // Somebody wants something of it.
  bool wanted() const;
  void Open();
  void Pump();
  bool PumpType(TypeState& state);
  void Send(const Request& request);
  bool TakeToken();
  void Answer(Response response);
  // While no server answers.
  void GiveSnapshot();
  void NoteTaken() const;
  void Lose(const std::string& why);
  void LogTrouble();
  void ArmExpiry();
  void CountPending();

  const config::ApiSource source_;
  const std::optional<ResourceType> only_;
  SourceServices services_;
  stats::Scope& scope_;
  ControlPlaneStats stats_;
  stats::TextReadout identifier_;
  std::array<std::unique_ptr<TypeState>, kResourceTypes> states_;
  std::optional<event::TokenBucket> limit_;
  event::TurnTask task_;
  event::Timer retry_;
  event::Timer drain_;   // a token comes
  event::Timer expiry_;  // a resource's time is over
  event::Timer patience_;
  event::BackOff back_off_{kFirstBackOff, kLastBackOff};
  size_t next_service_ = 0;
  grpc::StreamPtr stream_;
  bool connected_ = false;
  bool node_sent_ = false;
  bool closed_ = false;
  bool absent_ = false;   // no server answers
  int64_t heard_at_ = 0;  // when one was last there; ns since the epoch
  SnapshotShelf shelf_;
  std::string trouble_;  // why there is no stream; empty: there is one, or none was tried
  event::TimePoint logged_at_ = 0;
  uint64_t failures_ = 0;  // since the last answer
};

}  // namespace remora::xds
