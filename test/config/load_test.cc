#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "source/config/load_bootstrap.h"
#include "test/config/testdata/loader_sample.pb.h"
#include "test/fakes/folder.h"

namespace remora::config {
namespace {

using remora::test::v1::Rules;
using remora::test::v1::Sample;

template <typename Message>
LoadResult Load(const std::string& path, const std::string& yaml, Message& message) {
  LoadOptions options;
  options.path = path;
  options.yaml = yaml;
  return LoadMessage(options, message);
}

// The message on one line, or the errors with the folder's name cut out.
std::string Text(const fakes::Folder& folder, const std::string& path,
                 const std::string& yaml = "") {
  Sample message;
  const LoadResult result = Load(path, yaml, message);
  if (result.ok()) return message.ShortDebugString();
  std::string text = result.errors.ToString();
  for (size_t at; (at = text.find(folder.At(""))) != std::string::npos;) {
    text.erase(at, folder.At("").size());
  }
  return text;
}

TEST_CASE("load: the format follows the file's extension") {
  const fakes::Folder folder;
  CHECK(Text(folder, folder.Write("a.yaml", "name: a")) == "name: \"a\"");
  CHECK(Text(folder, folder.Write("a.yml", "name: a")) == "name: \"a\"");
  CHECK(Text(folder, folder.Write("a.YAML", "name: a")) == "name: \"a\"");
  CHECK(Text(folder, folder.Write("a.json", "{\"name\": \"a\"}")) == "name: \"a\"");
  CHECK(Text(folder, folder.Write("noext", "{\"name\": \"a\"}")) == "name: \"a\"");
  CHECK(Text(folder, folder.Write("b.json", "name: a")) ==
        "b.json:1:1: bad JSON syntax: a value is expected\n");
  CHECK(Text(folder, folder.Write("b.conf", "name: a")) ==
        "b.conf:1:1: bad JSON syntax: a value is expected; the file is read as JSON because its "
        "name does not end in .yaml or .yml\n");
}

TEST_CASE("load: files that cannot be read") {
  const fakes::Folder folder;
  CHECK(Text(folder, folder.At("no.yaml")) ==
        "no.yaml: cannot be opened: No such file or directory\n");
  std::filesystem::create_directory(folder.At("d.yaml"));
  CHECK(Text(folder, folder.At("d.yaml")) == "d.yaml: is a directory\n");
  CHECK(Text(folder, folder.Write("a.pb", "x")) ==
        "a.pb: a .pb file is not supported; write YAML or JSON\n");
  CHECK(Text(folder, folder.Write("a.pb_text", "x")) ==
        "a.pb_text: a .pb_text file is not supported; write YAML or JSON\n");
  CHECK(Text(folder, folder.Write("e.yaml", "")) == "e.yaml:1:1: the document is empty\n");
  // Sparse: takes no room on the disk.
  const std::string large = folder.Write("large.yaml", "a");
  std::filesystem::resize_file(large, 64 * 1024 * 1024 + 1);
  CHECK(Text(folder, large) == "large.yaml: is larger than 64 MiB\n");
  CHECK(Text(folder, "") == "no configuration: give -c FILE or --config-yaml TEXT\n");
}

TEST_CASE("load: --config-yaml is merged over the file as protobuf merges") {
  const fakes::Folder folder;
  const std::string file =
      folder.Write("a.yaml",
                   "name: a\nint32_value: 1\nnames: [x, w]\ninner: {name: i, port_value: 1}\n"
                   "labels: {k: 1a, l: 2b}\nby_name: m\ntimeout: 1s");
  CHECK(Text(folder, file,
             "{name: b, names: [z], inner: {port_value: 2}, labels: {k: 3c}, by_port: 4, "
             "timeout: 0.5s}") ==
        "int32_value: 1 name: \"b\" inner { name: \"i\" port_value: 2 } names: \"x\" names: \"w\" "
        "names: \"z\" labels { key: \"k\" value: \"3c\" } labels { key: \"l\" value: \"2b\" } "
        "by_port: 4 timeout { seconds: 1 nanos: 500000000 }");
  CHECK(Text(folder, "", "name: only") == "name: \"only\"");
}

TEST_CASE("load: errors of both texts, each under its own name, in order") {
  const fakes::Folder folder;
  const std::string file = folder.Write("a.yaml", "flag: 7\nname: n\nnmes: [a]\n");
  CHECK(Text(folder, file, "{name: 5, uint32_value: -1}") ==
        "a.yaml:1:7: flag: expected true or false (7)\n"
        "a.yaml:2:7: name: expected a string, found a boolean; put it in quotes if it is meant as "
        "text (n)\n"
        "a.yaml:3:1: nmes: unknown field; did you mean \"names\"?\n"
        "<config-yaml>:1:8: name: expected a string, found a number; put it in quotes if it is "
        "meant as text (5)\n"
        "<config-yaml>:1:25: uint32_value: expected a whole number from 0 to 4294967295 (-1)\n");
  // One that cannot be parsed does not hide the other's errors.
  CHECK(Text(folder, file, "a: [") ==
        "a.yaml:1:7: flag: expected true or false (7)\n"
        "a.yaml:2:7: name: expected a string, found a boolean; put it in quotes if it is meant as "
        "text (n)\n"
        "a.yaml:3:1: nmes: unknown field; did you mean \"names\"?\n"
        "<config-yaml>:1:5: bad YAML syntax: end of sequence flow not found\n");
}

TEST_CASE("load: messages of any type within each other end somewhere") {
  const fakes::Folder folder;
  const auto nested = [&folder](int depth) {
    std::string yaml = "{}";
    for (int i = 0; i < depth; ++i) {
      yaml = "{\"@type\": type.googleapis.com/remora.test.v1.Sample, typed_config: " + yaml + "}";
    }
    return Text(folder, folder.Write("a.yaml", "typed_config: " + yaml));
  };
  CHECK_FALSE(absl::StrContains(nested(16), "is nested too deep"));
  CHECK(absl::StrContains(nested(17), "typed_config.typed_config: is nested too deep"));
}

TEST_CASE("load: rules are checked on the merged message, found in the text that set the field") {
  const fakes::Folder folder;
  const std::string file = folder.Write(
      "a.yaml", "port: 1\nneeds_list:\n- {inner: {}, items: [x], by_name: a}\nstatus: 7\n");
  Rules message;
  LoadResult result =
      Load(file, "needsList:\n- {name: b, inner: {}, by_name: b}\nport: 70000", message);
  CHECK(message.needs_list_size() == 2);
  std::string text;
  for (const ConfigError& error : result.errors.errors()) {
    const bool inlined = error.file == "<config-yaml>";
    text += (inlined ? "inline:" : "file:") + std::to_string(error.line) + ":" +
            std::to_string(error.column) + ": " + error.path + ": " + error.message + "\n";
  }
  CHECK(text ==
        "file:3:3: needs_list[0].name: a value is required\n"
        "file:4:9: status: must be at least 200 and less than 600 (7)\n"
        "inline:2:3: needs_list[1].items: at least one item is required\n"
        "inline:3:7: port: must be at most 65535 (70000)\n");
  CHECK(result.positions.Find("needs_list[0].by_name").line == 3);
  CHECK(result.positions.Find("needs_list[0].by_name").document == 0);
  CHECK(result.positions.Find("needs_list[1].by_name").column == 33);
  CHECK(result.positions.Find("needs_list[1].by_name").document == 1);
}

TEST_CASE("load: positions of fields") {
  Sample message;
  const LoadResult result =
      Load("",
           "inners:\n- name: a\n- portValue: 5\nnames: lone\nlabels:\n  a.b[0]: x\n"
           "typed_config:\n  \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n"
           "  type_url: type.googleapis.com/remora.test.v1.Sample\n  value:\n    int32Value: 1\n"
           "    typedConfig:\n      \"@type\": type.googleapis.com/remora.test.v1.Inner\n"
           "      name: x\n",
           message);
  REQUIRE(result.errors.ToString() == "");
  struct Case {
    std::string path;
    int line, column;
  };
  for (const Case& c : std::vector<Case>{
           {"", 1, 1},
           {"inners", 1, 1},
           {"inners[0]", 2, 3},
           {"inners[0].name", 2, 9},
           {"inners[0].port_value", 2, 3},  // Not there: its message.
           {"inners[1].port_value", 3, 14},
           {"inners[7].name", 1, 1},
           {"names", 4, 8},
           {"names[0]", 4, 8},
           {"labels[\"a.b[0]\"]", 6, 11},
           {"typed_config", 7, 1},
           {"typed_config.int32_value", 11, 17},
           {"typed_config.typed_config.name", 14, 13},
           {"nowhere.at.all", 1, 1},
           {"]]bad[path", 1, 1},
       }) {
    INFO(c.path);
    CHECK(result.positions.Find(c.path).line == c.line);
    CHECK(result.positions.Find(c.path).column == c.column);
  }
  ErrorList errors;
  const FieldPath root;
  const FieldPath inners = root.Field("inners");
  const FieldPath second = inners.Index(1);
  errors.Add(second.Field("port_value"), "is taken (5)");
  errors.Add("inners[0].name", "is taken (a)");
  result.positions.Finish(errors, 10);
  CHECK(errors.ToString() ==
        "<config-yaml>:2:9: inners[0].name: is taken (a)\n"
        "<config-yaml>:3:14: inners[1].port_value: is taken (5)\n");
}

TEST_CASE("load: what the reader could not take is covered for later passes") {
  Sample message;
  const LoadResult result =
      Load("", "inners: [{name: a}, {port_value: x}]\nlabels: {k.l: []}", message);
  CHECK(result.errors.size() == 2);
  for (const char* path :
       {"inners[1].port_value", "inners[1]", "inners", "labels[\"k.l\"]", "labels"}) {
    INFO(path);
    CHECK(result.reported.Covers(path));
  }
  CHECK_FALSE(result.reported.Covers("inners[0]"));
  CHECK_FALSE(result.reported.Covers("inners[1].name"));
}

TEST_CASE("load: errors are capped, the rest counted") {
  std::string yaml = "numbers:\n";
  for (int i = 0; i < 250; ++i) yaml += "- x\n";
  Sample message;
  const LoadResult result = Load("", yaml, message);
  CHECK(result.errors.size() == 200);
  CHECK(result.errors.left_out() == 50);
  CHECK(result.errors.errors().front().line == 2);
  CHECK(result.errors.errors().back().line == 201);
  const std::string text = result.errors.ToString();
  CHECK(text.substr(text.size() - 12) == "and 50 more\n");

  for (int i = 0; i < 5000; ++i) yaml += "- x\n";
  const LoadResult many = Load("", yaml, message);
  CHECK(many.errors.size() == 200);
  CHECK(many.errors.left_out() == 5050);
}

TEST_CASE("load: unknown fields by policy") {
  Sample message;
  LoadOptions options;
  options.yaml = "nmae: x";
  CHECK_FALSE(LoadMessage(options, message).ok());
  options.read.unknown_fields = UnknownFieldPolicy::kWarn;
  const LoadResult result = LoadMessage(options, message);
  CHECK(result.ok());
  CHECK(result.unknown_fields == 1);
  CHECK(result.warnings.ToString() ==
        "<config-yaml>:1:1: nmae: ignored: unknown field; did you mean \"name\"?\n");
}

}  // namespace
}  // namespace remora::config
