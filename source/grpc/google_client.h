#pragma once

// GoogleClient: calls to target URIs by the gRPC library, for one thread.
//
//   Open --> GoogleStream --steps--> GoogleCall --> the library's thread --> server
//   user <-- GoogleStream <-- Take <-- inbox, eventfd <-- OnEvent <------------'
//
// Each call is a channel of its own that is tried once, so that trying again, and when, is the
// user's alone, as with calls to clusters. A call holds one message that came and was not taken,
// and up to the target's buffer limit to send. The library and its thread are there from the first
// Open.
//
// Owner: SourceSet; all calls are closed before. Thread: main; OnEvent: the library's. A module
// that cannot be loaded (it could when the configuration was read) ends calls with UNAVAILABLE.
// Statistics: Envoy's, `grpc.<stat_prefix>.streams_total` and `streams_closed_<code>`.
// Source: Envoy source/common/grpc/google_async_client_impl.cc.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/event/dispatcher.h"
#include "source/grpc/google_call.h"
#include "source/grpc/stream.h"
#include "source/stats/store.h"

namespace remora::grpc {

class GoogleStream;

class GoogleClient final : private GoogleEvents {
 public:
  GoogleClient(event::Dispatcher& dispatcher, buffer::BlockPool& blocks, stats::Store& stats)
      : dispatcher_(dispatcher), blocks_(blocks), stats_(stats) {}
  ~GoogleClient();
  GoogleClient(const GoogleClient&) = delete;
  GoogleClient& operator=(const GoogleClient&) = delete;

  // The service has `google`. As Stream::Open in all else.
  StreamPtr Open(const Service& service, std::string_view path, StreamUser& user);

 private:
  friend class GoogleStream;
  using Streams = absl::flat_hash_map<uint64_t, GoogleStream*>;

  struct PrefixStats {
    PrefixStats(stats::Scope& of, stats::Shard& shard);

    stats::Scope& scope;
    stats::Counter total;
    std::array<stats::Counter, static_cast<size_t>(GrpcCode::kLast) + 1> closed;
  };

  // GoogleEvents
  void OnEvent(GoogleEvent event) override;

  static void OnInbox(void* self, uint32_t ready);
  // False: the module cannot be loaded.
  bool Load();
  PrefixStats& StatsOf(const std::string& prefix);

  event::Dispatcher& dispatcher_;
  buffer::BlockPool& blocks_;
  stats::Store& stats_;
  absl::flat_hash_map<std::string, std::unique_ptr<PrefixStats>> prefixes_;
  Streams streams_;  // that are open, by the number in their events
  uint64_t last_id_ = 0;

  int wake_fd_ = -1;
  event::FileEvent wake_;
  std::mutex mutex_;
  std::vector<GoogleEvent> inbox_;  // under the mutex

  std::unique_ptr<GoogleLibrary> library_;
};

}  // namespace remora::grpc
