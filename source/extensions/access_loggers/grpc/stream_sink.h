#pragma once

// StreamSink: one worker's way to an access log service.
//
//   Begin, End --record--> batch --full, or old--> queue --stream takes more--> grpc::Stream
//                            \--both full: dropped, counted        lost --back-off--> a new one
//
// What waits is bounded: a batch and kMaxQueued bytes of earlier ones; they outlive a lost stream.
// What a stream had taken when it was lost is not sent again: the service may have it.
//
// Owner: the worker's WorkerFiles. Thread: that worker. It never blocks; failures of the service
// are logged once a stream and tried again. Statistics have Envoy's names. Source: Envoy
// source/extensions/access_loggers/common/grpc_access_logger.h.

#include <deque>
#include <string>

#include "source/access_log/service.h"
#include "source/base/random.h"
#include "source/event/back_off.h"
#include "source/event/timer.h"
#include "source/grpc/stream.h"
#include "source/stats/group.h"

namespace remora::extensions {

// `access_logs.grpc_access_log.`
struct GrpcLogStats {
  stats::NamedCounter<"logs_written"> logs_written;  // Records put into a batch.
  stats::NamedCounter<"logs_dropped"> logs_dropped;  // Records that there was no room for.
};

struct GrpcLogSettings {
  static constexpr event::Duration kDefaultInterval = event::kSecond;
  static constexpr uint64_t kDefaultBytes = 16 * 1024;

  grpc::Service service;
  std::string identifier;  // the field of a stream's first message, serialized
  bool tcp = false;        // which field has the records
  event::Duration flush_interval = kDefaultInterval;
  uint64_t buffer_bytes = kDefaultBytes;
};

class StreamSink final : public access_log::ServiceSink, private grpc::StreamUser {
 public:
  static constexpr size_t kMaxQueued = 1024 * 1024;
  static constexpr event::Duration kFirstBackOff = 100 * event::kMillisecond;
  static constexpr event::Duration kLastBackOff = 10 * event::kSecond;

  // `settings` outlive the sink.
  StreamSink(const GrpcLogSettings& settings, const access_log::ServiceSetup& setup);

  // access_log::ServiceSink
  std::string& Begin() override;
  void End() override;
  void Flush() override;

 private:
  static void OnFlushTimer(void* self);
  static void OnBackOffTimer(void* self);
  // grpc::StreamUser
  void OnMessage(buffer::Buffer& message) override { message.Clear(); }
  void OnWritable() override { Pump(); }
  void OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) override;

  bool HasRoom() const { return batch_.empty() || batch_.size() < settings_.buffer_bytes; }
  bool Enqueue();
  void Pump();
  void SendFirst();

  const GrpcLogSettings& settings_;
  const access_log::ServiceSetup setup_;
  GrpcLogStats stats_;
  std::string record_;
  std::string batch_;  // entries, each with its tag and length
  std::deque<std::string> queue_;
  size_t queued_ = 0;  // bytes in queue_
  event::Timer flush_timer_;
  event::Timer back_off_timer_;
  event::BackOff back_off_{kFirstBackOff, kLastBackOff};
  event::TimePoint opened_ = 0;
  bool identified_ = false;  // the stream's first message has gone
  grpc::StreamPtr stream_;
};

}  // namespace remora::extensions
