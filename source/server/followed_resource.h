#pragma once

// FollowedResource: one resource of a source by its name, as those see it who follow it: what an
// update says of it is offered to who uses it, noted, and kept for /config_dump.
//
// Owner: whoever follows it (endpoints of a cluster, a route table). Thread: main. What is refused
// is a NACK, and the last good version stays. What a source takes away stays too, as in Envoy,
// where the one that refers to it is what is removed; who sees it otherwise asks Withdraw.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "source/config/config_dump.h"
#include "source/event/dispatcher.h"
#include "source/server/config_journal.h"
#include "source/xds/resource.h"

namespace remora::server {

class FollowedResource {
 public:
  // Both outlive it.
  FollowedResource(std::string name, xds::ResourceType type, ConfigJournal& journal,
                   event::Dispatcher& dispatcher)
      : type_(type), journal_(journal), dispatcher_(dispatcher), name_(std::move(name)) {}

  // `take`: uses the message (in binary), or says why not.
  std::vector<xds::ResourceError> Offer(const xds::ResourceUpdate& update,
                                        absl::FunctionRef<absl::Status(std::string_view)> take);
  // Whether `update` takes away what there is; it is noted then.
  bool Withdraw(const xds::ResourceUpdate& update);
  const std::string& name() const { return name_; }
  // The last good one; none: nothing has come.
  const std::optional<config::ResourceVersion>& active() const { return active_; }
  const config::ResourceVersion* active_version() const {
    return active_.has_value() ? &*active_ : nullptr;
  }
  config::ShownResource shown() const;

 private:
  const xds::ResourceType type_;
  ConfigJournal& journal_;
  event::Dispatcher& dispatcher_;
  const std::string name_;
  std::optional<config::ResourceVersion> active_;
  // There is one of these for each of thousands of clusters, and hardly ever a refusal.
  std::unique_ptr<const config::ResourceRefusal> refused_;
};

}  // namespace remora::server
