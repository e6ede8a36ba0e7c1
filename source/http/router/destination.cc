#include "source/http/router/destination.h"

#include <string_view>

namespace remora::router {

std::optional<net::Address> FindDestination(const upstream::ClusterRuntime& cluster,
                                            const http::StreamInfo& info,
                                            const http::RequestHead& head) {
  const upstream::OriginalDestination& wanted = *cluster.config().original_destination;
  std::optional<net::Address> found = cluster.DestinationIn(info.dynamic_metadata);
  if (!found.has_value() && !wanted.header.empty()) {
    const http::HeaderEntry* field = head.headers.Find(wanted.header);
    if (field != nullptr) found = cluster.ParseDestination(field->value());
  }
  if (!found.has_value() && info.connection->local_restored) {
    const net::Address* local = info.connection->FindLocal();
    if (local != nullptr) found = *local;
  }
  return found.has_value() ? cluster.FinishDestination(*found) : found;
}

}  // namespace remora::router
