#pragma once

// RestSource: a control plane that is asked for one type again and again, by HTTP requests with a
// JSON body: `POST /v3/discovery:clusters`.
//
//   refresh_delay (and up to half of it more) --> DiscoveryRequest --> 200 with DiscoveryResponse
//        ^                                                             304: nothing has changed
//        '------------------------------------------------------------ anything else: a failure
//
// The next request says what became of the last response. Names that are new are asked for at once.
//
// Owner: SourceSet. Thread: main. A request that fails is logged at the first time and then every
// kLogEvery, counted for every subscription, and tried again after the same delay.
// Source: Envoy source/extensions/config_subscription/rest.

#include <string>

#include "source/config/proto_reader.h"
#include "source/upstream/async_request.h"
#include "source/xds/stream_source.h"

namespace remora::xds {

class RestSource final : public Source, private upstream::AsyncUser {
 public:
  static constexpr event::Duration kLogEvery = 60 * event::kSecond;
  // Longer answers are failures.
  static constexpr uint64_t kMaxBody = 128 * 1024 * 1024;

  RestSource(config::ApiSource source, ResourceType type, config::UnknownFieldPolicy unknown_fields,
             const SourceServices& services);
  ~RestSource() override { Close(); }

  // The path of requests for that type; empty: there is none.
  static std::string_view PathOf(ResourceType type);

  // Source
  TypeState& State(ResourceType type) override;
  void Wake() override { services_.dispatcher.AtTurnEnd(task_); }
  std::string Trouble() const override { return state_.used() ? trouble_ : ""; }
  void Restore(SnapshotPart&& part) override { shelf_.Put(std::move(part)); }
  void Collect(std::vector<SnapshotPart>& parts) const override;
  size_t restored() const override { return state_.restored(); }
  void Show(std::vector<ResourceStatus>& into) const override {
    state_.Show(services_.dispatcher.now(), services_.dispatcher.wall_now(), into);
  }
  void Close() override;

  const config::ApiSource& source() const { return source_; }
  ResourceType type() const { return state_.type(); }

 private:
  static void OnTask(void* self);
  static void OnTimer(void* self) { static_cast<RestSource*>(self)->Ask(); }
  static void OnExpiry(void* self);
  // upstream::AsyncUser
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  void Ask();
  void Take();
  void Fail(const std::string& why);
  void Settle();

  const config::ApiSource source_;
  const config::UnknownFieldPolicy unknown_fields_;
  SourceServices services_;
  TypeState state_;
  event::TurnTask task_;
  event::Timer next_;
  event::Timer expiry_;
  std::unique_ptr<upstream::AsyncRequest, upstream::CloseLater> request_;  // null: none is open
  uint16_t status_ = 0;
  std::string body_;
  bool closed_ = false;
  int64_t heard_at_ = 0;    // ns since the epoch
  SnapshotShelf shelf_;     // given when a request has failed
  bool asks_anew_ = false;  // names have changed since the last answer
  std::string trouble_;
  event::TimePoint logged_at_ = 0;
};

}  // namespace remora::xds
