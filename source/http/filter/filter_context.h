#pragma once

// FilterContext: everything a filter may ask of its stream and do to it. One per filter.
//
// Owner: the chain, in the stream's arena; valid until OnComplete. Thread: the stream's worker.
// None of these calls re-enters a filter: resuming and replying take effect after the running hook,
// or at the end of the turn when called from outside one (a timer, an asynchronous answer).

#include <string_view>

#include "source/base/arena.h"
#include "source/base/random.h"
#include "source/event/dispatcher.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/local_reply.h"
#include "source/http/route/route_table.h"
#include "source/http/stream_info.h"
#include "source/http/waiting_room.h"
#include "source/upstream/cluster_set.h"

namespace remora::http {

class ConnectionStates;
class FilterChain;

class FilterContext {
 public:
  FilterContext(FilterChain& chain, uint32_t index) : chain_(chain), index_(index) {}
  FilterContext(const FilterContext&) = delete;
  FilterContext& operator=(const FilterContext&) = delete;

  // Ends a pause or hold of this filter in that direction: the one that there is, or the one that
  // the running hook answers with.
  void ResumeRequest();
  void ResumeResponse();
  // Answers in the place of the upstream; see local_reply.h. False: it is ignored, because another
  // answer is on its way already; who keeps something then has to let it go.
  bool SendLocalReply(LocalReply reply);
  // Puts data into the message behind this filter: right after the event of the running hook
  // (before the end in OnRequestEnd/OnResponseEnd), or behind the head or data that this filter
  // keeps. From outside a hook: between the events that the filter has seen and those to come; an
  // end that it keeps is still to come. So a filter may take data, pause, and let it out bit by
  // bit. The head's framing must allow a body; before the head and after the end the data is
  // dropped.
  void AddRequestData(buffer::Buffer& data);
  void AddResponseData(buffer::Buffer& data);
  // Ends the stream at once, without an answer where none has begun.
  void ResetStream();
  // Bytes that may be held in a direction before 413 / 500.
  void SetRequestBufferLimit(uint64_t bytes);
  void SetResponseBufferLimit(uint64_t bytes);
  uint64_t request_buffer_limit() const;
  uint64_t response_buffer_limit() const;
  // The table may get the virtual host of this request yet: asks for it. `waiter` is woken when the
  // source has answered; RefreshRoutes is next then. False: there is nothing to wait for.
  bool AwaitRoutes(http::Waiter& waiter);
  // As Reroute, with the newest table.
  void RefreshRoutes();
  // Forgets the route and matches again with the changed head (before the head reaches the router);
  // RouteConfig() of every filter follows. Which filters run stays as it was.
  void Reroute();

  // As its configuration names it (HttpFilter.name).
  std::string_view filter_name() const;
  // Null when no route matched.
  const route::Route* route() const;
  const route::MatchResult& match() const;
  // This filter's most specific per-route configuration, or null.
  template <class T>
  const T* RouteConfig() const {
    return static_cast<const T*>(route_config_);
  }
  // All levels that configure this filter for the request's route, least specific first: for
  // filters that combine them. Writes at most kRouteLevels and returns how many.
  static constexpr size_t kRouteLevels = 4;
  size_t RouteConfigLevels(const void* (&levels)[kRouteLevels]) const;
  // What create_worker_state of this filter made.
  template <class T>
  T& worker_state() const {
    return *static_cast<T*>(worker_state_);
  }
  // For a filter that stands for another one (filter_slot.h): that one's.
  void SetWorkerState(FilterWorkerState* state) { worker_state_ = state; }
  // What filters keep for the downstream connection (connection_states.h).
  ConnectionStates& connection_states() const;
  // False when a local reply came before this filter saw the request.
  bool saw_request() const;

  const RequestHead* request_head() const;
  StreamInfo& stream_info() const;
  event::Dispatcher& dispatcher() const;
  base::Arena& arena() const;
  base::Random& random() const;
  buffer::BlockPool& blocks() const;
  upstream::ClusterSet& clusters() const;
  const runtime::Snapshot& runtime() const;
  // What an operator told the process: whether it is to fail its health checks.
  const runtime::ProcessState& process() const;

  // For the terminal filter: where its response goes, who sends the request, and (set by it) who
  // sends the response, so that filters and the downstream can pause it.
  ResponseSink& response_sink() const;
  MessageSource& request_source() const;
  void SetResponseSource(MessageSource* source);
  bool response_started() const;

 private:
  friend class FilterChain;
  FilterChain& chain_;
  uint32_t index_;
  const void* route_config_ = nullptr;
  FilterWorkerState* worker_state_ = nullptr;
};

}  // namespace remora::http
