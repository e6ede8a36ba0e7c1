#include "source/config/proto_reader.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "test/config/testdata/loader_sample.pb.h"

namespace remora::config {
namespace {

using remora::test::v1::Sample;

struct Outcome {
  Sample message;
  ReadReport report;

  // The message on one line, or the errors, a line each.
  std::string Text() const {
    return report.errors.empty() ? message.ShortDebugString() : report.errors.ToString();
  }
};

Outcome Read(const std::string& text, UnknownFieldPolicy policy = UnknownFieldPolicy::kReject) {
  Outcome outcome;
  ReadOptions options;
  options.unknown_fields = policy;
  options.extension_types = {"remora.test.v1.Sample", "remora.test.v1.Inner",
                             "remora.extensions.filters.v3.Fault"};
  const auto document = Document::ParseYaml(text, "f", outcome.report.errors);
  if (document != nullptr) ReadMessage(*document, options, outcome.message, outcome.report);
  return outcome;
}

std::string ReadText(const std::string& text) { return Read(text).Text(); }

std::string ReadJson(const std::string& text) {
  Outcome outcome;
  const auto document = Document::ParseJson(text, "f", outcome.report.errors);
  if (document != nullptr) {
    ReadMessage(*document, ReadOptions{}, outcome.message, outcome.report);
  }
  return outcome.Text();
}

struct Case {
  std::string text, result;
};

void CheckAll(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(ReadText(c.text) == c.result);
  }
}

TEST_CASE("reader: scalars") {
  CheckAll({
      {"flag: yes", "flag: true"},
      {"flag: \"true\"", "flag: true"},
      {"flag: \"1\"", "flag: true"},
      {"int32_value: -5", "int32_value: -5"},
      {"int32_value: 0x10", "int32_value: 16"},
      {"int32_value: '-5'", "int32_value: -5"},
      {"int64_value: 9223372036854775807", "int64_value: 9223372036854775807"},
      {"int64_value: '-9223372036854775808'", "int64_value: -9223372036854775808"},
      {"uint32_value: 80.0", "uint32_value: 80"},
      {"uint32_value: 1e3", "uint32_value: 1000"},
      {"uint32_value: 4294967295", "uint32_value: 4294967295"},
      {"uint64_value: 18446744073709551615", "uint64_value: 18446744073709551615"},
      {"float_value: 1.5", "float_value: 1.5"},
      {"double_value: 5", "double_value: 5"},
      {"double_value: .5", "double_value: 0.5"},
      {"double_value: '-1e-3'", "double_value: -0.001"},
      {"double_value: Infinity", "double_value: inf"},
      {"name: abc", "name: \"abc\""},
      {"name: '5'", "name: \"5\""},
      {"name: 1.5", "name: \"1.5\""},
      {"name: 12345678901", "name: \"12345678901\""},
      {"name: \"no\"", "name: \"no\""},
      {"data: aGk=", "data: \"hi\""},
      {"data: aGk", "data: \"hi\""},
      {"data: '-_-_'", "data: \"\\373\\377\\277\""},
      {"{}", ""},
      {"name: null\nflag: ~\ninner:\nnames: null\ntimeout: null", ""},
  });
}

TEST_CASE("reader: refused scalars") {
  const std::string int32 = "expected a whole number from -2147483648 to 2147483647";
  const std::string uint32 = "expected a whole number from 0 to 4294967295";
  CheckAll({
      {"flag: 1", "f:1:7: flag: expected true or false (1)\n"},
      {"flag: maybe", "f:1:7: flag: expected true or false (maybe)\n"},
      {"int32_value: 2147483648", "f:1:14: int32_value: " + int32 + " (2147483648)\n"},
      {"int32_value: 1.5", "f:1:14: int32_value: " + int32 + " (1.5)\n"},
      {"int32_value: x", "f:1:14: int32_value: " + int32 + " (x)\n"},
      {"int32_value: true", "f:1:14: int32_value: " + int32 + " (true)\n"},
      {"int32_value: ''", "f:1:14: int32_value: " + int32 + " (empty text)\n"},
      {"int32_value: ' 5'", "f:1:14: int32_value: " + int32 + " ( 5)\n"},
      {"int32_value: [5]", "f:1:14: int32_value: " + int32 + " (a list)\n"},
      {"int32_value: {a: 5}", "f:1:14: int32_value: " + int32 + " (a map)\n"},
      {"uint32_value: -1", "f:1:15: uint32_value: " + uint32 + " (-1)\n"},
      {"uint32_value: 4294967296", "f:1:15: uint32_value: " + uint32 + " (4294967296)\n"},
      {"uint64_value: 18446744073709551616",
       "f:1:15: uint64_value: expected a whole number from 0 to 18446744073709551615 "
       "(18446744073709551616)\n"},
      {"int64_value: 1e19",
       "f:1:14: int64_value: expected a whole number from -9223372036854775808 to "
       "9223372036854775807 (1e19)\n"},
      {"double_value: x", "f:1:15: double_value: expected a number (x)\n"},
      {"double_value: no", "f:1:15: double_value: expected a number (no)\n"},
      {"name: 5",
       "f:1:7: name: expected a string, found a number; put it in quotes if it is "
       "meant as text (5)\n"},
      {"name: n",
       "f:1:7: name: expected a string, found a boolean; put it in quotes if it is "
       "meant as text (n)\n"},
      {"name: [a]", "f:1:7: name: expected a string (a list)\n"},
      {"data: a!", "f:1:7: data: expected bytes in base64 (a!)\n"},
      {"data: 'aG k='", "f:1:7: data: expected bytes in base64 (aG k=)\n"},
      {"inner: 5", "f:1:8: inner: expected a map of fields (5)\n"},
      {"inner: []", "f:1:8: inner: expected a map of fields (a list)\n"},
      {"[]", "f:1:1: expected a map of fields (a list)\n"},
      {"hello", "f:1:1: expected a map of fields (hello)\n"},
      {"int32_value: " + std::string(100, '9'),
       "f:1:14: int32_value: " + int32 + " (" + std::string(60, '9') + "...)\n"},
  });
}

TEST_CASE("reader: enums") {
  CheckAll({
      {"color: RED", "color: RED"},
      {"color: red", "color: RED"},
      {"color: Dark_Blue", "color: DARK_BLUE"},
      {"color: dark-blue", "color: DARK_BLUE"},
      {"color: 2", "color: DARK_BLUE"},
      {"color: '2'", "color: DARK_BLUE"},
      {"color: 77", "color: 77"},
      {"colors: [red, 2, NONE]", "colors: RED colors: DARK_BLUE colors: NONE"},
      {"color: RAD", "f:1:8: color: unknown value (RAD); did you mean \"RED\"?\n"},
      {"color: ''", "f:1:8: color: unknown value (empty text)\n"},
      {"color: ZZZZZZ", "f:1:8: color: unknown value (ZZZZZZ)\n"},
      {"color: off",
       "f:1:8: color: expected the name or the number of a value; yes, no, on and "
       "off have to be quoted (off)\n"},
      {"color: [RED]", "f:1:8: color: expected the name or the number of a value (a list)\n"},
  });
}

TEST_CASE("reader: lists, maps, messages, both spellings of names") {
  CheckAll({
      {"names: [a, b]", "names: \"a\" names: \"b\""},
      {"names: a", "names: \"a\""},
      {"numbers: 5", "numbers: 5"},
      {"inners: {name: a}", "inners { name: \"a\" }"},
      {"inners: [{name: a}, {portValue: 5}, null]",
       "inners { name: \"a\" } inners { port_value: 5 } inners { }"},
      {"names: [a, null]", "names: \"a\" names: \"\""},
      {"numbers: []", ""},
      {"int32Value: 5", "int32_value: 5"},
      {"labels: {a: b, 5: c}",
       "labels { key: \"5\" value: \"c\" } labels { key: \"a\" value: "
       "\"b\" }"},
      {"by_number: {7: {name: x}, 8: null}",
       "by_number { key: 7 value { name: \"x\" } } by_number { key: 8 value { } }"},
      {"by_flag: {'true': x}", "by_flag { key: true value: \"x\" }"},
      {"child: {child: {name: a}}", "child { child { name: \"a\" } }"},
      {"maybe: 0", "maybe: 0"},
      {"names: [a, 5]",
       "f:1:12: names[1]: expected a string, found a number; put it in quotes if "
       "it is meant as text (5)\n"},
      {"names: 5",
       "f:1:8: names[0]: expected a string, found a number; put it in quotes if it is "
       "meant as text (5)\n"},
      {"names: [[a]]", "f:1:9: names[0]: expected a string (a list)\n"},
      {"labels: [a]", "f:1:9: labels: expected a map (a list)\n"},
      {"labels: {a: {}}", "f:1:13: labels[\"a\"]: expected a string (a map)\n"},
      {"by_number: {x: {}}",
       "f:1:13: by_number[\"x\"]: expected a whole number from 0 to 4294967295 (x)\n"},
      {"inners:\n- name: a\n- name: [b]", "f:3:9: inners[1].name: expected a string (a list)\n"},
  });
}

TEST_CASE("reader: oneofs and fields given twice") {
  CheckAll({
      {"by_name: a", "by_name: \"a\""},
      {"by_port: 0", "by_port: 0"},
      {"by_inner: {}", "by_inner { }"},
      {"by_name: a\nby_port: null", "by_name: \"a\""},
      {"by_name: a\nbyPort: 5",
       "f:2:1: by_port: only one of \"by_name\" and \"byPort\" can be set\n"},
      {"int32Value: 1\nint32_value: 2",
       "f:2:1: int32_value: given twice, as \"int32Value\" and as \"int32_value\"\n"},
  });
}

TEST_CASE("reader: durations") {
  for (const Case& c : std::vector<Case>{
           {"5s", "timeout { seconds: 5 }"},
           {"0.25s", "timeout { nanos: 250000000 }"},
           {"-1.5s", "timeout { seconds: -1 nanos: -500000000 }"},
           {"0s", "timeout { }"},
           {"05s", "timeout { seconds: 5 }"},
           {"1.000000001s", "timeout { seconds: 1 nanos: 1 }"},
           {"315576000000s", "timeout { seconds: 315576000000 }"},
           {"{seconds: 5}", "timeout { seconds: 5 }"},
       }) {
    INFO(c.text);
    CHECK(ReadText("timeout: " + c.text) == c.result);
  }
  for (const std::string& bad : std::vector<std::string>{
           "5m", "5", "5.5", "5 s", ".5s", "5.s", "+5s", "1e1s", "s", "-s", "5ss", "1.0000000001s",
           "315576000001s", "99999999999999999999s", "0x5s", "1h5s", "--5s", "5s5s"}) {
    INFO(bad);
    CHECK(ReadText("timeout: " + bad) ==
          "f:1:10: timeout: expected a duration in seconds, such as 5s or 0.25s (" + bad + ")\n");
  }
  CHECK(ReadText("timeout: [5s]") ==
        "f:1:10: timeout: expected a duration in seconds, such as 5s or 0.25s (a list)\n");
}

TEST_CASE("reader: the other well-known types") {
  CheckAll({
      {"at: 2024-05-01T10:00:00Z", "at { seconds: 1714557600 }"},
      {"at: yesterday", "f:1:5: at: expected a time such as 2024-05-01T10:00:00Z (yesterday)\n"},
      {"bool_wrapper: on", "bool_wrapper { value: true }"},
      {"bool_wrapper: {value: true}", "bool_wrapper { value: true }"},
      {"bool_wrapper: false", "bool_wrapper { }"},
      {"bool_wrapper: null", ""},
      {"uint32_wrapper: 5", "uint32_wrapper { value: 5 }"},
      {"uint32_wrapper: -5",
       "f:1:17: uint32_wrapper: expected a whole number from 0 to 4294967295 (-5)\n"},
      {"string_wrapper: x", "string_wrapper { value: \"x\" }"},
      {"empty: {}", "empty { }"},
      {"empty: {a: 1}", "f:1:9: empty.a: unknown field\n"},
      {"mask: 'fooBar,a.bC'", "mask { paths: \"foo_bar\" paths: \"a.b_c\" }"},
      {"mask: foo_bar",
       "f:1:7: mask: expected camelCase field names with commas between (foo_bar)\n"},
      {"metadata: {a: 1}", "metadata { fields { key: \"a\" value { number_value: 1 } } }"},
      {"metadata: {a: {b: [yes, ~, x]}}",
       "metadata { fields { key: \"a\" value { struct_value { fields { key: \"b\" value { "
       "list_value { values { bool_value: true } values { null_value: NULL_VALUE } values { "
       "string_value: \"x\" } } } } } } } }"},
      // As Envoy: YAML's fractions and large numbers stay text.
      {"value: 1.5", "value { string_value: \"1.5\" }"},
      {"value: 12345678901", "value { string_value: \"12345678901\" }"},
      {"value: 5", "value { number_value: 5 }"},
      {"value: null", "value { null_value: NULL_VALUE }"},
      {"values: [null, 1]", "values { null_value: NULL_VALUE } values { number_value: 1 }"},
      {"list: [1]", "list { values { number_value: 1 } }"},
      {"list: {}", "f:1:7: list: expected a list (a map)\n"},
      {"metadata: [1]", "f:1:11: metadata: expected a map (a list)\n"},
  });
  CHECK(ReadJson(R"({"value": 1.5, "uint64Value": "5", "name": "x"})") ==
        "uint64_value: 5 name: \"x\" value { number_value: 1.5 }");
  CHECK(ReadJson(R"({"name": 1.5})") ==
        "f:1:10: name: expected a string, found a number; put it in quotes if it is meant as text "
        "(1.5)\n");
}

constexpr char kSample[] = "type.googleapis.com/remora.test.v1.Sample";
constexpr char kInner[] = "type.googleapis.com/remora.test.v1.Inner";

// What an Any holds, as text.
std::string Unpack(const google::protobuf::Any& any) {
  Sample sample;
  remora::test::v1::Inner inner;
  if (any.UnpackTo(&sample)) return "Sample: " + sample.ShortDebugString();
  if (any.UnpackTo(&inner)) return "Inner: " + inner.ShortDebugString();
  return any.type_url();
}

TEST_CASE("reader: Any by @type, nested, in lists and maps") {
  const Outcome outcome =
      Read(std::string("typed_config:\n  \"@type\": ") + kSample +
           "\n  name: a\n  typedConfig: {\"@type\": " + kInner +
           ", port_value: 5}\ntyped_configs:\n- \"@type\": other.host/x/" +
           "remora.test.v1.Inner\n  name: b\noptions_by_name:\n  o: {name: c, " +
           "'@type': " + kInner + "}");
  REQUIRE(outcome.report.errors.ToString() == "");
  Sample sample;
  REQUIRE(outcome.message.typed_config().UnpackTo(&sample));
  CHECK(sample.name() == "a");
  CHECK(Unpack(sample.typed_config()) == "Inner: port_value: 5");
  CHECK(outcome.message.typed_configs(0).type_url() == kInner);
  CHECK(Unpack(outcome.message.typed_configs(0)) == "Inner: name: \"b\"");
  CHECK(Unpack(outcome.message.options_by_name().at("o")) == "Inner: name: \"c\"");
}

TEST_CASE("reader: Any of a well-known type has its value in \"value\"") {
  const Outcome outcome =
      Read("typed_config: {\"@type\": type.googleapis.com/google.protobuf.Duration, value: 5s}");
  CHECK(outcome.message.typed_config().type_url() ==
        "type.googleapis.com/google.protobuf.Duration");
  CHECK(outcome.message.typed_config().value() == std::string("\x08\x05"));
  CheckAll({
      {"typed_config: {\"@type\": type.googleapis.com/google.protobuf.Duration, value: 5m}",
       "f:1:78: typed_config: expected a duration in seconds, such as 5s or 0.25s (5m)\n"},
      {"typed_config: {\"@type\": type.googleapis.com/google.protobuf.Struct, a: b}",
       "f:1:69: typed_config.a: beside \"@type\" only \"value\" can stand with a "
       "google.protobuf.Struct\n"},
      {"typed_config: {\"@type\": type.googleapis.com/google.protobuf.Empty, value: {a: 1}}",
       "f:1:68: typed_config.value: unknown field\n"},
  });
}

TEST_CASE("reader: refused Any") {
  const std::string build = " is not supported by this build";
  CheckAll({
      {"typed_config: {}", "typed_config { }"},
      {"typed_config: {a: 5}", "f:1:16: typed_config: \"@type\" is missing\n"},
      {"typed_config: x", "f:1:15: typed_config: expected a map with \"@type\" (x)\n"},
      {"typed_config: {\"@type\": remora.test.v1.Inner}",
       "f:1:25: typed_config: \"@type\" has to be a type's full name after type.googleapis.com/ "
       "(remora.test.v1.Inner)\n"},
      {"typed_config: {\"@type\": /remora.test.v1.Inner}",
       "f:1:25: typed_config: \"@type\" has to be a type's full name after type.googleapis.com/ "
       "(/remora.test.v1.Inner)\n"},
      {"typed_config: {\"@type\": 5}",
       "f:1:25: typed_config: \"@type\" has to be a type's full name after type.googleapis.com/ "
       "(5)\n"},
      {"typed_config: {\"@type\": type.googleapis.com/remora.test.v1.Iner, name: x}",
       "f:1:25: typed_config: type \"type.googleapis.com/remora.test.v1.Iner\"" + build +
           "; did you mean \"type.googleapis.com/remora.test.v1.Inner\"?\n"},
      {"typed_config: {\"@type\": type.googleapis.com/old.config.filter.v2.Fault}",
       "f:1:25: typed_config: type \"type.googleapis.com/old.config.filter.v2.Fault\"" + build +
           "; did you mean \"type.googleapis.com/remora.extensions.filters.v3.Fault\"?\n"},
      {"typed_config: {\"@type\": type.googleapis.com/a.B}",
       "f:1:25: typed_config: type \"type.googleapis.com/a.B\"" + build + "\n"},
      {std::string("typed_config:\n  \"@type\": ") + kSample + "\n  names:\n  - x\n  - 5",
       "f:5:5: typed_config.names[1]: expected a string, found a number; put it in quotes if it is "
       "meant as text (5)\n"},
  });
}

TEST_CASE("reader: TypedStruct stands for the message that it names") {
  for (const char* name : {"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"}) {
    INFO(name);
    const std::string type =
        std::string("typed_config:\n  \"@type\": type.googleapis.com/") + name + "\n";
    const Outcome outcome = Read(type + "  type_url: " + kInner +
                                 "\n  value: {name: a, "
                                 "portValue: 5}");
    CHECK(outcome.report.errors.ToString() == "");
    CHECK(Unpack(outcome.message.typed_config()) == "Inner: name: \"a\" port_value: 5");
    const Outcome bare = Read(type + "  typeUrl: remora.test.v1.Inner");
    CHECK(bare.report.errors.ToString() == "");
    CHECK(Unpack(bare.message.typed_config()) == "Inner: ");
    CheckAll({
        {type + "  type_url: " + kInner + "\n  value:\n    name: a\n    port: 5",
         "f:6:5: typed_config.port: unknown field\n"},
        {type + "  type_url: " + kInner + "\n  value:\n    portvalue: 5",
         "f:5:5: typed_config.portvalue: unknown field; did you mean \"port_value\"?\n"},
        {type + "  type_url: a/b.C",
         "f:3:13: typed_config: type \"a/b.C\" is not supported by this "
         "build\n"},
        {type + "  value: {}",
         "f:2:3: typed_config: a TypedStruct needs \"type_url\", the type "
         "that \"value\" is of\n"},
        {type + "  type_url: " + kInner + "\n  values: {}",
         "f:4:3: typed_config.values: unknown field of a TypedStruct\n"},
        {type + "  type_url: " + kInner + "\n  value: 5",
         "f:4:10: typed_config: expected a map of fields (5)\n"},
    });
  }
}

TEST_CASE("reader: unknown fields that hold a default value are passed over") {
  const std::string defaults =
      "a: false\nb: 0\nc: ''\nd: []\ne: {}\nf: null\ng: \"0\"\nh: 0.0\nold_field: false";
  for (const auto policy :
       {UnknownFieldPolicy::kReject, UnknownFieldPolicy::kWarn, UnknownFieldPolicy::kIgnore}) {
    const Outcome outcome = Read(defaults, policy);
    CHECK(outcome.report.errors.ToString() == "");
    CHECK(outcome.report.warnings.ToString() == "");
    CHECK(outcome.report.unknown_fields == 0);
  }
}

TEST_CASE("reader: unknown fields, by policy") {
  const std::string text = "nmae: x\ncolor: RAD\nold_field: 1\noldField: 2\nzzzzzzzzz: [1]";
  const std::string errors =
      "f:1:1: nmae: unknown field; did you mean \"name\"?\n"
      "f:2:8: color: unknown value (RAD); did you mean \"RED\"?\n"
      "f:3:1: old_field: not supported by this version of Remora\n"
      "f:4:1: oldField: not supported by this version of Remora\n"
      "f:5:1: zzzzzzzzz: unknown field\n";
  const Outcome reject = Read(text);
  CHECK(reject.report.errors.ToString() == errors);
  CHECK(reject.report.unknown_fields == 5);
  CHECK(reject.report.reported.Covers("name"));
  CHECK(reject.report.reported.Covers("color"));
  CHECK_FALSE(reject.report.reported.Covers("flag"));

  const Outcome warn = Read(text, UnknownFieldPolicy::kWarn);
  CHECK(warn.report.errors.empty());
  CHECK(warn.report.warnings.size() == 5);
  CHECK(warn.report.warnings.errors()[0].ToString() ==
        "f:1:1: nmae: ignored: unknown field; did you mean \"name\"?");
  CHECK(warn.report.unknown_fields == 5);

  const Outcome ignore = Read(text, UnknownFieldPolicy::kIgnore);
  CHECK(ignore.report.errors.empty());
  CHECK(ignore.report.warnings.empty());
  CHECK(ignore.report.unknown_fields == 5);
}

TEST_CASE("reader: did you mean, in the spelling that was used") {
  CheckAll({
      {"int32valu: 5", "f:1:1: int32valu: unknown field; did you mean \"int32_value\"?\n"},
      {"int32Valu: 5", "f:1:1: int32Valu: unknown field; did you mean \"int32Value\"?\n"},
      {"int32-value: 5", "f:1:1: int32-value: unknown field; did you mean \"int32_value\"?\n"},
      {"naem: x", "f:1:1: naem: unknown field; did you mean \"name\"?\n"},
      {"inner: {port: 5}", "f:1:9: inner.port: unknown field\n"},
      {"qqqq: x", "f:1:1: qqqq: unknown field\n"},
  });
}

TEST_CASE("reader: an empty map for an unsupported field") {
  // It switches something on: refused.
  CHECK(Read("inner: {name: x}\nhttp2_options: {}").report.errors.ToString() ==
        "f:2:1: http2_options: not supported by this version of Remora\n");
  // It says nothing: noted.
  const Outcome outcome = Read("inner: {name: x}\ncommon_lb_config: {}");
  CHECK(outcome.report.errors.empty());
  CHECK(outcome.report.warnings.ToString() ==
        "f:2:1: common_lb_config: not supported by this version of Remora; taken for not set "
        "because it is empty\n");
  REQUIRE(outcome.report.passed_over.contains(""));
  CHECK(outcome.report.passed_over.at("").at(0).path == "common_lb_config");
}

TEST_CASE("reader: an unsupported field that is a map says nothing when it is empty") {
  for (const std::string key : {"named_endpoints", "namedEndpoints"}) {
    const Outcome outcome = Read("name: x\n" + key + ": {}");
    CHECK(outcome.report.errors.ToString() == "");
    CHECK(outcome.report.warnings.ToString() == "");
  }
  CHECK(Read("named_endpoints: {a: {}}").report.errors.ToString() ==
        "f:1:1: named_endpoints: not supported by this version of Remora\n");
}

TEST_CASE("reader: all errors at once, and what can be read is read") {
  const Outcome outcome = Read(
      "name: 5\nflag: true\ninner: {name: a, port_value: x, prot_value: 1}\ntimeout: 5m\n"
      "uint32_value: 7");
  CHECK(outcome.report.errors.ToString() ==
        "f:1:7: name: expected a string, found a number; put it in quotes if it is meant as text "
        "(5)\n"
        "f:3:30: inner.port_value: expected a whole number from 0 to 4294967295 (x)\n"
        "f:3:33: inner.prot_value: unknown field; did you mean \"port_value\"?\n"
        "f:4:10: timeout: expected a duration in seconds, such as 5s or 0.25s (5m)\n");
  CHECK(outcome.message.flag());
  CHECK(outcome.message.inner().name() == "a");
  CHECK(outcome.message.uint32_value() == 7);
}

}  // namespace
}  // namespace remora::config
