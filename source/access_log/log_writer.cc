#include "source/access_log/log_writer.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <utility>

namespace remora::access_log {
namespace {

// How soon a file that took nothing is tried again.
constexpr std::chrono::milliseconds kRetry{20};
// How often at the end.
constexpr int kLastTries = 5;

}  // namespace

absl::StatusOr<LogFile*> LogWriter::Open(std::string_view path) {
  if (LogFile* file = Find(path); file != nullptr) return file;
  auto file = std::make_unique<LogFile>(std::string(path), options_.max_queued_bytes, totals_);
  if (absl::Status status = file->Open(); !status.ok()) return status;
  LogFile* const opened = file.get();
  {
    const std::lock_guard lock(files_mutex_);
    files_.push_back(std::move(file));
  }
  if (started_) Start();
  return opened;
}

LogFile* LogWriter::Find(std::string_view path) const {
  const std::lock_guard lock(files_mutex_);
  for (const auto& file : files_) {
    if (file->path() == path) return file.get();
  }
  return nullptr;
}

void LogWriter::Start() {
  started_ = true;
  if (thread_.joinable() || files_.empty()) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "log_writer");
    Run();
  });
}

void LogWriter::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogWriter::Reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_one();
}

void LogWriter::Notify() {
  {
    const std::lock_guard lock(mutex_);
    work_ = true;
  }
  wake_.notify_one();
}

void LogWriter::Run() {
  bool stuck = false;
  int tries = kLastTries;
  for (;;) {
    bool reopen = false;
    bool stop = false;
    {
      std::unique_lock lock(mutex_);
      const auto due = [this] { return work_ || reopen_ || stop_; };
      if (stop_) {
        // Nothing wakes it any more; what is stuck gets its last tries.
        wake_.wait_for(lock, kRetry, [] { return false; });
      } else if (stuck) {
        wake_.wait_for(lock, kRetry, due);
      } else {
        wake_.wait(lock, due);
      }
      work_ = false;
      reopen = std::exchange(reopen_, false);
      stop = stop_;
    }
    stuck = false;
    std::vector<LogFile*> files;
    {
      const std::lock_guard lock(files_mutex_);
      for (const auto& file : files_) files.push_back(file.get());
    }
    for (LogFile* file : files) {
      if (reopen) file->Reopen();
      stuck = file->Write() || stuck;
    }
    if (stop && (!stuck || --tries == 0)) return;
  }
}

}  // namespace remora::access_log
