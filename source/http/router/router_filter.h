#pragma once

// RouterFilter: the terminal filter (room 6): takes a request to a host and its response back.
//
//   OnRequestHead: route -> cluster -> host -> Attempt --OnTryReady--> the request goes out
//   OnTryHead --RetryState: enough?--> statistics, headers --> context.response_sink()
//             \--again------------> delay --> another host, another Attempt
//
// Owner: the chain. Thread: the stream's worker. It knows no protocol: it connects the request's
// events to a ClientCodecStream and the response's to the chain. Every failure becomes a ProxyError
// and, while the response has not begun, a local reply with Envoy's status, body and details.
//
// The route's timeout runs from the end of the request to the end of the response (as Envoy's), all
// tries together. Body is kept, by sharing its blocks, only while it may be needed again: for a
// retry, or for a new connection in the place of a stale one (docs/adr/0020).

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "source/event/timer.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/route_extras.h"
#include "source/http/router/attempt.h"
#include "source/http/router/cluster_cache.h"
#include "source/http/router/request_stats.h"
#include "source/http/router/retry_state.h"
#include "source/http/router/shadow.h"
#include "source/http/router/stats.h"
#include "source/http/router/upstream_headers.h"

namespace remora::router {

class RouterState final : public http::FilterWorkerState {
 public:
  RouterState(const Config& config, const http::WorkerSetup& setup)
      : stats(setup.scope.Make<Stats>(setup.shard)),
        request_stats(setup.scope.root(), setup.shard) {
    if (!config.upstream_log.empty()) {
      loggers = access_log::WorkerLoggers(config.upstream_log, *setup.log_files);
    }
  }
  const Stats stats;
  RequestStatsTable request_stats;
  access_log::WorkerLoggers loggers;  // of tries
  Shadows shadows;
  ClusterCache clusters;
};

class RouterFilter final : public http::Filter {
 public:
  RouterFilter(const Config& config, http::FilterContext& context);
  ~RouterFilter() override;

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

  // From the present Attempt.
  void OnTryWaits();
  void OnTryReady();
  void OnTryInterim(http::ResponseHead& head);
  void OnTryHead(http::ResponseHead& head);
  void OnTryData(buffer::Buffer& data) { context_.response_sink().OnData(data); }
  void OnTryEnd(http::HeaderMap* trailers);
  // `began`: the request may have reached the upstream.
  void OnTryFailed(const http::ProxyError& error, bool began);
  void OnTryTimeout(http::ErrorKind kind);
  // Null: tries are not logged.
  const access_log::WorkerLoggers* try_loggers() const {
    return config_.upstream_log.empty() ? nullptr : &context_.worker_state<RouterState>().loggers;
  }
  const Config& config() const { return config_; }
  // Everything that the request has sent so far is still there.
  bool CanSendAgain() const { return !has_body() || keeping_; }

 private:
  static void OnTimeout(void* self);
  static void OnDelayOver(void* self);
  bool has_body() const { return request_->framing != http::Framing::kNone; }
  base::Arena& arena() { return context_.arena(); }
  const Stats& stats() const { return context_.worker_state<RouterState>().stats; }

  // What only some requests need: their own timeouts, retries, mirrors. False after a reply.
  // An operator keeps this share of requests from the cluster.
  bool InMaintenance() const;
  bool Prepare(http::RequestHead& head);
  // Statistics and hash policy of the route.
  void ReadExtras(const route::RouteExtras& extras, http::RequestHead& head);
  void StartMirrors(http::RequestHead& head);
  void TryAgain();
  // The choice of a connection depends on the downstream one.
  bool WantsConnection() const;
  // The host that a filter wants for this try; null: none.
  const http::OverrideHost* NamedHost() const;
  // What a choice of a host goes by, but for other tries.
  upstream::HostWish HostFor(const http::RequestHead& head);
  void BeginTry(upstream::Pool* pool);
  void SendBody(buffer::Buffer& data);
  void EndRequestUpstream();
  // The body may be needed again.
  bool WantsBody() const { return retry_ != nullptr || attempt_.MayBeReplaced(); }
  void GiveUpKeeping();
  // What comes of a try's end; true when there will be another.
  bool ActOn(RetryState::Answer answer);

  void NoteFailure(const http::ProxyError& error);
  // `status`: in place of the error's own.
  void Reply(const http::ProxyError& error, uint16_t status = 0);
  void ReplyDirectly();
  void ReplyRefusedField(const http::HeaderEntry& field);
  void ResetResponse(const http::ProxyError& error);
  void ArmTimeout();
  void CountTryTimeout(http::ErrorKind kind);
  void FinishUpstream();
  void ResumeSource();
  void OnTunnelAnswer(const http::ResponseHead& head);
  void CountResponse(uint16_t status);
  void CountHostResult(uint16_t status);

  const Config& config_;
  http::FilterContext& context_;
  http::RequestHead* request_ = nullptr;
  upstream::ClusterRuntime* cluster_ = nullptr;
  const route::FailurePolicy* policy_ = nullptr;  // null: a plain route
  bool request_ended_ = false;
  bool response_started_ = false;
  bool keeping_ = false;        // body_ holds all of the body so far
  bool source_paused_ = false;  // by us, while there is nowhere to put what it sends
  bool tunnel_asked_ = false;   // and not answered: what the client sends waits, it may be declined
  bool done_ = false;           // nothing more to do with the upstream
  http::HeaderMap* trailers_ = nullptr;
  // Of the last try, where hosts come and go; outlives the try.
  std::shared_ptr<const upstream::Host> host_;
  Attempt attempt_;
  buffer::Buffer body_;  // not sent yet, and while keeping_ what was sent too
  uint64_t body_limit_ = 0;
  Timeouts timeouts_;
  event::Timer timeout_;
  event::TimePoint request_end_ = 0;
  std::string_view alt_stat_name_;
  CountedIn counted_in_;
  std::optional<uint64_t> hash_;
  const net::Address* destination_ = nullptr;  // in the arena; null: the cluster's choice
  std::vector<std::string_view> cookies_;      // for the response, in the arena
  base::ArenaPtr<RetryState> retry_;
  base::ArenaPtr<Mirrors> mirrors_;
};

}  // namespace remora::router
