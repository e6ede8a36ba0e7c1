#include "source/extensions/http_filters/grpc_json_transcoder/path_table.h"

#include <catch2/catch.hpp>

namespace remora::extensions {
namespace {

// "3 a=x b=y": the template's number and variables; "-": none.
std::string Find(const PathTable& table, const std::string& path,
                 const std::string& method = "GET") {
  size_t target = 0;
  PathTable::Variables variables;
  if (!table.Find(method, path, target, variables)) return "-";
  std::string text = std::to_string(target);
  for (const auto& [field, value] : variables) text += " " + field + "=" + value;
  return text;
}

PathTable Table(const std::vector<std::string>& paths, PathOptions options = {}) {
  PathTable table(options);
  for (size_t i = 0; i < paths.size(); ++i) REQUIRE(table.Add("GET", paths[i], i).ok());
  return table;
}

TEST_CASE("path table: literals, wildcards and variables") {
  const PathTable table =
      Table({"/v1/items", "/v1/items/{id}", "/v1/items/special", "/v1/{name=shelves/*/books/*}",
             "/v1/*/x", "/files/{path=**}", "/a/{b.c=d/**}", "/"});
  const std::pair<const char*, const char*> rows[] = {
      {"/v1/items", "0"},
      {"/v1/items/", "0"},
      {"/v1/items//", "0"},
      {"/v1/items?x=/y", "0"},
      {"/v1/items/7", "1 id=7"},
      {"/v1/items/special", "2"},
      {"/v1/items/special/x", "-"},
      {"/v1/shelves/1/books/2", "3 name=shelves/1/books/2"},
      {"/v1/shelves/1/books", "-"},
      {"/v1/any/x", "4"},
      {"/v1/items/x", "1 id=x"},
      {"/files", "5 path="},
      {"/files/a/b/c", "5 path=a/b/c"},
      {"/a/d/e/f", "6 b.c=d/e/f"},
      {"/a/x", "-"},
      {"/", "7"},
      {"", "-"},
      {"/other", "-"},
      {"/V1/items", "-"},
  };
  for (const auto& [path, expected] : rows) {
    INFO(path);
    CHECK(Find(table, path) == expected);
  }
  CHECK(Find(table, "/v1/items", "POST") == "-");
}

TEST_CASE("path table: verbs") {
  const PathTable table = Table({"/v1/{id}:cancel", "/v1/{id}", "/v1/{id=**}:all"});
  CHECK(Find(table, "/v1/7:cancel") == "0 id=7");
  CHECK(Find(table, "/v1/7:other") == "1 id=7:other");
  CHECK(Find(table, "/v1/7/8:all") == "2 id=7/8");
  CHECK(Find(table, "/v1/a:cancel/b") == "-");
  PathOptions options;
  options.any_verb = true;
  CHECK(Find(Table({"/v1/{id}"}, options), "/v1/7:other") == "-");
}

TEST_CASE("path table: what is decoded") {
  const std::vector<std::string> paths = {"/one/{a}", "/all/{a=**}"};
  const auto find = [&](PathOptions::Kept kept, const char* path) {
    PathOptions options;
    options.kept = kept;
    return Find(Table(paths, options), path);
  };
  using Kept = PathOptions::Kept;
  CHECK(find(Kept::kReserved, "/one/%2f%23%20+%2") == "0 a=/# +%2");
  CHECK(find(Kept::kReserved, "/all/%2f%23/%20%2523") == "1 a=%2f%23/ %23");
  CHECK(find(Kept::kSlash, "/all/%2f%23/%20%2523") == "1 a=%2f#/ %23");
  CHECK(find(Kept::kNothing, "/all/%2f%23/%20%2523") == "1 a=/#/ %23");
  CHECK(DecodePercent("a+b%2B", Kept::kNothing, true) == "a b+");
}

TEST_CASE("path table: templates that are none") {
  for (const char* path :
       {"", "v1", "/v1/{id", "/v1/{}", "/v1/{a.}", "/v1/{a=}", "/v1//x", "/v1/", "/**/x",
        "/v1/{a=**}/b", "/v1/a*", "/{a{b}}", "/v1/{a}b", "/v1/x:", "/v1/a}b", "/v1/{a b}"}) {
    INFO(path);
    PathTable table({});
    CHECK_FALSE(table.Add("GET", path, 0).ok());
  }
  PathTable table({});
  CHECK(table.Add("GET", "/v1/{a}", 0).ok());
  CHECK_FALSE(table.Add("GET", "/v1/{b}", 0).ok());
  CHECK(table.Add("POST", "/v1/{b}", 0).ok());
}

}  // namespace
}  // namespace remora::extensions
