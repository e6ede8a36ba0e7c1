// Rules stated in .proto files (source/config/validate_rules.h), through the whole loader.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "source/config/load_bootstrap.h"
#include "test/config/testdata/loader_sample.pb.h"

namespace remora::config {
namespace {

using remora::test::v1::Needs;
using remora::test::v1::Notes;
using remora::test::v1::Rules;
using remora::test::v1::Sample;

template <typename Message>
LoadResult Load(const std::string& yaml) {
  Message message;
  LoadOptions options;
  options.yaml = yaml;
  return LoadMessage(options, message);
}

// The errors without the file's name.
template <typename Message>
std::string Errors(const std::string& yaml) {
  std::string out;
  const LoadResult result = Load<Message>(yaml);
  for (const ConfigError& error : result.errors.errors()) {
    out += std::to_string(error.line) + ":" + std::to_string(error.column) + ": " +
           (error.path.empty() ? "" : error.path + ": ") + error.message + "\n";
  }
  return out;
}

struct Case {
  std::string text, errors;
};

TEST_CASE("rules: one of each kind, kept") {
  for (const std::string& text : std::vector<std::string>{
           "{}",
           "port: 65535",
           "status: 200",
           "status: 599",
           "status: 0",
           "small: -4",
           "small: 5",
           "choice64: 9",
           "not_seven: 6",
           "percent: 100",
           "ratio: 0.99",
           "word: \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
           "token: abc",
           "header: x-a_b",
           "header: ':path'",
           "header_value: \"a\\tb\"",
           "path: /a",
           "pattern: abc",
           "one_of: b",
           "id: aGk=",
           "color: 2",
           "timeout: 0.000000001s",
           "interval: 0.001s",
           "interval: 10s",
           "streams: 1",
           "items: [a, b]",
           "pairs: {ab: xyz}",
           "any: {\"@type\": type.googleapis.com/remora.test.v1.Sample}",
           "skipped: {}",
       }) {
    INFO(text);
    CHECK(Errors<Rules>(text) == "");
  }
}

TEST_CASE("rules: one of each kind, broken") {
  for (const Case& c : std::vector<Case>{
           {"port: 65536", "1:7: port: must be at most 65535 (65536)\n"},
           {"status: 600", "1:9: status: must be at least 200 and less than 600 (600)\n"},
           {"status: 1", "1:9: status: must be at least 200 and less than 600 (1)\n"},
           {"small: -5", "1:8: small: must be greater than -5 and at most 5 (-5)\n"},
           {"choice64: 8", "1:11: choice64: must be one of 0, 7, 9 (8)\n"},
           {"not_seven: 7", "1:12: not_seven: must not be 7\n"},
           {"percent: 100.5", "1:10: percent: must be at least 0 and at most 100 (100.5)\n"},
           {"percent: NaN", "1:10: percent: must be at least 0 and at most 100 (nan)\n"},
           {"ratio: 1", "1:8: ratio: must be less than 1 (1)\n"},
           {"'on': true", "1:7: on: must be false (true)\n"},
           {"word: abcdef", "1:7: word: must have at most 5 characters (it has 6)\n"},
           {"token: ab", "1:8: token: must have at least 3 bytes (it has 2)\n"},
           {"header: a b", "1:9: header: must be the name of an HTTP header (a b)\n"},
           {"header: 'a:'", "1:9: header: must be the name of an HTTP header (a:)\n"},
           {"header_value: \"a\\nb\"",
            "1:15: header_value: must be the value of an HTTP header (a\\nb)\n"},
           {"path: a", "1:7: path: must start with \"/\" (a)\n"},
           {"pattern: aB", "1:10: pattern: must match the regular expression ^[a-z]*$ (aB)\n"},
           {"one_of: c", "1:9: one_of: must be one of \"\", \"a\", \"b\" (c)\n"},
           {"id: aGlq", "1:5: id: must have at most 2 bytes (it has 3)\n"},
           {"color: 9", "1:8: color: unknown value (9)\n"},
           {"color: PINK", "1:8: color: value PINK is not supported by this version of Remora\n"},
           {"colors: [RED, 3]",
            "1:15: colors[1]: value PINK is not supported by this version of Remora\n"},
           {"not_red: red", "1:10: not_red: this value cannot stand here (RED)\n"},
           {"timeout: 0s", "1:10: timeout: must be greater than 0s (0s)\n"},
           {"timeout: -5s", "1:10: timeout: must be greater than 0s (-5s)\n"},
           {"interval: 11s", "1:11: interval: must be at least 0.001s and at most 10s (11s)\n"},
           {"streams: 0", "1:10: streams: must be at least 1 (0)\n"},
           {"items: [a, b, c]", "1:1: items: must have at most 2 items (it has 3)\n"},
           {"items: [a, a]", "1:12: items[1]: given twice (a)\n"},
           {"items: [a, '']", "1:12: items[1]: a value is required\n"},
           {"pairs: {aa: b, cc: d, ee: f}", "1:1: pairs: must have at most 2 entries (it has 3)\n"},
           {"pairs: {a: b}", "1:12: pairs[\"a\"]: must have at least 2 characters (it has 1)\n"},
           {"pairs: {ab: wxyz}",
            "1:13: pairs[\"ab\"]: must have at most 3 characters (it has 4)\n"},
           {"any: {\"@type\": type.googleapis.com/remora.test.v1.Inner}",
            "1:1: any: a message of this type cannot stand here "
            "(type.googleapis.com/remora.test.v1.Inner)\n"},
       }) {
    INFO(c.text);
    CHECK(Errors<Rules>(c.text) == c.errors);
  }
}

TEST_CASE("rules: what has to be there, at the message that lacks it") {
  CHECK(Errors<Needs>("{name: a, inner: {}, items: [x], by_name: ''}") == "");
  CHECK(Errors<Needs>("{name: a, inner: {}, items: [x], by_inner: {}}") == "");
  CHECK(Errors<Needs>("{}") ==
        "1:1: name: a value is required\n"
        "1:1: inner: a value is required\n"
        "1:1: items: at least one item is required\n"
        "1:1: one of \"by_name\", \"by_inner\" is required\n");
  CHECK(Errors<Rules>("port: 70000\nneeds_list:\n- {name: a, inner: {}, items: [x], by_name: b}\n"
                      "- {name: a, inner: {}, items: [x]}\nneeds_by_name:\n  k:\n    inner: {}\n"
                      "    items: x\n    by_name: ''") ==
        "1:7: port: must be at most 65535 (70000)\n"
        "4:3: needs_list[1]: one of \"by_name\", \"by_inner\" is required\n"
        "6:3: needs_by_name[\"k\"].name: a value is required\n");
}

TEST_CASE("rules: what could not be read is not called missing") {
  CHECK(Errors<Needs>("{nmae: a, inner: 5, items: [n], by_port: 7}") ==
        "1:1: one of \"by_name\", \"by_inner\" is required\n"
        "1:2: nmae: unknown field; did you mean \"name\"?\n"
        "1:18: inner: expected a map of fields (5)\n"
        "1:29: items[0]: expected a string, found a boolean; put it in quotes if it is meant as "
        "text (n)\n"
        "1:33: by_port: unknown field\n");
  CHECK(Errors<Needs>("{name: a, inner: {}, items: [n], by_name: 7}") ==
        "1:30: items[0]: expected a string, found a boolean; put it in quotes if it is meant as "
        "text (n)\n"
        "1:43: by_name: expected a string, found a number; put it in quotes if it is meant as "
        "text (7)\n");
  CHECK(Errors<Needs>("{name: a, inner: {}, items: [x], by_magic: {}}") ==
        "1:34: by_magic: not supported by this version of Remora\n");
}

TEST_CASE("rules: inside an Any, and inside a TypedStruct") {
  CHECK(Errors<Sample>("typed_configs:\n- \"@type\": type.googleapis.com/remora.test.v1.Rules\n"
                       "  port: 70000\n"
                       "- \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n"
                       "  type_url: type.googleapis.com/remora.test.v1.Rules\n"
                       "  value:\n    status: 7\n    needs:\n      inner: {}\n") ==
        "3:9: typed_configs[0].port: must be at most 65535 (70000)\n"
        "7:13: typed_configs[1].status: must be at least 200 and less than 600 (7)\n"
        "8:5: typed_configs[1].needs.name: a value is required\n"
        "8:5: typed_configs[1].needs.items: at least one item is required\n"
        "8:5: typed_configs[1].needs: one of \"by_name\", \"by_inner\" is required\n");
}

TEST_CASE("rules: fields that must keep their default") {
  CHECK(Errors<Notes>("fixed: false\n'on': true\nnames: []\ninner: null") == "");
  CHECK(Errors<Notes>("fixed: true\n'on': false\nnames: [a]\ninner: {}") ==
        "1:8: fixed: not supported by this version of Remora: it is always off (true)\n"
        "2:7: on: not supported by this version of Remora\n"
        "3:1: names: not supported by this version of Remora\n"
        "4:1: inner: not supported by this version of Remora\n");
}

TEST_CASE("rules: fields without effect are warned about unless they hold their default") {
  CHECK(Load<Notes>("quiet: 0\ndelay: 5s\ncolor: NONE").warnings.empty());
  CHECK(Load<Notes>("limit: 0").warnings.empty());
  const LoadResult result = Load<Notes>("quiet: 1\ndelay: 6s\ncolor: RED\nlimit: 7");
  CHECK(result.errors.ToString() == "");
  CHECK(result.warnings.ToString() ==
        "<config-yaml>:1:8: quiet: accepted without effect: nobody asks\n"
        "<config-yaml>:2:8: delay: accepted without effect\n"
        "<config-yaml>:3:8: color: accepted without effect\n"
        "<config-yaml>:4:8: limit: accepted without effect\n");
}

}  // namespace
}  // namespace remora::config
