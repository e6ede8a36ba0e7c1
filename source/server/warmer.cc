#include "source/server/warmer.h"

namespace remora::server {

void Warmer::Arrived(const std::string& who, const std::string& what) {
  const auto found = waiting_.find(who);
  if (found == waiting_.end() || found->second.erase(what) == 0 || !found->second.empty()) return;
  waiting_.erase(found);
  on_warm_(who);
}

bool Warmer::Any(std::string_view prefix) const {
  const auto first = waiting_.lower_bound(std::string(prefix));
  return first != waiting_.end() && first->first.starts_with(prefix);
}

std::vector<std::pair<std::string, std::vector<std::string>>> Warmer::waiting() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> list;
  for (const auto& [who, what] : waiting_) {
    list.emplace_back(who, std::vector<std::string>(what.begin(), what.end()));
  }
  return list;
}

}  // namespace remora::server
