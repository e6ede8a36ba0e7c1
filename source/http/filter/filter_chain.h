#pragma once

// FilterChain: the filters of one stream, between its codec and its upstream (room 5).
//
//   codec --request--> [filter 0] -> [filter 1] -> ... -> [terminal: router]
//   codec <-response-- [filter 0] <- [filter 1] <- ... <---response_sink()
//
// Owner: the server stream; everything in it lives in the stream's arena. Thread: its worker.
// It is the sink of the request and the place a response enters. Local replies, resumes and
// reroutes that hooks ask for are carried out when the outermost event has been handled, or at the
// end of the turn when asked for from outside.
//
//   kOpen --hook or owner asks--> kInterrupted --reply--> kReplying --end, reset--> kClosed
//                                      \--reset, or a reply after the head has gone--> kClosed
//
// Invariants: after a local reply or a reset no request event reaches a filter and the terminal
// filter's response is dropped; the downstream gets exactly one end or one reset; OnComplete is
// called exactly once for each filter.

#include <memory>
#include <optional>
#include <vector>

#include "source/http/filter/direction.h"
#include "source/http/filter/filter_context.h"
#include "source/http/filter/local_reply_rules.h"
#include "source/http/filter/route_source.h"

namespace remora::http {

// The filters of one connection manager on one worker.
struct WorkerFilters {
  const std::vector<FilterFactory>* factories = nullptr;          // owned by the configuration
  std::vector<std::unique_ptr<FilterWorkerState>> worker_states;  // one each; may be null
};

// What `overrides` (null: nothing) say of a filter; null: nothing.
const route::FilterOverride* FindOverride(const route::FilterOverrides* overrides,
                                          const FilterFactory& factory);
// Whether it does not run where that counts.
bool IsDisabled(const FilterFactory& factory, const route::FilterOverride* override);

class FilterChain final : public RequestSink {
 public:
  struct Environment {
    event::Dispatcher& dispatcher;
    base::Arena& arena;
    buffer::BlockPool& blocks;
    base::Random& random;
    upstream::ClusterSet& clusters;
    StreamInfo& stream_info;
    MessageSource& request_source;
    ResponseSink& downstream;  // behind the last response filter
    const route::RouteTable* routes;
    uint64_t buffer_limit;
    const LocalReplyRules* local_replies = nullptr;  // null: none
    ConnectionStates& connection_states;
    RouteSource* route_source = nullptr;  // null: the table is what it is
  };

  FilterChain(const Environment& environment, const WorkerFilters& filters,
              const RequestHead* request);
  ~FilterChain();
  FilterChain(const FilterChain&) = delete;
  FilterChain& operator=(const FilterChain&) = delete;

  // The request, from the codec.
  void OnHead(RequestHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(HeaderMap* trailers) override;
  // The request will not be completed (the client went): nothing more reaches the filters.
  void OnReset(const ProxyError& error) override;

  // For owners too: timeouts, refused requests. False: it is ignored.
  bool SendLocalReply(LocalReply reply);
  // The downstream wants less, or goes on.
  void PauseResponse(PauseReason reason);
  void ResumeResponse(PauseReason reason);
  // Calls OnComplete on every filter, once: now, or when the last hook has left the stack.
  void Complete();

  const route::MatchResult& match() const { return match_; }
  bool replied() const { return replied_; }

 private:
  friend class FilterContext;

  class RequestHooks final : public DirectionHooks<RequestHead> {
   public:
    explicit RequestHooks(FilterChain& chain) : chain_(chain) {}
    Answer CallHead(size_t position, RequestHead& head) override;
    Answer CallData(size_t position, buffer::Buffer& data) override;
    Answer CallEnd(size_t position, HeaderMap* trailers) override;
    bool Interrupted() const override { return chain_.stopped(); }
    void OnOverLimit() override;
    void SetPaused(bool paused) override;

   private:
    FilterChain& chain_;
  };
  class ResponseHooks final : public DirectionHooks<ResponseHead> {
   public:
    explicit ResponseHooks(FilterChain& chain) : chain_(chain) {}
    Answer CallHead(size_t position, ResponseHead& head) override;
    Answer CallData(size_t position, buffer::Buffer& data) override;
    Answer CallEnd(size_t position, HeaderMap* trailers) override;
    bool Interrupted() const override { return chain_.stopped(); }
    void OnOverLimit() override;
    void SetPaused(bool paused) override;

   private:
    FilterChain& chain_;
  };
  // Where the terminal filter's response enters.
  class ResponseEntry final : public ResponseSink {
   public:
    explicit ResponseEntry(FilterChain& chain) : chain_(chain) {}
    void OnInterim(ResponseHead& head) override;
    void OnHead(ResponseHead& head) override;
    void OnData(buffer::Buffer& data) override;
    void OnEnd(HeaderMap* trailers) override;
    void OnReset(const ProxyError& error) override;

   private:
    FilterChain& chain_;
  };
  struct Entry {
    FilterPtr filter;
    FilterContext* context;
    const FilterFactory* factory;
  };
  enum class Phase : uint8_t { kOpen, kInterrupted, kReplying, kClosed };

  void CreateFilters(const WorkerFilters& filters);
  const route::FilterOverride* OverrideFor(const FilterFactory& factory) const;
  // Between a filter's index and its place on the way of the response; the terminal has none.
  size_t ResponsePosition(size_t index) const { return count_ - 2 - index; }
  // Nothing is delivered any more, or not before what was asked for is carried out.
  bool stopped() const { return phase_ == Phase::kInterrupted || phase_ == Phase::kClosed; }
  void RefreshRouteConfigs();
  void MatchRoute();
  void Settle();
  void SendReplyNow();
  void ResetNow();
  void CompleteNow();
  void LeaveForTurnEnd();
  static void RunDeferred(void* self);
  void ResetFromFilter();

  // Counts nested entries; what hooks asked for is carried out when the outermost one ends.
  class Scope {
   public:
    explicit Scope(FilterChain& chain) : chain_(chain) { ++chain_.depth_; }
    ~Scope() {
      if (--chain_.depth_ == 0) chain_.Settle();
    }

   private:
    FilterChain& chain_;
  };

  Environment env_;
  const RequestHead* request_head_;
  route::MatchResult match_;
  RequestHooks request_hooks_{*this};
  ResponseHooks response_hooks_{*this};
  ResponseEntry response_entry_{*this};
  Entry* entries_ = nullptr;
  uint32_t count_ = 0;
  uint32_t depth_ = 0;
  Phase phase_ = Phase::kOpen;
  // What the client speaks, whatever filters make of its request: its own answers are in kind.
  bool grpc_request_ = false;
  bool reset_asked_ = false;  // in kInterrupted: a reset, not a reply
  bool replied_ = false;      // the answer is a local reply
  bool complete_asked_ = false;
  bool completed_ = false;
  PauseMask response_pauses_;
  MessageSource* response_source_ = nullptr;
  LocalReply* reply_ = nullptr;  // in the arena; destroyed by hand after use
  event::TurnTask deferred_;
  std::optional<Direction<RequestHead>> request_;
  std::optional<Direction<ResponseHead>> response_;
};

}  // namespace remora::http
