#pragma once

// Listeners and listener filters as the loader makes them of text, for tests that describe the rest
// of the server as values.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "source/config/bootstrap_config.h"
#include "source/extensions/registry.h"

namespace remora::harness {

// The listeners of a configuration.
inline std::vector<std::shared_ptr<const config::ListenerConfig>> ListenersOf(
    const std::string& yaml) {
  config::Registry registry;
  extensions::RegisterAll(registry);
  config::LoadOptions options;
  options.yaml = yaml;
  config::LoadedBootstrap loaded =
      config::LoadBootstrap(std::move(options), {"t", "t", "t"}, registry, 0);
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  return loaded.config->listeners;
}

inline std::string Typed(const std::string& name, const std::string& type,
                         const std::string& fields) {
  return "{name: " + name + ", typed_config: {\"@type\": type.googleapis.com/envoy.extensions." +
         type + fields + "}}";
}
inline std::string ListenerFilter(const std::string& name, const std::string& message,
                                  const std::string& fields = "") {
  return Typed(name, "filters.listener." + name + ".v3." + message, fields);
}
inline std::string Says(const std::string& text) {
  return Typed("says", "filters.network.direct_response.v3.Config",
               ", response: {inline_string: \"" + text + "\"}");
}

// Such filters, for a ListenerConfig.
inline std::vector<net::ListenerFilterFactory> Parsed(const std::string& filters) {
  return ListenersOf(
             "static_resources: {listeners: [{name: l, address: {socket_address: {address: "
             "127.0.0.1, port_value: 0}}, listener_filters: [" +
             filters + "], default_filter_chain: {filters: [" + Says("") + "]}}]}")[0]
      ->listener_filters;
}

}  // namespace remora::harness
