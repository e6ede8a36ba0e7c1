#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

std::string WithLayers(const std::string& layers) {
  Parts parts;
  parts.admin = "layered_runtime: {layers: " + layers + "}";
  return Warnings(parts);
}

TEST_CASE("values without effect are told, one by one; the others are kept") {
  CHECK(WithLayers("[{name: a, static_layer: {re2.max_program_size.error_level: 1}}]") == "");
  CHECK(
      WithLayers("[{name: a, static_layer: {b: {c: 1}, "
                 "envoy.reloadable_features.x: true, f: {numerator: 1, denominator: HUNDRED}}}]") ==
      "layered_runtime.layers[0].static_layer[\"envoy.reloadable_features.x\"]: accepted without "
      "effect: envoy.reloadable_features.x switches behaviour of Envoy's own\n");
}

TEST_CASE("values that Envoy refuses") {
  const std::string at = "layered_runtime.layers[0].static_layer[\"x\"]";
  const std::string text = ": Invalid runtime entry value for x\n";
  CHECK(WithLayers("[{name: a, static_layer: {x: null}}]") == at + text);
  CHECK(WithLayers("[{name: a, static_layer: {x: [1]}}]") == at + text);
  CHECK(WithLayers("[{name: a, static_layer: {x: {y: null}}}]") ==
        at + "[\"y\"]: Invalid runtime entry value for x.y\n");
}

TEST_CASE("names of layers differ, and one of them is the admin's") {
  CHECK(WithLayers("[{name: a, static_layer: {}}, {name: a, static_layer: {}}]") ==
        "layered_runtime.layers[1].name: Duplicate layer name: a\n");
  CHECK(WithLayers("[{name: a, admin_layer: {}}, {name: b, admin_layer: {}}]")
            .find("layered_runtime.layers[1].admin_layer: Too many admin layers specified in "
                  "LayeredRuntime, at most one may be specified\n") != std::string::npos);
}

TEST_CASE("a later layer replaces an earlier one's value, even by one that is no number") {
  Parts parts;
  parts.match = "safe_regex: {regex: '[a-z]{1,200}'}";
  const auto loads = [&](const std::string& first, const std::string& second) {
    parts.admin =
        "layered_runtime: {layers: [{name: a, static_layer: {"
        "re2.max_program_size.error_level: " +
        first + "}}, {name: b, static_layer: {re2.max_program_size.error_level: " + second + "}}]}";
    return Faults(parts).empty();
  };
  CHECK(loads("1", "1000"));
  CHECK_FALSE(loads("1000", "1"));
  CHECK_FALSE(loads("1000", "none"));
}

TEST_CASE("layers as values, in their order") {
  Parts parts;
  parts.admin =
      "node: {cluster: edge}\n"
      "layered_runtime: {layers: ["
      "{name: base, static_layer: {a: {b: 5, c: true}, f: {numerator: 3, denominator: MILLION}, "
      "s: word, n: '1.5', l: 12345678}}, "
      "{name: root, disk_layer: {symlink_root: /srv/runtime/current/}}, "
      "{name: below, disk_layer: {symlink_root: /srv/current, subdirectory: envoy, "
      "append_service_cluster: true}}, "
      "{name: own, disk_layer: {symlink_root: /srv/current, append_service_cluster: true}}, "
      "{name: admin, admin_layer: {}}]}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  const std::vector<RuntimeLayerConfig>& layers = loaded.config->runtime;
  REQUIRE(layers.size() == 5);
  CHECK(layers[0].name == "base");
  CHECK(layers[0].values.size() == 6);
  CHECK(layers[0].values.at("l").text == "12345678");
  CHECK(layers[0].values.at("a.b").number == 5.0);
  CHECK(layers[0].values.at("a.b").text == "5");
  CHECK(layers[0].values.at("a.c").boolean == true);
  CHECK(layers[0].values.at("f").fraction->numerator == 3);
  CHECK(layers[0].values.at("f").fraction->denominator == 1'000'000);
  CHECK(layers[0].values.at("f").text == "{numerator: 3, denominator: MILLION}");
  CHECK(layers[0].values.at("s").text == "word");
  CHECK(layers[0].values.at("n").number == 1.5);
  CHECK(layers[1].kind == RuntimeLayerConfig::Kind::kDisk);
  CHECK(layers[1].link == "/srv/runtime/current");
  CHECK(layers[1].subdirectory.empty());
  CHECK(layers[2].subdirectory == "envoy/edge");
  CHECK(layers[3].subdirectory == "edge");
  CHECK(layers[4].kind == RuntimeLayerConfig::Kind::kAdmin);
}

TEST_CASE("a disk layer needs its root, an rtds layer its name and its source") {
  CHECK(WithLayers("[{name: a, disk_layer: {}}]")
            .find("layered_runtime.layers[0].disk_layer.symlink_root: must be set\n") !=
        std::string::npos);
  const std::string faults = WithLayers("[{name: a, rtds_layer: {}}]");
  CHECK(faults.find("layered_runtime.layers[0].rtds_layer.name: must be set\n") !=
        std::string::npos);
  CHECK(faults.find("layered_runtime.layers[0].rtds_layer.rtds_config: must be set\n") !=
        std::string::npos);
  CHECK(WithLayers("[{name: a, rtds_layer: {name: x, rtds_config: {ads: {}}}}]")
            .find("layered_runtime.layers[0].rtds_layer.rtds_config.ads: the bootstrap has no "
                  "dynamic_resources.ads_config\n") != std::string::npos);
}

}  // namespace
}  // namespace remora::config
