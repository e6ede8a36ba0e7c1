#pragma once

// Options of `remora intercept`: which connections the kernel is to hand to the proxy, and its
// command line.
//
// ParseOptions is pure but for the look-up of user and group names, which its caller gives; all
// mistakes come back at once. Values are in the form in which iptables-save prints them (networks
// masked, names as numbers), so that rules made from them can be compared with installed ones.
// Plain values; used by main before anything else runs.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remora::intercept {

enum class Family { kIpv4, kIpv6 };

struct PortRange {
  uint16_t first = 1;
  uint16_t last = 65535;

  bool all() const { return first <= 1 && last == 65535; }
};

struct Network {
  Family family = Family::kIpv4;
  std::string text;  // "10.0.0.0/8"
};

// One direction; without ports it is not intercepted.
struct Direction {
  uint16_t to = 0;  // The proxy's listener.
  std::vector<PortRange> ports;
  std::vector<PortRange> except_ports;
  std::vector<Network> peers;  // Empty: all of them.
  std::vector<Network> except_peers;
};

// The ports are those that Envoy-based meshes use.
struct Options {
  Direction inbound{15006, {}, {}, {}, {}};
  Direction outbound{15001, {}, {}, {}, {}};
  std::vector<uint32_t> proxy_users;
  std::vector<uint32_t> proxy_groups;
  bool ipv4 = true;
  bool ipv6 = true;
  bool ipv6_if_present = true;  // No error where the kernel has no IPv6.
  bool remove = false;
  bool dry_run = false;
  bool help = false;
};

// Finds the number of a user or group by its name.
struct NameLookup {
  std::function<std::optional<uint32_t>(const std::string&)> user;
  std::function<std::optional<uint32_t>(const std::string&)> group;
};

// That of this system.
NameLookup SystemNames();

struct ParsedOptions {
  Options options;
  std::vector<std::string> errors;  // Without meaning when help is asked for.
};

// `arguments` is without the program's name and without "intercept".
ParsedOptions ParseOptions(const std::vector<std::string_view>& arguments, const NameLookup& names);

// For a person at a terminal, at most 100 columns wide.
std::string HelpText(std::string_view program);

}  // namespace remora::intercept
