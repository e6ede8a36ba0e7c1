// Whatever the text is, the loader answers: mutations of a valid configuration, from a fixed seed.

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "source/config/load_bootstrap.h"
#include "test/config/testdata/loader_sample.pb.h"

namespace remora::config {
namespace {

constexpr int kRounds = 2000;

constexpr char kYaml[] = R"(# A bit of everything.
flag: yes
int32_value: -5
uint64_value: "18446744073709551615"
double_value: 1.5e3
name: &name 'it''s'
data: aGk=
color: dark_blue
inner: &inner {name: a, portValue: 80}
names:
- *name
- "b\u00e4\n"
- |
  block
- >-
  folded
inners:
- *inner
- name: b
  port_value: 0x1f
labels: {"a.b": c, ? d : e}
by_port: 5
timeout: 0.25s
at: 2024-05-01T10:00:00Z
metadata: {a: [1, {b: ~}], c: !!str 5}
bool_wrapper: on
typed_config:
  "@type": type.googleapis.com/xds.type.v3.TypedStruct
  type_url: type.googleapis.com/remora.test.v1.Rules
  value: {port: 80, items: a, needs: {name: x, inner: {}, items: z, by_name: z}}
typed_configs:
- {"@type": type.googleapis.com/google.protobuf.Duration, value: 5s}
mask: fooBar,a
)";

constexpr char kJson[] =
    R"({"flag": true, "int32Value": -5, "uint64_value": "5", "name": "\u00e4\n",
  "inners": [{"name": "a"}, {"portValue": 8.0e1}], "labels": {"a": "b"}, "timeout": "0.25s",
  "metadata": {"a": [1, {"b": null}], "c": 1.5e-3}, "byInner": {},
  "typedConfig": {"@type": "type.googleapis.com/remora.test.v1.Rules", "port": 70000}})";

// Changes, inserts, removes, doubles and moves pieces; mostly with the characters of the syntax.
std::string Mutate(const std::string& text, std::mt19937& random) {
  static constexpr char kAlphabet[] =
      "[]{}:,-?&*!|>'\"#%@`~<\\\n\t  0159.eExXsnyaA/\x01\x7f\x80\xc3";
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  std::string out = text;
  for (size_t rounds = 1 + below(6); rounds > 0; --rounds) {
    const size_t at = below(out.size() + 1);
    const size_t length = below(std::min<size_t>(20, out.size() - at) + 1);
    switch (below(6)) {
      case 0:
        out.insert(at, 1, kAlphabet[below(sizeof(kAlphabet) - 1)]);
        break;
      case 1:
        if (at < out.size()) out[at] = kAlphabet[below(sizeof(kAlphabet) - 1)];
        break;
      case 2:
        out.erase(at, length);
        break;
      case 3:
        out.insert(below(out.size() + 1), out.substr(at, length));
        break;
      case 4:
        out.resize(at);
        break;
      default:
        out.insert(at, below(200), kAlphabet[below(sizeof(kAlphabet) - 1)]);
        break;
    }
  }
  return out;
}

// Reads the text; what comes out must hold together.
void Check(const std::string& text, bool json) {
  ErrorList errors;
  const auto document =
      json ? Document::ParseJson(text, "f", errors) : Document::ParseYaml(text, "f", errors);
  REQUIRE((document == nullptr) == !errors.empty());
  if (document == nullptr) {
    REQUIRE(errors.errors().front().line >= 1);
    REQUIRE(errors.errors().front().column >= 1);
    return;
  }
  remora::test::v1::Sample message;
  ReadReport report;
  ReadMessage(*document, ReadOptions{}, message, report);
  for (const ConfigError& error : report.errors.errors()) {
    REQUIRE(error.line >= 1);
    REQUIRE_FALSE(error.message.empty());
  }
  if (json) return;
  // And the whole way, as --config-yaml over itself.
  LoadOptions options;
  options.yaml = text;
  const LoadResult result = LoadMessage(options, message);
  REQUIRE(result.errors.size() <= LoadResult::kMaxReported);
  REQUIRE((report.errors.empty() || !result.errors.empty()));
}

TEST_CASE("robustness: the texts to mutate are valid") {
  remora::test::v1::Sample message;
  LoadOptions options;
  options.yaml = kYaml;
  CHECK(LoadMessage(options, message).errors.ToString() == "");
  ErrorList errors;
  CHECK(Document::ParseJson(kJson, "f", errors) != nullptr);
}

TEST_CASE("robustness: mutated YAML") {
  std::mt19937 random(20240501);
  for (int i = 0; i < kRounds; ++i) {
    const std::string text = Mutate(kYaml, random);
    INFO("round " << i << ":\n" << text);
    Check(text, /*json=*/false);
  }
}

TEST_CASE("robustness: mutated JSON") {
  std::mt19937 random(20240502);
  for (int i = 0; i < kRounds; ++i) {
    const std::string text = Mutate(kJson, random);
    INFO("round " << i << ":\n" << text);
    Check(text, /*json=*/true);
  }
}

}  // namespace
}  // namespace remora::config
