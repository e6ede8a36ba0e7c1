#include "source/intercept/options.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "absl/strings/str_split.h"
#include "source/config/config_error.h"
#include "source/config/text.h"
#include "source/net/address.h"

namespace remora::intercept {
namespace {

using config::Concat;

// From here on the help texts stand in one column.
constexpr size_t kHelpColumn = 43;

template <typename Number>
bool ReadNumber(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::vector<std::string> Items(std::string_view value) {
  return absl::StrSplit(config::ToAbsl(value), ',');
}

std::string ReadPort(std::string_view value, uint16_t& out) {
  if (ReadNumber(value, out) && out != 0) return "";
  return Concat("needs a port from 1 to 65535", config::QuoteValue(value));
}

std::string ReadPorts(std::string_view value, std::vector<PortRange>& out) {
  if (value == "all") {
    out.push_back({});
    return "";
  }
  for (const std::string& item : Items(value)) {
    const std::string_view text = item;
    const size_t dash = text.find('-');
    PortRange range;
    bool good = ReadNumber(text.substr(0, dash), range.first) && range.first != 0;
    range.last = range.first;
    if (dash != std::string_view::npos) {
      good = good && ReadNumber(text.substr(dash + 1), range.last) && range.first <= range.last;
    }
    if (!good) {
      return Concat("needs all, or ports and ranges such as 80,9000-9010",
                    config::QuoteValue(value));
    }
    out.push_back(range);
  }
  return "";
}

// Bits behind the prefix become zero, as iptables prints it.
std::string MaskedText(const net::Address& address, uint32_t bits) {
  sockaddr_storage storage = {};
  const socklen_t length = address.Fill(storage);
  auto* bytes = address.kind() == net::Address::Kind::kIpv4
                    ? reinterpret_cast<uint8_t*>(&reinterpret_cast<sockaddr_in&>(storage).sin_addr)
                    : reinterpret_cast<sockaddr_in6&>(storage).sin6_addr.s6_addr;
  for (uint32_t bit = bits; bit < address.ip_bytes().size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80u >> (bit % 8)));
  }
  return Concat(net::Address::FromSocket(storage, length).IpString(), "/", bits);
}

std::string ReadNetworks(std::string_view value, std::vector<Network>& out) {
  for (const std::string& item : Items(value)) {
    const std::string_view text = item;
    const size_t slash = text.find('/');
    const auto address = net::Address::Ip(text.substr(0, slash), 0);
    const uint32_t most = address.ok() ? static_cast<uint32_t>(address->ip_bytes().size()) * 8 : 0;
    uint32_t bits = most;
    if (!address.ok() ||
        (slash != std::string_view::npos && !ReadNumber(text.substr(slash + 1), bits)) ||
        bits > most) {
      return Concat("needs networks such as 10.0.0.0/8,fd00::/8", config::QuoteValue(value));
    }
    out.push_back({most == 32 ? Family::kIpv4 : Family::kIpv6, MaskedText(*address, bits)});
  }
  return "";
}

using Find = std::function<std::optional<uint32_t>(const std::string&)>;

std::string ReadIds(std::string_view value, std::string_view what, const Find& find,
                    std::vector<uint32_t>& out) {
  for (const std::string& item : Items(value)) {
    uint32_t id = 0;
    if (!ReadNumber(std::string_view(item), id)) {
      const std::optional<uint32_t> found = item.empty() ? std::nullopt : find(item);
      if (!found.has_value()) return Concat("names no ", what, config::QuoteValue(item));
      id = *found;
    }
    out.push_back(id);
  }
  return "";
}

std::string ReadFamilies(std::string_view value, Options& options) {
  if (value != "v4" && value != "v6" && value != "both") {
    return Concat("needs one of v4, v6, both", config::QuoteValue(value));
  }
  options.ipv4 = value != "v6";
  options.ipv6 = value != "v4";
  options.ipv6_if_present = value == "both";
  return "";
}

struct Flag {
  std::string_view name;   // Without dashes.
  std::string_view value;  // What help calls the value; empty: the flag takes none.
  std::string_view group;
  std::string_view help;
  // Puts the value into the options; gives what is wrong with it, if so.
  std::string (*apply)(std::string_view value, const NameLookup& names, Options& options);
};

template <auto Side, auto Member>
std::string SetPorts(std::string_view value, const NameLookup&, Options& options) {
  return ReadPorts(value, options.*Side.*Member);
}

template <auto Side, auto Member>
std::string SetNetworks(std::string_view value, const NameLookup&, Options& options) {
  return ReadNetworks(value, options.*Side.*Member);
}

template <auto Side>
std::string SetTo(std::string_view value, const NameLookup&, Options& options) {
  return ReadPort(value, (options.*Side).to);
}

template <auto Member>
std::string SetTrue(std::string_view, const NameLookup&, Options& options) {
  options.*Member = true;
  return "";
}

std::string SetUsers(std::string_view value, const NameLookup& names, Options& options) {
  return ReadIds(value, "user", names.user, options.proxy_users);
}

std::string SetGroups(std::string_view value, const NameLookup& names, Options& options) {
  return ReadIds(value, "group", names.group, options.proxy_groups);
}

std::string SetFamilies(std::string_view value, const NameLookup&, Options& options) {
  return ReadFamilies(value, options);
}

constexpr auto kIn = &Options::inbound;
constexpr auto kOut = &Options::outbound;
using D = Direction;

constexpr std::string_view kInbound = "Inbound: connections that others make to this host";
constexpr std::string_view kOutbound = "Outbound: connections that processes of this host make";
constexpr std::string_view kProxy = "The proxy itself, whose connections are never taken";
constexpr std::string_view kAction = "What to do";

constexpr Flag kFlags[] = {
    {"inbound-ports", "PORTS", kInbound, "which ports to take: all, or such as 80,9000-9010",
     SetPorts<kIn, &D::ports>},
    {"inbound-to", "PORT", kInbound, "the proxy's listener, on all addresses (default 15006)",
     SetTo<kIn>},
    {"inbound-except-ports", "PORTS", kInbound, "not these", SetPorts<kIn, &D::except_ports>},
    {"inbound-sources", "NETWORKS", kInbound, "only from these, such as 10.0.0.0/8,fd00::/8",
     SetNetworks<kIn, &D::peers>},
    {"inbound-except-sources", "NETWORKS", kInbound, "not from these",
     SetNetworks<kIn, &D::except_peers>},
    {"outbound-ports", "PORTS", kOutbound, "which ports to take: all, or such as 80,9000-9010",
     SetPorts<kOut, &D::ports>},
    {"outbound-to", "PORT", kOutbound, "the proxy's listener, on loopback (default 15001)",
     SetTo<kOut>},
    {"outbound-except-ports", "PORTS", kOutbound, "not these", SetPorts<kOut, &D::except_ports>},
    {"outbound-destinations", "NETWORKS", kOutbound, "only to these", SetNetworks<kOut, &D::peers>},
    {"outbound-except-destinations", "NETWORKS", kOutbound, "not to these",
     SetNetworks<kOut, &D::except_peers>},
    {"proxy-user", "USERS", kProxy, "its user: numbers or names", SetUsers},
    {"proxy-group", "GROUPS", kProxy, "its group", SetGroups},
    {"remove", "", kAction, "remove the rules, whatever they are", SetTrue<&Options::remove>},
    {"dry-run", "", kAction, "print the rules, change nothing; needs no rights",
     SetTrue<&Options::dry_run>},
    {"ip", "FAMILY", kAction, "v4, v6 or both (default: both, v6 if the kernel has it)",
     SetFamilies},
    {"help", "", kAction, "print this and exit", SetTrue<&Options::help>},
};

const Flag* FindFlag(std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

std::string UnknownArgument(std::string_view written, std::string_view name) {
  if (!written.starts_with("-")) return Concat("unexpected argument \"", written, "\"");
  std::vector<std::string_view> names;
  for (const Flag& flag : kFlags) names.push_back(flag.name);
  const std::string_view nearest = config::NearestWord(name, names);
  return Concat("unknown flag ", written,
                nearest.empty() ? "" : Concat("; did you mean --", nearest, "?"));
}

void CheckWhole(const Options& options, std::vector<std::string>& errors) {
  if (options.remove) return;
  if (options.inbound.ports.empty() && options.outbound.ports.empty()) {
    errors.push_back("nothing to intercept: give --inbound-ports, --outbound-ports or --remove");
  }
  // Without it the proxy's own connections would come back to it, for ever.
  if (!options.outbound.ports.empty() && options.proxy_users.empty() &&
      options.proxy_groups.empty()) {
    errors.push_back("--outbound-ports needs --proxy-user or --proxy-group: who the proxy is");
  }
}

// One argument at `at`, and its value; moves `at` behind them.
std::string Take(const std::vector<std::string_view>& arguments, size_t& at,
                 const NameLookup& names, std::vector<const Flag*>& seen, Options& options) {
  const std::string_view argument = arguments[at++];
  const size_t equals = argument.find('=');
  const std::string_view written = argument.substr(0, equals);
  const std::string_view name = written.starts_with("--") ? written.substr(2) : written;
  const Flag* flag = written == "-h" ? FindFlag("help") : FindFlag(name);
  if (flag == nullptr || !written.starts_with("-")) return UnknownArgument(written, name);
  std::string_view value;
  if (flag->value.empty()) {
    if (equals != std::string_view::npos) return Concat(written, " takes no value");
  } else if (equals != std::string_view::npos) {
    value = argument.substr(equals + 1);
  } else if (at == arguments.size() || arguments[at].starts_with("--")) {
    return Concat(written, " needs a value: ", written, " ", flag->value);
  } else {
    value = arguments[at++];
  }
  if (std::find(seen.begin(), seen.end(), flag) != seen.end()) {
    return Concat(written, " is given twice");
  }
  seen.push_back(flag);
  const std::string wrong = flag->apply(value, names, options);
  return wrong.empty() ? "" : Concat(written, " ", wrong);
}

}  // namespace

NameLookup SystemNames() {
  NameLookup names;
  names.user = [](const std::string& name) -> std::optional<uint32_t> {
    const passwd* entry = getpwnam(name.c_str());
    if (entry == nullptr) return std::nullopt;
    return entry->pw_uid;
  };
  names.group = [](const std::string& name) -> std::optional<uint32_t> {
    const group* entry = getgrnam(name.c_str());
    if (entry == nullptr) return std::nullopt;
    return entry->gr_gid;
  };
  return names;
}

ParsedOptions ParseOptions(const std::vector<std::string_view>& arguments,
                           const NameLookup& names) {
  ParsedOptions parsed;
  std::vector<const Flag*> seen;
  size_t at = 0;
  while (at < arguments.size()) {
    std::string wrong = Take(arguments, at, names, seen, parsed.options);
    if (!wrong.empty()) parsed.errors.push_back(std::move(wrong));
  }
  if (parsed.errors.empty()) CheckWhole(parsed.options, parsed.errors);
  return parsed;
}

std::string HelpText(std::string_view program) {
  std::string out = Concat(
      "Usage: ", program, " intercept [flags]\n\n",
      "Has the kernel hand this network namespace's TCP connections to the proxy (iptables).\n",
      "A second run replaces the rules of the first in one step; open connections stay.\n");
  std::string_view group;
  for (const Flag& flag : kFlags) {
    if (flag.group != group) out += Concat("\n", flag.group, "\n");
    group = flag.group;
    std::string line = Concat("  --", flag.name);
    if (!flag.value.empty()) line += Concat(" ", flag.value);
    line.append(line.size() < kHelpColumn ? kHelpColumn - line.size() : 1, ' ');
    out += Concat(line, flag.help, "\n");
  }
  return out;
}

}  // namespace remora::intercept
