#pragma once

// Sources: sources of configuration in the hands of a test, in the place of control planes.
//
// What a test sends is given to the users as a subscription would: by Send, in the thread of the
// server that has subscribed. Owner: the test. Thread: that server's main thread.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/xds/subscription.h"

namespace remora::fakes {

class Sources final : public xds::Sources {
 public:
  struct Sent {
    std::string name;
    std::string bytes;
  };

  std::unique_ptr<xds::Subscription> Subscribe(const config::ConfigSource& source,
                                               xds::ResourceType type, bool wildcard,
                                               std::string_view stat_prefix,
                                               xds::ResourceUser& user) override;
  void Pause(xds::ResourceType type) override { ++paused_[static_cast<size_t>(type)]; }
  void Resume(xds::ResourceType type) override { --paused_[static_cast<size_t>(type)]; }

  // To everybody who has subscribed to something of it; what they say is wrong.
  std::vector<xds::ResourceError> Send(xds::ResourceType type, const std::vector<Sent>& changed,
                                       const std::vector<std::string>& removed,
                                       const std::string& version);
  // To all who wait for something of that type.
  void TimeOut(xds::ResourceType type);
  // Names that somebody wants, one for each who does; "*" for all there are. In order.
  std::vector<std::string> Wanted(xds::ResourceType type) const;
  bool paused(xds::ResourceType type) const { return paused_[static_cast<size_t>(type)] > 0; }

 private:
  class Handle;
  struct Wish {
    uint64_t id;
    xds::ResourceType type;
    bool wildcard;
    xds::ResourceUser* user;
    bool started = false;
    std::vector<std::string> names = {};
  };
  Wish* Find(uint64_t id);

  uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<Wish>> wishes_;
  int paused_[xds::kResourceTypes] = {};
};

}  // namespace remora::fakes
