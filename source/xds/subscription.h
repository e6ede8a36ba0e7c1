#pragma once

// Subscription: one user's wish for resources of one type of one source. Sources: everything that
// resources come from (control planes, files), as those who want some see it.
//
//   Sources::Subscribe --> Subscription --SetNames, Start--> source --> ResourceUser
//
// Owner: of a Subscription who asked, and letting go of it unsubscribes, also from within OnUpdate;
// of the Sources the Server. Thread: main. A source that cannot be reached is tried again for ever;
// it is logged and counted, and the user hears of it by OnFetchTimeout. A user is never called from
// inside Subscribe, Start or SetNames.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/config_source.h"
#include "source/xds/resource.h"

namespace remora::xds {

class Subscription {
 public:
  virtual ~Subscription() = default;
  virtual void Start() = 0;
  // The names wanted from now on; not for wildcard ones. Names that leave are unsubscribed, and
  // forgotten.
  virtual void SetNames(std::vector<std::string> names) = 0;
  // One more, or one less of them, also of wildcard ones: what a source only gives to who asks for
  // it by name.
  virtual void AddName(const std::string& name) = 0;
  virtual void DropName(const std::string& name) = 0;
};

class Sources {
 public:
  // `wildcard`: all that there are (listeners, clusters); else SetNames says which. Statistics are
  // made below `stat_prefix` ("cluster_manager.cds."). `user` outlives the subscription.
  virtual std::unique_ptr<Subscription> Subscribe(const config::ConfigSource& source,
                                                  ResourceType type, bool wildcard,
                                                  std::string_view stat_prefix,
                                                  ResourceUser& user) = 0;
  // Requests of that type wait until Resume, so that one of them has all names: endpoints while
  // clusters are applied, routes while listeners are. Pauses nest.
  virtual void Pause(ResourceType type) = 0;
  virtual void Resume(ResourceType type) = 0;

 protected:
  ~Sources() = default;
};

}  // namespace remora::xds
