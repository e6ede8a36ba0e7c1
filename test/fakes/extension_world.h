#pragma once

// Real extensions in a ChainWorld: parses configuration the way the loader hands it over (an Any
// that the registry finds by type) and adds the filter to the chain.

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "source/config/registry.h"
#include "test/fakes/chain_world.h"

namespace remora::fakes {

// From text format; throws when the text is wrong.
template <class Proto>
Proto ProtoFromText(const std::string& text);
void ParseText(const std::string& text, google::protobuf::Message& message);

template <class Proto>
Proto ProtoFromText(const std::string& text) {
  Proto proto;
  ParseText(text, proto);
  return proto;
}

// The filter of `config`'s type, named `name`. Errors are appended to `errors`, one a line.
http::FilterFactory ParseFilter(const config::Registry& registry, const std::string& name,
                                const google::protobuf::Message& config, std::string& errors);
// Its per-route configuration.
route::FilterOverride ParseOverride(const config::Registry& registry, const std::string& name,
                                    const google::protobuf::Message& config, std::string& errors);

// One level of per-route configuration each; empty is none.
struct RouteLevels {
  std::vector<route::FilterOverride> table = {};
  std::vector<route::FilterOverride> virtual_host = {};
  std::vector<route::FilterOverride> route = {};
  std::vector<route::FilterOverride> cluster = {};
};
// A table whose only route, named "route", forwards everything to the cluster "up".
std::shared_ptr<const route::RouteTable> OneRoute(RouteLevels levels = {});

}  // namespace remora::fakes
