#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

std::vector<Target> CoreTargets() {
  return {
      {"http1_request", &RunHttp1Request},
      {"http1_response", &RunHttp1Response},
      {"http1_proxy", &RunHttp1Proxy},
      {"http2_request", &RunHttp2Request},
      {"http2_response", &RunHttp2Response},
      {"http2_proxy", &RunHttp2Proxy},
      {"header_map", &RunHeaderMap},
      {"route_table", &RunRouteTable},
      {"path", &RunPath},
      {"format", &RunFormat},
      {"client_hello", &RunClientHello},
      {"proxy_protocol", &RunProxyProtocol},
  };
}

}  // namespace remora::fuzz
