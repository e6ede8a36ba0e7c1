#include "source/stats/query.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::stats {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

Query Parsed(const Params& params, Format format = Format::kText) {
  const absl::StatusOr<Query> query = ParseQuery(params, format);
  REQUIRE(query.ok());
  return *query;
}

std::string Refused(const Params& params) {
  const absl::StatusOr<Query> query = ParseQuery(params);
  REQUIRE(query.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(query.status().message());
}

TEST_CASE("no parameters: everything, as text", "[stats]") {
  const Query query = Parsed({});
  CHECK(query.format == Format::kText);
  CHECK(query.buckets == HistogramBuckets::kUnset);
  CHECK_FALSE(query.filter.used_only);
  CHECK_FALSE(query.filter.name);
  for (const Kind kind : {Kind::kCounter, Kind::kGauge, Kind::kHistogram, Kind::kTextReadout}) {
    CHECK(query.filter.Wants(kind));
  }
}

TEST_CASE("parameters", "[stats]") {
  CHECK(Parsed({{"usedonly", ""}}).filter.used_only);
  CHECK(Parsed({{"usedonly", "false"}}).filter.used_only);
  CHECK(Parsed({{"format", "json"}}).format == Format::kJson);
  CHECK(Parsed({{"format", "text"}, {"format", "json"}}).format == Format::kText);
  CHECK(Parsed({{"format", ""}}, Format::kPrometheus).format == Format::kPrometheus);
  CHECK(Parsed({{"text_readouts", ""}}).text_readouts);
  CHECK(Parsed({{"histogram_buckets", "none"}}).buckets == HistogramBuckets::kUnset);
  CHECK(Parsed({{"histogram_buckets", "summary"}}).buckets == HistogramBuckets::kSummary);
  CHECK(Parsed({{"histogram_buckets", "cumulative"}}).buckets == HistogramBuckets::kCumulative);
  CHECK(Parsed({{"histogram_buckets", "disjoint"}}).buckets == HistogramBuckets::kDisjoint);
  CHECK(Parsed({{"histogram_buckets", "detailed"}}).buckets == HistogramBuckets::kDetailed);
  CHECK(Parsed({{"pretty", ""}, {"hidden", "include"}, {"x", "y"}}).format == Format::kText);
}

TEST_CASE("type", "[stats]") {
  const Query gauges = Parsed({{"type", "Gauges"}, {"usedonly", ""}, {"filter", "a"}});
  CHECK(gauges.filter.Wants(Kind::kGauge));
  CHECK_FALSE(gauges.filter.Wants(Kind::kCounter));
  CHECK(gauges.filter.used_only);
  CHECK(gauges.filter.name);
  CHECK(Parsed({{"type", "All"}}).filter.Wants(Kind::kCounter));
  CHECK(Parsed({{"type", "TextReadouts"}}).filter.Wants(Kind::kTextReadout));
  // Envoy has all types in its Prometheus output whatever is asked.
  CHECK(Parsed({{"type", "Gauges"}}, Format::kPrometheus).filter.Wants(Kind::kCounter));
}

TEST_CASE("filter matches a part of the name, with case", "[stats]") {
  const Query query = Parsed({{"filter", "rq_(time|total)$"}});
  CHECK(query.filter.name("cluster.up.upstream_rq_total"));
  CHECK_FALSE(query.filter.name("cluster.up.upstream_rq_total2"));
  CHECK_FALSE(query.filter.name("cluster.up.upstream_RQ_total"));
}

TEST_CASE("wrong values are refused in Envoy's words", "[stats]") {
  CHECK(Refused({{"filter", "["}}) == "Invalid re2 regex: missing ]: [");
  CHECK(Refused({{"type", "foo"}}) == "invalid &type= param");
  CHECK(Refused({{"type", ""}}) == "invalid &type= param");
  CHECK(Refused({{"format", "html"}}) == "usage: /stats?format=(json|prometheus|text)\n\n");
  CHECK(Refused({{"hidden", "x"}}) == "usage: /stats?hidden=(include|only|exclude)\n\n");
  CHECK(Refused({{"histogram_buckets", "x"}}) ==
        "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n");
  CHECK(Refused({{"histogram_buckets", "detailed"}, {"format", "prometheus"}}) ==
        "unsupported prometheus histogram bucket mode");
}

}  // namespace
}  // namespace remora::stats
