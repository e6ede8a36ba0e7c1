#include "source/admin/endpoint_table.h"
#include "source/stats/query.h"
#include "source/stats/render.h"

namespace remora::admin {
namespace {

Response RenderStats(const Environment& environment, const Request& request, stats::Format format) {
  const absl::StatusOr<stats::Query> query = stats::ParseQuery(request.parameters, format);
  if (!query.ok()) return Error(400, std::string(query.status().message()));
  if (environment.refresh_stats) environment.refresh_stats();
  const stats::Snapshot snapshot = environment.stats.TakeSnapshot(query->filter);
  Response response;
  if (query->format == stats::Format::kJson) response.content_type = kJson;
  response.more = PiecesOf(stats::Render(snapshot, *query, environment.tags));
  return response;
}

Response Stats(const EndpointTable& table, const Request& request) {
  return RenderStats(table.environment(), request, stats::Format::kText);
}

// Whatever `format` says, as in Envoy.
Response PrometheusStats(const EndpointTable& table, const Request& request) {
  Request plain = request;
  std::erase_if(plain.parameters, [](const auto& entry) { return entry.first == "format"; });
  return RenderStats(table.environment(), plain, stats::Format::kPrometheus);
}

Parameter UsedOnly() {
  return {Parameter::Kind::kFlag, "usedonly",
          "Only include stats that have been written by system since restart"};
}

Parameter Filter() {
  return {Parameter::Kind::kText, "filter", "Regular expression (Google re2) for filtering stats"};
}

Parameter Buckets(std::vector<std::string_view> choices) {
  return {Parameter::Kind::kChoice, "histogram_buckets", "Histogram bucket display mode",
          std::move(choices)};
}

}  // namespace

void AddStatsEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back({"/stats",
                       "print server stats",
                       &Stats,
                       false,
                       {UsedOnly(),
                        Filter(),
                        {Kind::kChoice, "format", "Format to use", {"text", "json", "prometheus"}},
                        {Kind::kChoice,
                         "type",
                         "Stat types to include.",
                         {"All", "Counters", "Histograms", "Gauges", "TextReadouts"}},
                        Buckets({"summary", "cumulative", "disjoint", "detailed"})}});
  endpoints.push_back(
      {"/stats/prometheus",
       "print server stats in prometheus format",
       &PrometheusStats,
       false,
       {UsedOnly(),
        {Kind::kFlag, "text_readouts",
         "Render text_readouts as new gauges with value 0 (increases Prometheus data size)"},
        Filter(),
        Buckets({"cumulative", "summary"})}});
}

}  // namespace remora::admin
