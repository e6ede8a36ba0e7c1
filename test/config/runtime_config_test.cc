#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

std::string WithLayers(const std::string& layers) {
  Parts parts;
  parts.admin = "layered_runtime: {layers: " + layers + "}";
  return Warnings(parts);
}

TEST_CASE("values without effect are told, one by one") {
  CHECK(WithLayers("[{name: a, static_layer: {re2.max_program_size.error_level: 1}}]") == "");
  CHECK(
      WithLayers("[{name: a, static_layer: {b: {c: 1}, "
                 "envoy.reloadable_features.x: true, f: {numerator: 1, denominator: HUNDRED}}}]") ==
      "layered_runtime.layers[0].static_layer[\"b\"][\"c\"]: accepted without effect: the runtime "
      "value b.c is not used\n"
      "layered_runtime.layers[0].static_layer[\"envoy.reloadable_features.x\"]: accepted without "
      "effect: envoy.reloadable_features.x switches behaviour of Envoy's own\n"
      "layered_runtime.layers[0].static_layer[\"f\"]: accepted without effect: the runtime value f "
      "is not used\n");
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

}  // namespace
}  // namespace remora::config
