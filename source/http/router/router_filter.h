#pragma once

// RouterFilter: the terminal filter (room 6): takes a request to a host and its response back.
//
//   OnRequestHead: route -> cluster -> host -> pool --stream at once or later--> request goes out
//   upstream response --statistics, headers--> context.response_sink()
//
// Owner: the chain. Thread: the stream's worker. It knows no protocol: it connects the request's
// events to a ClientCodecStream and the response's to the chain. Every failure becomes a ProxyError
// and, while the response has not begun, a local reply with Envoy's status, body and details.
// The route's timeout runs from the end of the request to the end of the response (as Envoy's).

#include <memory>
#include <optional>

#include "source/event/timer.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/router/stats.h"
#include "source/upstream/pool.h"

namespace remora::router {

// envoy.extensions.filters.http.router.v3.Router.
struct Config {
  bool suppress_envoy_headers = false;
};

class RouterState final : public http::FilterWorkerState {
 public:
  explicit RouterState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<Stats>(setup.shard)) {}
  const Stats stats;
};

class RouterFilter final : public http::Filter, public upstream::StreamUser {
 public:
  RouterFilter(const Config& config, http::FilterContext& context);
  ~RouterFilter() override;

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

  // upstream::StreamUser
  void OnStreamReady(upstream::StreamLease lease) override;
  void OnStreamFailed(const http::ProxyError& error) override;
  void OnUpstreamFull() override;
  void OnUpstreamDrained() override;
  base::Arena& arena() override { return context_.arena(); }

  // http::ResponseSink, from the codec
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

 private:
  static void OnTimeout(void* self);
  void Connect();
  void SendRequest();
  // `status`: in place of the error's own.
  void Reply(const http::ProxyError& error, std::string_view details = {}, uint16_t status = 0);
  void ReplyDirectly(const route::Route& route);
  void ArmTimeout();
  void FinishUpstream();
  void CountHostResult(uint16_t status);
  const Stats& stats() const { return context_.worker_state<RouterState>().stats; }

  const Config& config_;
  http::FilterContext& context_;
  http::RequestHead* request_ = nullptr;
  upstream::ClusterRuntime* cluster_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  bool waiting_ = false;  // in the pool's queue
  bool request_ended_ = false;
  bool response_started_ = false;
  bool done_ = false;  // nothing more to do with the upstream
  http::HeaderMap* trailers_ = nullptr;
  upstream::StreamLease lease_;
  buffer::Buffer pending_;  // body that came before the stream
  event::Timer timeout_;
  event::TimePoint request_end_ = 0;
};

}  // namespace remora::router
