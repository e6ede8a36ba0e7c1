#include "source/stats/stream.h"

#include <catch2/catch.hpp>
#include <string>

#include "source/stats/store.h"

namespace remora::stats {
namespace {

std::string Joined(Store& store, const TagExtractor& tags, const Query& query, size_t portion) {
  Stream stream(store, tags, query, portion);
  std::string text;
  std::string piece;
  while (stream.Next(piece)) text += piece;
  return text;
}

std::string Rendered(Store& store, const std::string& format, const std::string& buckets = "",
                     bool text_readouts = false) {
  std::vector<std::pair<std::string, std::string>> params = {{"format", format},
                                                             {"histogram_buckets", buckets}};
  if (text_readouts) params.emplace_back("text_readouts", "");
  const absl::StatusOr<Query> query = ParseQuery(params);
  REQUIRE(query.ok());
  const absl::StatusOr<TagExtractor> tags = TagExtractor::Create({});
  REQUIRE(tags.ok());
  // However the work is cut, the text is the same.
  const std::string text = Joined(store, *tags, *query, Cursor::kPortion);
  for (const size_t portion : {1, 2, 3, 7}) CHECK(Joined(store, *tags, *query, portion) == text);
  return text;
}

// The values of an Envoy 1.40 whose outputs the expectations below repeat.
void Fill(Store& store) {
  Shard& main = store.main_shard();
  Scope& up = store.AddScope("cluster.up");
  up.MakeCounter(main, "upstream_rq_200").Add(15);
  up.MakeCounter(main, "upstream_rq_404").Add(1);
  up.MakeGauge(main, "upstream_cx_active").Add(2);
  const Histogram time = up.MakeHistogram(main, "upstream_rq_time", Unit::kMilliseconds);
  for (const uint64_t value : {0, 0, 1, 12, 41, 43, 43, 44, 45, 46, 82, 120, 150, 190, 420, 1100}) {
    time.Record(value);
  }
  up.MakeHistogram(main, "upstream_cx_length_ms", Unit::kMilliseconds);
  store.AddScope("cluster_manager.cds").MakeTextReadout("version_text").Set("v\"1\\x");
  store.AddScope("cluster_manager").MakeCounter(main, "cluster_added").Inc();
  store.FlushIntervals();
  store.FlushIntervals();
}

TEST_CASE("text", "[stats]") {
  Store store(0);
  Fill(store);
  CHECK(Rendered(store, "text") ==
        "cluster_manager.cds.version_text: \"v\"1\\x\"\n"
        "cluster.up.upstream_cx_active: 2\n"
        "cluster.up.upstream_rq_200: 15\n"
        "cluster.up.upstream_rq_404: 1\n"
        "cluster_manager.cluster_added: 1\n"
        "cluster.up.upstream_cx_length_ms: No recorded values\n"
        "cluster.up.upstream_rq_time: P0(nan,0) P25(nan,12.5) P50(nan,44.5) P75(nan,125) "
        "P90(nan,425) P95(nan,1150) P99(nan,1150) P99.5(nan,1150) P99.9(nan,1150) "
        "P100(nan,1150)\n");
}

TEST_CASE("text with buckets", "[stats]") {
  Store store(0);
  const Histogram time =
      store.root().MakeHistogram(store.main_shard(), "upstream_rq_time", Unit::kMilliseconds);
  for (const uint64_t value : {0, 0, 1, 12, 41, 43, 43, 44, 45, 46, 82, 120, 150, 190, 420, 1100}) {
    time.Record(value);
  }
  store.FlushIntervals();
  store.FlushIntervals();
  CHECK(Rendered(store, "text", "cumulative") ==
        "upstream_rq_time: B0.5(0,2) B1(0,3) B5(0,3) B10(0,3) B25(0,4) B50(0,10) B100(0,11) "
        "B250(0,14) B500(0,15) B1000(0,15) B2500(0,16) B5000(0,16) B10000(0,16) B30000(0,16) "
        "B60000(0,16) B300000(0,16) B600000(0,16) B1.8e+06(0,16) B3.6e+06(0,16)\n");
  CHECK(Rendered(store, "text", "disjoint") ==
        "upstream_rq_time: B0.5(0,2) B1(0,1) B5(0,0) B10(0,0) B25(0,1) B50(0,6) B100(0,1) "
        "B250(0,3) B500(0,1) B1000(0,0) B2500(0,1) B5000(0,0) B10000(0,0) B30000(0,0) "
        "B60000(0,0) B300000(0,0) B600000(0,0) B1.8e+06(0,0) B3.6e+06(0,0)\n");
  CHECK(Rendered(store, "text", "detailed") ==
        "upstream_rq_time:\n"
        "  totals=0,0:2, 1,0.1:1, 12,1:1, 41,1:1, 43,1:2, 44,1:1, 45,1:1, 46,1:1, 82,1:1, "
        "120,10:1, 150,10:1, 190,10:1, 420,10:1, 1100,100:1\n"
        "  intervals=\n"
        "  summary=P0(nan,0) P25(nan,12.5) P50(nan,44.5) P75(nan,125) P90(nan,425) "
        "P95(nan,1150) P99(nan,1150) P99.5(nan,1150) P99.9(nan,1150) P100(nan,1150)\n");
}

TEST_CASE("JSON", "[stats]") {
  Store store(0);
  Fill(store);
  const std::string json = Rendered(store, "json");
  CHECK(json.substr(0, json.find(",{\"histograms\"")) ==
        R"({"stats":[{"name":"cluster_manager.cds.version_text","value":"v\"1\\x"},)"
        R"({"name":"cluster.up.upstream_cx_active","value":2},)"
        R"({"name":"cluster.up.upstream_rq_200","value":15},)"
        R"({"name":"cluster.up.upstream_rq_404","value":1},)"
        R"({"name":"cluster_manager.cluster_added","value":1})");
  const std::string nothing = R"({"cumulative":null,"interval":null})";
  std::string empty = nothing;
  for (int i = 0; i < 9; ++i) empty += "," + nothing;
  CHECK(json.substr(json.find("{\"histograms\"")) ==
        R"({"histograms":{"supported_quantiles":[0,25,50,75,90,95,99,99.5,99.9,100],)"
        R"("computed_quantiles":[{"name":"cluster.up.upstream_cx_length_ms","values":[)" +
            empty +
            R"(]},{"name":"cluster.up.upstream_rq_time","values":[)"
            R"({"cumulative":0,"interval":null},{"cumulative":12.5,"interval":null},)"
            R"({"cumulative":44.5,"interval":null},{"cumulative":125,"interval":null},)"
            R"({"cumulative":425,"interval":null},{"cumulative":1150,"interval":null},)"
            R"({"cumulative":1150,"interval":null},{"cumulative":1150,"interval":null},)"
            R"({"cumulative":1150,"interval":null},{"cumulative":1150,"interval":null}]}]}}]})");
}

TEST_CASE("JSON with buckets", "[stats]") {
  Store store(0);
  store.root().MakeHistogram(store.main_shard(), "h", Unit::kNone).Record(300000);
  store.FlushIntervals();
  const std::string cumulative = Rendered(store, "json", "cumulative");
  CHECK(cumulative.starts_with(
      R"({"stats":[{"histograms":[{"name":"h","buckets":[{"upper_bound":0.5,"interval":0,)"));
  CHECK(cumulative.ends_with(R"({"upper_bound":60000,"interval":0,"cumulative":0},)"
                             R"({"upper_bound":3e+05,"interval":1,"cumulative":1},)"
                             R"({"upper_bound":6e+05,"interval":1,"cumulative":1},)"
                             R"({"upper_bound":1800000,"interval":1,"cumulative":1},)"
                             R"({"upper_bound":3600000,"interval":1,"cumulative":1}]}]}]})"));
  const std::string disjoint = Rendered(store, "json", "disjoint");
  CHECK(disjoint.ends_with(R"({"upper_bound":3e+05,"interval":1,"cumulative":1},)"
                           R"({"upper_bound":6e+05,"interval":0,"cumulative":0},)"
                           R"({"upper_bound":1800000,"interval":0,"cumulative":0},)"
                           R"({"upper_bound":3600000,"interval":0,"cumulative":0}]}]}]})"));
  CHECK(Rendered(store, "json", "detailed")
            .starts_with(
                R"({"stats":[{"histograms":{"supported_percentiles":[0,25,50,75,90,95,99,99.5,)"
                R"(99.9,100],"details":[{"name":"h","totals":[{"lower_bound":3e+05,)"
                R"("width":10000,"count":1}],"intervals":[{"lower_bound":3e+05,"width":10000,)"
                R"("count":1}],"percentiles":[{"cumulative":305000,"interval":305000},)"));
}

TEST_CASE("JSON strings are escaped", "[stats]") {
  Store store(0);
  store.root().MakeTextReadout("t").Set(std::string_view("a\n\t\x01\"\\\xC3\xA9\xFFz", 10));
  CHECK(Rendered(store, "json") ==
        "{\"stats\":[{\"name\":\"t\",\"value\":\"a\\n\\t\\u0001\\\"\\\\\xC3\xA9\xEF\xBF\xBDz\"}]}");
}

TEST_CASE("nothing to show", "[stats]") {
  Store store(0);
  CHECK(Rendered(store, "text").empty());
  CHECK(Rendered(store, "json") == "{\"stats\":[]}");
  CHECK(Rendered(store, "prometheus").empty());
}

TEST_CASE("Prometheus", "[stats]") {
  Store store(0);
  Fill(store);
  const std::string text = Rendered(store, "prometheus", "", true);
  CHECK(text.substr(0, text.find("# TYPE envoy_cluster_upstream_cx_length_ms")) ==
        "# TYPE envoy_cluster_upstream_rq counter\n"
        "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"up\"} 15\n"
        "envoy_cluster_upstream_rq{envoy_response_code=\"404\",envoy_cluster_name=\"up\"} 1\n"
        "# TYPE envoy_cluster_manager_cluster_added counter\n"
        "envoy_cluster_manager_cluster_added{} 1\n"
        "# TYPE envoy_cluster_upstream_cx_active gauge\n"
        "envoy_cluster_upstream_cx_active{envoy_cluster_name=\"up\"} 2\n"
        "# TYPE envoy_cluster_manager_cds_version_text gauge\n"
        "envoy_cluster_manager_cds_version_text{text_value=\"v\\\"1\\\\x\"} 0\n");
  CHECK(Rendered(store, "prometheus").find("version_text") == std::string::npos);

  const std::string labels = "{envoy_cluster_name=\"up\"";
  std::string histogram = "# TYPE envoy_cluster_upstream_rq_time histogram\n";
  const char* const rows[] = {"0.5\"} 2",     "1\"} 3",        "5\"} 3",        "10\"} 3",
                              "25\"} 4",      "50\"} 10",      "100\"} 11",     "250\"} 14",
                              "500\"} 15",    "1000\"} 15",    "2500\"} 16",    "5000\"} 16",
                              "10000\"} 16",  "30000\"} 16",   "60000\"} 16",   "300000\"} 16",
                              "600000\"} 16", "1800000\"} 16", "3600000\"} 16", "+Inf\"} 16"};
  for (const char* row : rows) {
    histogram += "envoy_cluster_upstream_rq_time_bucket" + labels + ",le=\"" + row + "\n";
  }
  histogram += "envoy_cluster_upstream_rq_time_sum" + labels + "} 2337\n";
  histogram += "envoy_cluster_upstream_rq_time_count" + labels + "} 16\n";
  CHECK(text.substr(text.find("# TYPE envoy_cluster_upstream_rq_time")) == histogram);
}

TEST_CASE("Prometheus without labels, and as a summary", "[stats]") {
  Store store(0);
  const Histogram h = store.root().MakeHistogram(store.main_shard(), "server.h", Unit::kNone);
  h.Record(17);
  store.FlushIntervals();
  const std::string text = Rendered(store, "prometheus");
  CHECK(
      text.starts_with("# TYPE envoy_server_h histogram\n"
                       "envoy_server_h_bucket{le=\"0.5\"} 0\n"));
  CHECK(text.ends_with("envoy_server_h_sum{} 17\nenvoy_server_h_count{} 1\n"));
  const std::string summary = Rendered(store, "prometheus", "summary");
  CHECK(
      summary.starts_with("# TYPE envoy_server_h summary\n"
                          "envoy_server_h{quantile=\"0\"} 17.5\n"
                          "envoy_server_h{quantile=\"0.25\"} 17.5\n"));
  CHECK(
      summary.ends_with("envoy_server_h{quantile=\"1\"} 17.5\n"
                        "envoy_server_h_sum{} 17\nenvoy_server_h_count{} 1\n"));
  store.FlushIntervals();
  CHECK(Rendered(store, "prometheus", "summary").find("{quantile=\"1\"} nan\n") !=
        std::string::npos);
}

TEST_CASE("a label value with a newline stays on its line", "[stats]") {
  Store store(0);
  store.root().MakeCounter(store.main_shard(), "cluster.a\nb\"c\\d.x-y");
  CHECK(Rendered(store, "prometheus") ==
        "# TYPE envoy_cluster_x_y counter\n"
        "envoy_cluster_x_y{envoy_cluster_name=\"a\\nb\\\"c\\\\d\"} 0\n");
}

TEST_CASE("long output comes in pieces", "[stats]") {
  Store store(0);
  for (int i = 0; i < 5000; ++i) {
    store.AddScope("cluster.c" + std::to_string(i)).MakeCounter(store.main_shard(), "x");
  }
  const auto tags = TagExtractor::Create({}).value();
  for (const Format format : {Format::kText, Format::kJson, Format::kPrometheus}) {
    Query query;
    query.format = format;
    Stream stream(store, tags, query);
    std::string piece;
    int pieces = 0;
    size_t size = 0;
    while (stream.Next(piece)) {
      CHECK(piece.size() <= 64 * 1024);
      pieces += !piece.empty();
      size += piece.size();
    }
    CHECK(pieces >= 5);
    CHECK(size >= 5000 * 12);
  }
}

// A naive reading of everything at once.
std::string Naive(Store& store) {
  std::string text;
  const Snapshot snapshot = store.TakeSnapshot();
  for (const Metric& metric : snapshot.metrics()) {
    text += std::string(metric.name) + ": " + std::to_string(metric.value) + "\n";
  }
  return text;
}

TEST_CASE("scopes within scopes, and names of the root, come in one order", "[stats]") {
  Store store(0);
  Shard& main = store.main_shard();
  uint64_t value = 0;
  for (const char* prefix : {"", "a", "a.b", "a.b.c", "a-b", "a.bc", "ab", "b", "cluster.x",
                             "cluster.x.y", "cluster.x_y", "zz"}) {
    for (const char* name : {"a", "b.c", "b", "bc.d", "x", "c.b.a", "y.x", "-", "_"}) {
      store.AddScope(prefix).MakeCounter(main, name).Add(++value);
    }
  }
  CHECK(Rendered(store, "text") == Naive(store));
  CHECK(Rendered(store, "json").size() > 1000);
  CHECK(Rendered(store, "prometheus").size() > 1000);
}

TEST_CASE("what is removed while it is read is left out", "[stats]") {
  const Format format = GENERATE(Format::kText, Format::kJson, Format::kPrometheus);
  Store store(0);
  std::vector<Scope*> scopes;
  for (int i = 0; i < 100; ++i) {
    scopes.push_back(&store.AddScope("cluster.c" + std::to_string(100 + i)));
    scopes.back()->MakeCounter(store.main_shard(), "x").Inc();
  }
  const auto tags = TagExtractor::Create({}).value();
  Query query;
  query.format = format;
  Stream stream(store, tags, query, 10);
  std::string piece;
  std::string text;
  while (text.find("c105") == std::string::npos) {
    REQUIRE(stream.Next(piece));
    text += piece;
  }
  store.Quiesce(store.RemoveScope(*scopes[50]));
  store.RemoveScope(*scopes[60]);
  store.AddScope("cluster.c150").MakeGauge(store.main_shard(), "other").Set(1);
  while (stream.Next(piece)) text += piece;
  CHECK(text.find("c149") != std::string::npos);
  CHECK(text.find("c160") == std::string::npos);
  CHECK(text.find("c199") != std::string::npos);
}

}  // namespace
}  // namespace remora::stats
