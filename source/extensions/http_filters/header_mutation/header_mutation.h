#pragma once

// The header mutation filter: changes header fields, trailers and query parameters.
//
// envoy.extensions.filters.http.header_mutation.v3. The filter's own mutations come first, then
// those of the route's levels: from the most specific to the least, so that the least specific has
// the last word, or the other way with most_specific_header_mutations_wins. A change of the query
// does not choose another route. Source: Envoy
// source/extensions/filters/http/header_mutation/header_mutation.cc.

#include <optional>

#include "source/config/registry.h"
#include "source/extensions/http_filters/header_mutation/mutations.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::header_mutation::v3 {
class HeaderMutation;
class HeaderMutationPerRoute;
}  // namespace envoy::extensions::filters::http::header_mutation::v3

namespace remora::extensions {

class HeaderMutationFilter;

struct HeaderMutation {
  using Proto = envoy::extensions::filters::http::header_mutation::v3::HeaderMutation;
  using RouteProto = envoy::extensions::filters::http::header_mutation::v3::HeaderMutationPerRoute;
  using Filter = HeaderMutationFilter;
  struct Config {
    Mutations mutations;
    bool most_specific_wins = false;
  };
  struct RouteConfig {
    Mutations mutations;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class HeaderMutationFilter final : public http::Filter {
 public:
  HeaderMutationFilter(const HeaderMutation::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;

 private:
  // Calls `apply` with the mutations of each level, in order.
  template <class F>
  void ForEachLevel(F&& apply) const;
  void ChangeFields(std::vector<FieldMutation> Mutations::* which, http::HeaderMap& headers) const;
  ValueFormat::Facts Facts() const;

  const HeaderMutation::Config& config_;
  http::FilterContext& context_;
  const http::ResponseHead* response_ = nullptr;
};

}  // namespace remora::extensions
