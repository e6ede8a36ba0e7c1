#pragma once

// Translator of envoy.config.route.v3.RouteConfiguration: routes as the route table's plain values,
// and the table built from them.
//
// Pure but for direct response bodies that name a file or environment variable. What the table's
// own builder finds (expressions, domains, weights) is reported under the fields' paths too;
// clusters that do not exist are found here, since only the bootstrap knows the clusters.

#include <memory>
#include <vector>

#include "source/config/core_config.h"
#include "source/http/filter/filter.h"
#include "source/http/route/route_table.h"

namespace envoy::config::route::v3 {
class RouteConfiguration;
}

namespace remora::config {

// Null after an error. `filters`: the chain that the table is for. `validates_clusters`: what
// counts where the table does not say.
std::shared_ptr<const route::RouteTable> ParseRouteTable(
    const envoy::config::route::v3::RouteConfiguration& proto,
    const std::vector<http::FilterFactory>& filters, bool validates_clusters, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
