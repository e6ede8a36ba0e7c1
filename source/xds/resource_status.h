#pragma once

// ResourceStatus: what has become of one resource that somebody wants of a source.
//
//   kRequested --source says--> kTaken | kRefused (its last good version stays)
//        \--says that there is none, or nothing within initial_fetch_timeout--> kMissing
//
// Plain values, copied freely; any thread. Made by TypeState::Show, written as a client status
// response by client_status.h. Source: envoy.admin.v3.ClientResourceStatus.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "source/xds/resource.h"

namespace remora::xds {

struct ResourceStatus {
  enum class State : uint8_t {
    kRequested,  // also: only a snapshot has said something of it
    kMissing,
    kTaken,
    kRefused,
  };
  struct Refusal {
    std::string version = {};
    std::string message = {};
    int64_t at = 0;  // ns since the epoch
  };

  ResourceType type = ResourceType::kCluster;
  std::string name = {};
  State state = State::kRequested;
  std::string version = {};                            // of the last one that was taken
  int64_t taken_at = 0;                                // ns since the epoch; 0: there is none
  std::shared_ptr<const std::string> bytes = nullptr;  // null: none, or not kept
  std::optional<Refusal> refusal = {};                 // later than that
};

}  // namespace remora::xds
