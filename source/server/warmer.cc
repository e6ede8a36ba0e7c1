#include "source/server/warmer.h"

#include <algorithm>

namespace remora::server {

void Warmer::Arrived(const std::string& who, const std::string& what) {
  const auto found = waiting_.find(who);
  if (found == waiting_.end() || found->second.erase(what) == 0 || !found->second.empty()) return;
  waiting_.erase(found);
  on_warm_(who);
}

size_t Warmer::Count(std::string_view prefix) const {
  return static_cast<size_t>(
      std::count_if(waiting_.begin(), waiting_.end(),
                    [prefix](const auto& entry) { return entry.first.starts_with(prefix); }));
}

std::vector<std::pair<std::string, std::vector<std::string>>> Warmer::waiting() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> list;
  for (const auto& [who, what] : waiting_) {
    list.emplace_back(who, std::vector<std::string>(what.begin(), what.end()));
  }
  return list;
}

}  // namespace remora::server
