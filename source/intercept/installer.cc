#include "source/intercept/installer.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "source/config/text.h"
#include "source/intercept/command.h"
#include "source/intercept/rules.h"

namespace remora::intercept {
namespace {

using config::Concat;

// The iptables that take locks (the legacy ones) wait for others this long.
constexpr std::string_view kWait = "--wait=10";

absl::Status Failure(std::string_view text) {
  return absl::FailedPreconditionError(config::ToAbsl(text));
}

std::string Text(const absl::Status& status) { return std::string(status.message()); }

struct Programs {
  std::string save;
  std::string restore;
};

struct FamilyPlan {
  std::string_view name;
  Programs programs;
  RuleSet installed;
  RuleSet wanted;
};

std::string_view FamilyName(Family family) { return family == Family::kIpv4 ? "IPv4" : "IPv6"; }
std::string_view Stem(Family family) { return family == Family::kIpv4 ? "iptables" : "ip6tables"; }

std::vector<Family> Families(const Options& options) {
  std::vector<Family> out;
  if (options.ipv4) out.push_back(Family::kIpv4);
  if (options.ipv6) out.push_back(Family::kIpv6);
  return out;
}

std::string DryRun(const Options& options) {
  std::string out;
  for (const Family family : Families(options)) {
    const RuleSet wanted = WantedRules(options, family);
    RuleSet from;
    // As if both chains were there: what a removal takes away.
    if (options.remove) from.inbound = from.outbound = Chain{true, {}, 1};
    out += Concat("# ", Stem(family), "-restore --noflush\n", Transition(from, wanted));
  }
  return out;
}

bool MayChangeRules() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

// Held while rules are read and written; let go of by the kernel, however the process ends.
class NamespaceLock final {
 public:
  NamespaceLock() : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    constexpr std::string_view kName = "remora-intercept";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    // A leading zero byte: the abstract names, of which each network namespace has its own.
    std::memcpy(address.sun_path + 1, kName.data(), kName.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
    held_ = socket_ >= 0 && bind(socket_, reinterpret_cast<sockaddr*>(&address), length) == 0;
  }
  ~NamespaceLock() {
    if (socket_ >= 0) close(socket_);
  }
  NamespaceLock(const NamespaceLock&) = delete;
  NamespaceLock& operator=(const NamespaceLock&) = delete;

  bool held() const { return held_; }

 private:
  int socket_;
  bool held_;
};

absl::StatusOr<CommandResult> Run(const std::vector<std::string>& arguments,
                                  std::string_view input) {
  absl::StatusOr<CommandResult> result = RunCommand(arguments, input);
  if (!result.ok() || result->status == 0) return result;
  std::string said = result->error;
  while (said.ends_with('\n')) said.pop_back();
  return Failure(Concat(arguments.front(), " ended with status ", result->status,
                        said.empty() ? "" : Concat(": ", said)));
}

absl::StatusOr<FamilyPlan> Plan(const Options& options, Family family) {
  FamilyPlan plan;
  plan.name = FamilyName(family);
  const std::string save = Concat(Stem(family), "-save");
  const std::string restore = Concat(Stem(family), "-restore");
  plan.programs = {FindProgram(save), FindProgram(restore)};
  if (plan.programs.save.empty() || plan.programs.restore.empty()) {
    return Failure(Concat("there is no ", plan.programs.save.empty() ? save : restore,
                          " in PATH, /usr/sbin or /sbin: install the package iptables"));
  }
  const absl::StatusOr<CommandResult> saved = Run({plan.programs.save, "-t", "nat"}, "");
  if (!saved.ok()) return saved.status();
  plan.installed = InstalledRules(saved->output);
  plan.wanted = WantedRules(options, family);
  return plan;
}

absl::Status Apply(const FamilyPlan& plan, const RuleSet& from, const RuleSet& to) {
  const std::string text = Transition(from, to);
  if (text.empty()) return absl::OkStatus();
  return Run({plan.programs.restore, std::string(kWait), "--noflush"}, text).status();
}

// All families or none.
absl::Status ApplyAll(const std::vector<FamilyPlan>& plans) {
  for (size_t i = 0; i < plans.size(); ++i) {
    absl::Status status = Apply(plans[i], plans[i].installed, plans[i].wanted);
    if (status.ok()) continue;
    for (size_t done = 0; done < i; ++done) {
      const absl::Status back = Apply(plans[done], plans[done].wanted, plans[done].installed);
      if (back.ok()) continue;
      status = Failure(
          Concat(Text(status), "; and ", plans[done].name, " could not be put back: ", Text(back)));
    }
    return status;
  }
  return absl::OkStatus();
}

std::string Report(const FamilyPlan& plan) {
  std::string_view what = "rules installed";
  if (plan.installed == plan.wanted) {
    what = plan.wanted.empty() ? "no rules, as before" : "rules are installed already";
  } else if (plan.wanted.empty()) {
    what = "rules removed";
  } else if (!plan.installed.empty()) {
    what = "rules replaced";
  }
  return Concat(plan.name, ": ", what, "\n");
}

bool KernelHasIpv6() { return access("/proc/net/if_inet6", F_OK) == 0; }

}  // namespace

absl::StatusOr<std::string> Install(const Options& options) {
  if (options.dry_run) return DryRun(options);
  if (!MayChangeRules()) {
    return absl::PermissionDeniedError("changing the rules needs CAP_NET_ADMIN: run it as root");
  }
  const NamespaceLock lock;
  if (!lock.held()) {
    return absl::AbortedError("another intercept is running in this network namespace");
  }
  std::string report;
  std::vector<FamilyPlan> plans;
  for (const Family family : Families(options)) {
    if (family == Family::kIpv6 && options.ipv6_if_present && !KernelHasIpv6()) {
      report += "IPv6: the kernel has none\n";
      continue;
    }
    absl::StatusOr<FamilyPlan> plan = Plan(options, family);
    if (!plan.ok()) return plan.status();
    plans.push_back(*std::move(plan));
  }
  absl::Status status = ApplyAll(plans);
  if (!status.ok()) return status;
  for (const FamilyPlan& plan : plans) report += Report(plan);
  return report;
}

}  // namespace remora::intercept
