#include "source/extensions/http_filters/ext_proc/state.h"

#include "source/config/text.h"

namespace remora::extensions {
namespace {

constexpr std::string_view kMethod = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";

}  // namespace

ExtProcStats::ExtProcStats(std::string_view stat_prefix, const http::WorkerSetup& setup) {
  const std::string prefix =
      stat_prefix.empty() ? "ext_proc." : config::Concat("ext_proc.", stat_prefix, ".");
  const auto make = [&](stats::Counter& counter, std::string_view name) {
    counter = setup.scope.MakeCounter(setup.shard, config::Concat(prefix, name));
  };
  make(streams_started, "streams_started");
  make(streams_closed, "streams_closed");
  make(streams_failed, "streams_failed");
  make(server_half_closed, "server_half_closed");
  make(stream_msgs_sent, "stream_msgs_sent");
  make(stream_msgs_received, "stream_msgs_received");
  make(spurious_msgs_received, "spurious_msgs_received");
  make(message_timeouts, "message_timeouts");
  make(failure_mode_allowed, "failure_mode_allowed");
  make(immediate_responses_sent, "immediate_responses_sent");
  make(rejected_header_mutations, "rejected_header_mutations");
  make(override_message_timeout_received, "override_message_timeout_received");
  make(override_message_timeout_ignored, "override_message_timeout_ignored");
  make(clear_route_cache_ignored, "clear_route_cache_ignored");
  make(clear_route_cache_disabled, "clear_route_cache_disabled");
}

ProcessorStream::ProcessorStream(ExtProcState& state, upstream::ClusterSet& clusters,
                                 const grpc::Service& service, grpc::StreamUser& user)
    : state_(state),
      dispatcher_(clusters.worker().dispatcher),
      user_(&user),
      stream_(grpc::Stream::Open(clusters, service, kMethod, *this)),
      too_late_(dispatcher_.timers(), &OnTooLate, this) {}

void ProcessorStream::Close() {
  too_late_.Disarm();
  stream_.reset();
}

void ProcessorStream::OnMessage(buffer::Buffer& message) {
  if (user_ != nullptr) user_->OnMessage(message);
}

void ProcessorStream::OnWritable() {
  if (user_ != nullptr) user_->OnWritable();
}

void ProcessorStream::OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) {
  if (user_ != nullptr) return user_->OnClosed(status, trailers);
  state_.Forget(*this);
}

void ProcessorStream::OnTooLate(void* self) {
  auto* const stream = static_cast<ProcessorStream*>(self);
  stream->state_.Forget(*stream);
}

void ExtProcState::Keep(ProcessorStreamPtr stream, event::Duration patience) {
  if (kept_count_ == kMaxKept) return;
  ProcessorStream& kept = *stream.release();
  kept.user_ = nullptr;
  kept.stream_->EndSending();
  kept.too_late_.Arm(kept.dispatcher().now() + patience);
  kept_.PushBack(kept);
  ++kept_count_;
}

void ExtProcState::Forget(ProcessorStream& stream) {
  stream.Unlink();
  --kept_count_;
  const ProcessorStreamPtr ended(&stream);
}

ExtProcState::~ExtProcState() {
  kept_.ForEach([this](ProcessorStream& stream) { Forget(stream); });
}

}  // namespace remora::extensions
