#include "source/admin/endpoint_table.h"
#include "source/stats/query.h"
#include "source/stats/stream.h"

namespace remora::admin {
namespace {

Response RenderStats(const Environment& environment, const Request& request, stats::Format format) {
  const absl::StatusOr<stats::Query> query = stats::ParseQuery(request.parameters, format);
  if (!query.ok()) return Error(400, std::string(query.status().message()));
  if (environment.refresh_stats) environment.refresh_stats();
  Response response;
  if (query->format == stats::Format::kJson) response.content_type = kJson;
  response.more = [stream = std::make_unique<stats::Stream>(environment.stats, environment.tags,
                                                            *query)](std::string& piece) {
    return stream->Next(piece);
  };
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

Response ResetCounters(const EndpointTable& table, const Request&) {
  table.environment().stats.ResetCounters();
  return Text("OK\n");
}

// Envoy counts how often statistics are looked up by name. Here owners hold their cells, and names
// are read when an owner is made: there is nothing to count.
Response RecentLookups(const EndpointTable&, const Request&) {
  return Text(
      "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n");
}

Response EnableRecentLookups(const EndpointTable&, const Request&) {
  return Error(501, "Lookup tracking is not supported: statistics are not looked up by name\n");
}

Response ChangeNoLookups(const EndpointTable&, const Request&) { return Text("OK\n"); }

Parameter UsedOnly() {
  return {Parameter::Kind::kFlag, "usedonly",
          "Only include stats that have been written by system since restart"};
}

Parameter Filter() {
  return {Parameter::Kind::kText, "filter", "Regular expression (Google re2) for filtering stats"};
}

Parameter InvertFilter() {
  return {Parameter::Kind::kFlag, "invert_filter", "Invert the filter regex"};
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
                        InvertFilter(),
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
        InvertFilter(),
        Buckets({"cumulative", "summary"})}});
  endpoints.push_back({"/reset_counters", "reset all counters to zero", &ResetCounters, true});
  endpoints.push_back({"/stats/recentlookups", "Show recent stat-name lookups", &RecentLookups});
  endpoints.push_back({"/stats/recentlookups/clear", "clear list of stat-name lookups and counter",
                       &ChangeNoLookups, true});
  endpoints.push_back({"/stats/recentlookups/disable",
                       "disable recording of reset stat-name lookup names", &ChangeNoLookups,
                       true});
  endpoints.push_back({"/stats/recentlookups/enable",
                       "enable recording of reset stat-name lookup names", &EnableRecentLookups,
                       true});
}

}  // namespace remora::admin
