#include "source/http/route/virtual_clusters.h"

#include <algorithm>

namespace remora::route {

const VirtualClusters::Entry& VirtualClusters::Find(const http::RequestHead& head) const {
  const auto takes = [&head](const Entry& entry) {
    return std::all_of(entry.headers.begin(), entry.headers.end(),
                       [&head](const HeaderMatcher& matcher) { return matcher.Matches(head); });
  };
  return *std::find_if(entries_.begin(), entries_.end() - 1, takes);
}

}  // namespace remora::route
