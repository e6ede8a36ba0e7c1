#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

std::vector<Target> CoreTargets() {
  return {
      {"http1_request", &RunHttp1Request},
      {"http1_response", &RunHttp1Response},
      {"http1_proxy", &RunHttp1Proxy},
      {"header_map", &RunHeaderMap},
      {"route_table", &RunRouteTable},
      {"path", &RunPath},
      {"format", &RunFormat},
  };
}

}  // namespace remora::fuzz
