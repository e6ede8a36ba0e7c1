#include "source/access_log/worker_files.h"

#include <algorithm>

#include "source/base/check.h"

namespace remora::access_log {

WorkerFiles::WorkerFiles(LogWriter& writer, event::Dispatcher& dispatcher, const FileStats& stats)
    : writer_(writer),
      dispatcher_(dispatcher),
      stats_(stats),
      timer_(dispatcher.timers(), &OnTimer, this) {}

Sink& WorkerFiles::Find(std::string_view path) {
  for (const auto& sink : sinks_) {
    if (sink->file().path() == path) return *sink;
  }
  LogFile* file = writer_.Find(path);
  CHECK(file != nullptr);  // the server opens every file of a configuration before it applies it
  sinks_.push_back(std::make_unique<FileSink>(*this, *file));
  return *sinks_.back();
}

Sink& WorkerFiles::Find(const std::shared_ptr<const ServiceLog>& log) {
  for (const ServiceEntry& entry : service_sinks_) {
    if (entry.log->destination() == log->destination()) return *entry.sink;
  }
  CHECK(services_.has_value());  // whoever runs listeners has clusters
  service_sinks_.push_back({log, log->MakeSink(*services_)});
  return *service_sinks_.back().sink;
}

void WorkerFiles::FlushServices() {
  for (const ServiceEntry& entry : service_sinks_) entry.sink->Flush();
}

void WorkerFiles::Flush() {
  for (const auto& sink : sinks_) {
    if (!sink->empty()) sink->HandOver();
  }
}

void WorkerFiles::OnTimer(void* self) {
  auto* files = static_cast<WorkerFiles*>(self);
  for (const auto& sink : files->sinks_) {
    if (sink->empty()) continue;
    files->stats_.flushed_by_timer.Inc();
    sink->HandOver();
  }
}

std::string& WorkerFiles::FileSink::Begin() {
  // Room for a whole buffer at once: it is handed on and comes back, and never grows again.
  const size_t wanted = owner_.writer_.options().flush_bytes + 4096;
  if (chunk_.text.capacity() < wanted) chunk_.text.reserve(wanted);
  begin_ = chunk_.text.size();
  return chunk_.text;
}

void WorkerFiles::FileSink::End() {
  const size_t size = chunk_.text.size();
  if (size == begin_) return;
  ++chunk_.records;
  owner_.stats_.write_buffered.Inc();
  owner_.stats_.write_total_buffered.Add(size - begin_);
  if (size >= owner_.writer_.options().flush_bytes) {
    HandOver();
  } else if (!owner_.timer_.armed()) {
    owner_.timer_.Arm(owner_.dispatcher_.now() + owner_.writer_.options().flush_interval);
  }
}

void WorkerFiles::FileSink::HandOver() {
  file_.HandOver(chunk_);
  owner_.writer_.Notify();
}

}  // namespace remora::access_log
