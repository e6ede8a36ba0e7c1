#include "source/intercept/rules.h"

#include "absl/strings/str_split.h"
#include "source/config/text.h"

namespace remora::intercept {
namespace {

using config::Concat;

struct Place {
  std::string_view chain;
  std::string_view hook;  // "PREROUTING -p tcp -j REMORA_INBOUND"
  Chain RuleSet::* member;
};

// PREROUTING sees what arrives from other hosts, OUTPUT what processes of this one send.
constexpr Place kPlaces[] = {
    {"REMORA_INBOUND", "PREROUTING -p tcp -j REMORA_INBOUND", &RuleSet::inbound},
    {"REMORA_OUTBOUND", "OUTPUT -p tcp -j REMORA_OUTBOUND", &RuleSet::outbound},
};

std::string PortMatch(const PortRange& range) {
  if (range.all()) return "-p tcp ";
  const std::string last = range.last == range.first ? "" : Concat(":", range.last);
  return Concat("-p tcp -m tcp --dport ", range.first, last, " ");
}

// "-s 10.0.0.0/8 " for each network of this family; iptables-save leaves out what is everything.
std::vector<std::string> PeerMatches(const std::vector<Network>& networks, std::string_view side,
                                     Family family) {
  std::vector<std::string> out;
  for (const Network& network : networks) {
    if (network.family != family) continue;
    out.push_back(network.text.ends_with("/0") ? "" : Concat(side, " ", network.text, " "));
  }
  return out;
}

// The exceptions, then what is taken; `side` is the option that names the peer.
void AddDirection(const Direction& direction, std::string_view side, Family family, Chain& chain) {
  for (const std::string& peer : PeerMatches(direction.except_peers, side, family)) {
    chain.rules.push_back(Concat(peer, "-j RETURN"));
  }
  for (const PortRange& ports : direction.except_ports) {
    chain.rules.push_back(Concat(PortMatch(ports), "-j RETURN"));
  }
  std::vector<std::string> peers = PeerMatches(direction.peers, side, family);
  if (direction.peers.empty()) peers = {""};
  for (const std::string& peer : peers) {
    for (const PortRange& ports : direction.ports) {
      chain.rules.push_back(
          Concat(peer, PortMatch(ports), "-j REDIRECT --to-ports ", direction.to));
    }
  }
}

// Whether a direction takes anything of this family.
bool Takes(const Direction& direction, Family family) {
  if (direction.ports.empty()) return false;
  return direction.peers.empty() || !PeerMatches(direction.peers, "", family).empty();
}

bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

void TakeSavedLine(std::string_view line, const Place& place, Chain& chain) {
  if (ConsumePrefix(line, ":") && ConsumePrefix(line, place.chain) && line.starts_with(" ")) {
    chain.exists = true;
    return;
  }
  if (!ConsumePrefix(line, "-A ")) return;
  if (line == place.hook) ++chain.hooks;
  if (ConsumePrefix(line, place.chain) && ConsumePrefix(line, " ")) chain.rules.emplace_back(line);
}

// Declaring a chain makes it or empties it.
void AppendTransition(const Place& place, const Chain& from, const Chain& to, std::string& chains,
                      std::string& rules) {
  if (from == to) return;
  if (from.exists || to.exists) chains += Concat(":", place.chain, " - [0:0]\n");
  for (const std::string& rule : to.rules) rules += Concat("-A ", place.chain, " ", rule, "\n");
  for (size_t i = to.hooks; i < from.hooks; ++i) rules += Concat("-D ", place.hook, "\n");
  for (size_t i = from.hooks; i < to.hooks; ++i) rules += Concat("-A ", place.hook, "\n");
  if (from.exists && !to.exists) rules += Concat("-X ", place.chain, "\n");
}

}  // namespace

RuleSet WantedRules(const Options& options, Family family) {
  RuleSet out;
  if (options.remove) return out;
  if (Takes(options.inbound, family)) {
    out.inbound.exists = true;
    out.inbound.hooks = 1;
    AddDirection(options.inbound, "-s", family, out.inbound);
  }
  if (Takes(options.outbound, family)) {
    out.outbound.exists = true;
    out.outbound.hooks = 1;
    for (const uint32_t user : options.proxy_users) {
      out.outbound.rules.push_back(Concat("-m owner --uid-owner ", user, " -j RETURN"));
    }
    for (const uint32_t group : options.proxy_groups) {
      out.outbound.rules.push_back(Concat("-m owner --gid-owner ", group, " -j RETURN"));
    }
    // Loopback, and this host's own addresses, which are reached by the same interface.
    out.outbound.rules.push_back("-o lo -j RETURN");
    AddDirection(options.outbound, "-d", family, out.outbound);
  }
  return out;
}

RuleSet InstalledRules(std::string_view saved) {
  RuleSet out;
  for (const absl::string_view piece : absl::StrSplit(config::ToAbsl(saved), '\n')) {
    const std::string_view line(piece.data(), piece.size());
    for (const Place& place : kPlaces) TakeSavedLine(line, place, out.*place.member);
  }
  return out;
}

std::string Transition(const RuleSet& from, const RuleSet& to) {
  std::string chains;
  std::string rules;
  for (const Place& place : kPlaces) {
    AppendTransition(place, from.*place.member, to.*place.member, chains, rules);
  }
  if (chains.empty() && rules.empty()) return "";
  return Concat("*nat\n", chains, rules, "COMMIT\n");
}

}  // namespace remora::intercept
