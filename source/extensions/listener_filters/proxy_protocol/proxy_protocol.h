#pragma once

// ProxyProtocol: takes the PROXY header off the front of a connection: the client's address and
// the one it wanted are those that the header says.
//
// Extension (see config/registry.h). Thread: a worker's. A connection with a broken header, or with
// none where one is required, is closed and counted.
// Source: Envoy source/extensions/filters/listener/proxy_protocol.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/registry.h"
#include "source/net/listener_filter.h"

namespace envoy::extensions::filters::listener::proxy_protocol::v3 {
class ProxyProtocol;
}

namespace remora::extensions {

struct ProxyProtocol {
  using Proto = envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
  // A TLV that is kept in dynamic metadata.
  struct Rule {
    uint8_t type = 0;
    std::string name_space;
    std::string key;
  };
  struct Config {
    std::vector<Rule> rules;
    bool required = true;                          // connections without a header are closed
    bool version_allowed[3] = {true, true, true};  // by number
    bool passes_all_tlvs = false;
    std::vector<uint8_t> passed_tlvs;
    std::string stat_prefix;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ListenerFilter> Create(const Config& config,
                                                     const net::ListenerFilterSetup& setup);
};

}  // namespace remora::extensions
