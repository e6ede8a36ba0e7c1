#include "source/server/concurrency.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace remora::server {
namespace {

std::optional<std::string> ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

// The paths of our cgroup: v2 ("0::/path") and the v1 cpu controller ("4:cpu,cpuacct:/path").
struct CgroupPaths {
  std::string v2;
  std::string v1_cpu;
};

CgroupPaths FindCgroups() {
  CgroupPaths paths;
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) paths.v2 = path;
    std::stringstream list(controllers);
    std::string name;
    while (std::getline(list, name, ',')) {
      if (name == "cpu") paths.v1_cpu = path;
    }
  }
  return paths;
}

std::optional<double> QuotaV2(const std::string& cgroup) {
  // A limit of any ancestor binds too. Inside a container the mount's root is our own group.
  std::optional<double> least;
  std::string path = cgroup;
  while (true) {
    const std::optional<std::string> line =
        ReadLine(absl::StrCat("/sys/fs/cgroup", path == "/" ? "" : path, "/cpu.max"));
    if (line.has_value()) {
      const std::optional<double> cpus = ParseCpuMax(*line);
      if (cpus.has_value() && (!least.has_value() || *cpus < *least)) least = cpus;
    }
    const size_t slash = path.rfind('/');
    if (path.empty() || path == "/") return least;
    path = slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
  }
}

std::optional<double> QuotaV1(const std::string& cgroup) {
  for (const std::string& root :
       {absl::StrCat("/sys/fs/cgroup/cpu", cgroup), std::string("/sys/fs/cgroup/cpu")}) {
    const std::optional<std::string> quota = ReadLine(root + "/cpu.cfs_quota_us");
    const std::optional<std::string> period = ReadLine(root + "/cpu.cfs_period_us");
    double quota_us = 0;
    double period_us = 0;
    if (quota.has_value() && period.has_value() && absl::SimpleAtod(*quota, &quota_us) &&
        absl::SimpleAtod(*period, &period_us) && quota_us > 0 && period_us > 0) {
      return quota_us / period_us;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> ParseCpuMax(std::string_view text) {
  std::istringstream parts{std::string(text)};
  std::string quota;
  double period = 100000;  // the kernel's default when the line holds one word
  parts >> quota >> period;
  double quota_us = 0;
  if (quota == "max" || !absl::SimpleAtod(quota, &quota_us)) return std::nullopt;
  if (quota_us <= 0 || period <= 0) return std::nullopt;
  return quota_us / period;
}

size_t AffinityConcurrency() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
}

size_t DefaultConcurrency() {
  const size_t cpus = AffinityConcurrency();
  const CgroupPaths paths = FindCgroups();
  std::optional<double> quota = QuotaV2(paths.v2.empty() ? "/" : paths.v2);
  if (!quota.has_value()) quota = QuotaV1(paths.v1_cpu);
  if (!quota.has_value()) return cpus;
  return std::max<size_t>(1, std::min(cpus, static_cast<size_t>(std::ceil(*quota))));
}

}  // namespace remora::server
