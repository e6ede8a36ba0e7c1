#include "source/grpc/google_client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/check.h"
#include "source/base/log.h"
#include "source/grpc/google_module.h"
#include "source/grpc/google_stream.h"

namespace remora::grpc {
namespace {

void WriteLibraryLog(GoogleSeverity severity, const char* text) {
  switch (severity) {
    case GoogleSeverity::kDebug:
      REMORA_LOG(kUpstream, kDebug, "gRPC library: ", text);
      return;
    case GoogleSeverity::kInfo:
      REMORA_LOG(kUpstream, kInfo, "gRPC library: ", text);
      return;
    case GoogleSeverity::kError:
      REMORA_LOG(kUpstream, kWarning, "gRPC library: ", text);
      return;
  }
}

}  // namespace

GoogleClient::PrefixStats::PrefixStats(stats::Scope& of, stats::Shard& shard)
    : scope(of), total(of.MakeCounter(shard, "streams_total")) {
  for (size_t code = 0; code < closed.size(); ++code) {
    closed[code] = of.MakeCounter(shard, absl::StrCat("streams_closed_", code));
  }
}

GoogleClient::~GoogleClient() {
  CHECK(streams_.empty());
  library_.reset();  // no event comes after it
  if (wake_fd_ >= 0) {
    wake_.Unregister();
    close(wake_fd_);
  }
  for (const auto& [prefix, stats] : prefixes_) stats_.RemoveScope(stats->scope);
}

StreamPtr GoogleClient::Open(const Service& service, std::string_view path, StreamUser& user) {
  const uint64_t id = ++last_id_;
  std::unique_ptr<GoogleStream, upstream::CloseLater> stream(
      new GoogleStream(*this, service, id, user));
  stream->Use(Load() ? library_->Start(
                           {id, *service.google, path, service.initial_metadata, service.timeout})
                     : nullptr);
  return stream;
}

bool GoogleClient::Load() {
  if (library_ != nullptr) return true;
  const absl::StatusOr<GoogleOpen> open = LoadGoogleModule();
  if (!open.ok()) return false;
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK(wake_fd_ >= 0);
  wake_.Register(dispatcher_, wake_fd_, event::FileEvent::Trigger::kLevel, &OnInbox, this);
  library_.reset((*open)(this, &WriteLibraryLog));
  return true;
}

GoogleClient::PrefixStats& GoogleClient::StatsOf(const std::string& prefix) {
  std::unique_ptr<PrefixStats>& stats = prefixes_[prefix];
  if (stats == nullptr) {
    stats = std::make_unique<PrefixStats>(stats_.AddScope(absl::StrCat("grpc.", prefix)),
                                          stats_.main_shard());
  }
  return *stats;
}

// In the library's thread.
void GoogleClient::OnEvent(GoogleEvent event) {
  const std::lock_guard lock(mutex_);
  inbox_.push_back(std::move(event));
  if (inbox_.size() > 1) return;  // it was woken for the first
  const uint64_t one = 1;
  // It holds 2^64 - 2 before it refuses.
  CHECK(write(wake_fd_, &one, sizeof(one)) == sizeof(one));
}

void GoogleClient::OnInbox(void* self, uint32_t) {
  auto* const client = static_cast<GoogleClient*>(self);
  std::vector<GoogleEvent> events;
  {
    const std::lock_guard lock(client->mutex_);
    uint64_t count = 0;
    // Nothing to read is no event to take.
    if (read(client->wake_fd_, &count, sizeof(count)) != sizeof(count)) return;
    events.swap(client->inbox_);
  }
  for (GoogleEvent& event : events) {
    // One that was closed, also just now, is not there.
    const auto found = client->streams_.find(event.call);
    if (found != client->streams_.end()) found->second->OnEvent(event);
  }
}

}  // namespace remora::grpc
