#include "source/extensions/access_loggers/grpc/stream_sink.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"

namespace remora::extensions {
namespace {

constexpr std::string_view kMethod =
    "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";

// Fields of StreamAccessLogsMessage and of the lists in it: number and wire type (bytes).
constexpr char kHttpLogs = 2 << 3 | 2;
constexpr char kTcpLogs = 3 << 3 | 2;
constexpr char kLogEntry = 1 << 3 | 2;

// Tag and length of a field of bytes (protobuf's encoding).
void AppendFieldHead(char tag, size_t size, std::string& out) {
  out += tag;
  for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
  out += static_cast<char>(size);
}

}  // namespace

StreamSink::StreamSink(const GrpcLogSettings& settings, const access_log::ServiceSetup& setup)
    : settings_(settings),
      setup_(setup),
      stats_(setup.scope.Make<GrpcLogStats>(setup.shard)),
      flush_timer_(setup.dispatcher.timers(), &OnFlushTimer, this),
      back_off_timer_(setup.dispatcher.timers(), &OnBackOffTimer, this) {}

std::string& StreamSink::Begin() {
  record_.clear();
  return record_;
}

void StreamSink::End() {
  if (!HasRoom()) Flush();
  if (!HasRoom()) {
    stats_.logs_dropped.Inc();
    return;
  }
  stats_.logs_written.Inc();
  AppendFieldHead(kLogEntry, record_.size(), batch_);
  batch_ += record_;
  if (batch_.size() >= settings_.buffer_bytes) {
    Flush();
  } else if (!flush_timer_.armed()) {
    flush_timer_.Arm(setup_.dispatcher.now() + settings_.flush_interval);
  }
}

void StreamSink::OnFlushTimer(void* self) { static_cast<StreamSink*>(self)->Flush(); }

void StreamSink::Flush() {
  flush_timer_.Disarm();
  bool queued = Enqueue();
  Pump();
  if (!queued && Enqueue()) {
    queued = true;  // Pump has made room
    Pump();
  }
  if (!queued) flush_timer_.Arm(setup_.dispatcher.now() + settings_.flush_interval);
}

// False: there is no room for the batch.
bool StreamSink::Enqueue() {
  if (batch_.empty()) return true;
  if (queued_ + batch_.size() > std::max(kMaxQueued, batch_.size())) return false;
  queued_ += batch_.size();
  queue_.push_back(std::exchange(batch_, {}));
  return true;
}

// Sends what the stream takes; without one, begins it when that is allowed again.
void StreamSink::Pump() {
  if (queue_.empty() || back_off_timer_.armed()) return;
  if (stream_ == nullptr) {
    identified_ = false;
    opened_ = setup_.dispatcher.now();
    stream_ = grpc::Stream::Open(setup_.clusters, settings_.service, kMethod, *this);
  }
  while (!queue_.empty() && stream_->writable()) SendFirst();
}

void StreamSink::SendFirst() {
  const std::string entries = std::move(queue_.front());
  queue_.pop_front();
  queued_ -= entries.size();
  std::string head;
  if (!std::exchange(identified_, true)) head = settings_.identifier;
  AppendFieldHead(settings_.tcp ? kTcpLogs : kHttpLogs, entries.size(), head);
  buffer::Buffer message(setup_.clusters.worker().blocks);
  message.Append(head);
  message.Append(entries);
  stream_->Send(message);
}

void StreamSink::OnClosed(const grpc::Status& status, const http::HeaderMap*) {
  REMORA_LOG(kUpstream, kDebug, "access log service in cluster ", settings_.service.cluster,
             " has ended the stream: ", status.ToString());
  stream_.reset();
  // One that has lived says that the service is well.
  if (setup_.dispatcher.now() - opened_ >= kLastBackOff) back_off_.Reset();
  back_off_timer_.Arm(setup_.dispatcher.now() + back_off_.Next(setup_.random));
}

void StreamSink::OnBackOffTimer(void* self) { static_cast<StreamSink*>(self)->Pump(); }

}  // namespace remora::extensions
