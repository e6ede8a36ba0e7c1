#pragma once

// RunExchange: one recorded exchange through a filter of a module, without a server.
//
//   case's request --> [the module's filter] --> what would go to the upstream
//   what would go to the client <-- [the module's filter] <-- case's response
//
// A real chain, with the filter between two ends that write down what reaches them, and a clock
// that stands still but when nothing else is left to do: then it is at once when the next timer or
// answer is due. So a case gives the same result every time, and waits for nothing. Pure but for
// what the module does. Thread: the caller's.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"
#include "source/http/metadata.h"

namespace remora::filter_test::v1 {
class Exchange;
}

namespace remora::filter_test {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What reached one end.
struct Seen {
  bool begun = false;
  bool ended = false;
  bool reset = false;
  std::string method;
  std::string path;
  std::string authority;
  uint32_t status = 0;
  Fields headers;
  std::string body;
  Fields trailers;
};

struct Outcome {
  Seen upstream;  // the request
  Seen client;    // the response
  bool answered_by_filter = false;
  std::string details;
  http::Metadata metadata = {};
  std::map<std::string, int64_t> stats = {};  // without prefix
};

// `route`: null when the route has no configuration of the filter. Both are of one library.
Outcome RunExchange(const v1::Exchange& exchange,
                    std::shared_ptr<const extensions::DynamicModules::Config> config,
                    std::shared_ptr<const extensions::DynamicModules::RouteConfig> route);

}  // namespace remora::filter_test
