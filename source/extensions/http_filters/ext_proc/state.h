#pragma once

// What the external processing filter keeps once a worker: its statistics, and streams whose
// exchanges are over before they are.
//
//   filter --Open--> ProcessorStream --> grpc::Stream        ... the exchange ends ...
//   ExtProcState <--Keep-- ProcessorStream, until the service ends it too, or a time is over
//
// Owner of a ProcessorStream: the filter, through a ProcessorStreamPtr; then ExtProcState (the
// worker's filter state), which drops what the service still says. At most kMaxKept are kept,
// others are reset at once. Thread: the worker. Failures of a kept stream are nobody's. Source:
// Envoy source/extensions/filters/http/ext_proc/ext_proc.h.

#include <memory>
#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/event/timer.h"
#include "source/grpc/stream.h"
#include "source/http/filter/filter.h"
#include "source/stats/scope.h"

namespace remora::extensions {

// `http.<prefix>.ext_proc.[<stat_prefix>.]`, under Envoy's names.
struct ExtProcStats {
  ExtProcStats(std::string_view stat_prefix, const http::WorkerSetup& setup);

  stats::Counter streams_started;                    // Streams that were opened.
  stats::Counter streams_closed;                     // That ended well, or were ended by us.
  stats::Counter streams_failed;                     // That ended with an error.
  stats::Counter server_half_closed;                 // That the service has ended, either way.
  stats::Counter stream_msgs_sent;                   // Parts that were sent.
  stats::Counter stream_msgs_received;               // Answers to them.
  stats::Counter spurious_msgs_received;             // Answers to what was not asked.
  stats::Counter message_timeouts;                   // Parts without an answer in time.
  stats::Counter failure_mode_allowed;               // Failures behind which the messages went on.
  stats::Counter immediate_responses_sent;           // The service's, and errors.
  stats::Counter rejected_header_mutations;          // Changes that are not allowed, or not valid.
  stats::Counter override_message_timeout_received;  // Answers that got another time,
  stats::Counter override_message_timeout_ignored;   // and that did not.
  stats::Counter clear_route_cache_ignored;   // clear_route_cache of answers that change nothing,
  stats::Counter clear_route_cache_disabled;  // and where the configuration keeps routes.
};

class ExtProcState;

class ProcessorStream final : private grpc::StreamUser,
                              public event::Deferred,
                              public base::ListNode<ProcessorStream> {
 public:
  ProcessorStream(ExtProcState& state, upstream::ClusterSet& clusters, const grpc::Service& service,
                  grpc::StreamUser& user);

  void Send(buffer::Buffer& message) { stream_->Send(message); }
  uint64_t waiting_bytes() const { return stream_->waiting_bytes(); }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  void Close();

 private:
  friend class ExtProcState;

  static void OnTooLate(void* self);
  // grpc::StreamUser
  void OnMessage(buffer::Buffer& message) override;
  void OnWritable() override;
  void OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) override;

  ExtProcState& state_;
  event::Dispatcher& dispatcher_;
  grpc::StreamUser* user_;  // null: it is kept
  grpc::StreamPtr stream_;
  event::Timer too_late_;
};

using ProcessorStreamPtr = std::unique_ptr<ProcessorStream, upstream::CloseLater>;

class ExtProcState final : public http::FilterWorkerState {
 public:
  static constexpr size_t kMaxKept = 1000;

  ExtProcState(std::string_view stat_prefix, const http::WorkerSetup& setup)
      : stats(stat_prefix, setup) {}
  ~ExtProcState() override;

  // Ends the stream as far as we are concerned and waits for the service to do so.
  void Keep(ProcessorStreamPtr stream, event::Duration patience);

  const ExtProcStats stats;

 private:
  friend class ProcessorStream;
  void Forget(ProcessorStream& stream);

  base::IntrusiveList<ProcessorStream> kept_;
  size_t kept_count_ = 0;
};

}  // namespace remora::extensions
