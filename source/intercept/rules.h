#pragma once

// RuleSet: the rules in the kernel's nat table that are ours, of one address family, and what
// iptables-restore must be told to come from one set to another.
//
// Ours are two chains, REMORA_INBOUND and REMORA_OUTBOUND, and the one rule each that leads to
// them from PREROUTING and OUTPUT; nobody else's rules are ever touched. Pure functions of texts
// and values, any thread; nothing fails. Rules are in the form that iptables-save prints, see
// iptables-extensions(8), so that equal ones compare equal.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "source/intercept/options.h"

namespace remora::intercept {

struct Chain {
  bool exists = false;
  std::vector<std::string> rules;  // "-p tcp -j REDIRECT --to-ports 15006"
  size_t hooks = 0;                // Rules that lead to the chain; 1 is right.

  bool operator==(const Chain&) const = default;
};

struct RuleSet {
  Chain inbound;
  Chain outbound;

  bool empty() const { return *this == RuleSet(); }
  bool operator==(const RuleSet&) const = default;
};

// What the options ask for.
RuleSet WantedRules(const Options& options, Family family);

// What is there of ours, from what `iptables-save -t nat` printed.
RuleSet InstalledRules(std::string_view saved);

// Input for `iptables-restore --noflush`, which applies all of it or nothing. Empty: nothing to do.
std::string Transition(const RuleSet& from, const RuleSet& to);

}  // namespace remora::intercept
