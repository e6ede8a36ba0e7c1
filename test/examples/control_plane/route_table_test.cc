// The table's rules, its changes, and its file.

#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>

#include "test/examples/control_plane/tables.h"
#include "test/fakes/folder.h"

namespace remora::control_plane {
namespace {

std::string FaultsOf(const std::string& yaml) {
  v1::RouteTable message;
  const absl::Status status = ReadBody(yaml, message);
  if (!status.ok()) return std::string(status.message());
  config::ErrorList errors;
  RouteTable::Of(message, errors);
  return errors.ToString();
}

size_t FilesIn(const fakes::Folder& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST_CASE("what is left out is filled in") {
  const RouteTable table = TableOf("{routes: [{name: a}]}");
  CHECK(table.Find("a")->host() == "*");
  CHECK(table.Find("a")->path() == "/");
  CHECK(table.Find("b") == nullptr);
  CHECK(table.version() == 0);
}

TEST_CASE("a whole table is refused with every fault") {
  CHECK(FaultsOf("{routes: [{name: a}, {name: a, path: /x}]}") ==
        "routes[1].name: there are two routes \"a\"\n");
  CHECK(FaultsOf("{routes: [{name: a, path: /x}, {name: b, path: /x}]}") ==
        "routes[1].path: route \"a\" has host \"*\" and path \"/x\" already\n");
  CHECK(FaultsOf("{routes: [{path: /x}]}") == "routes[0].name: is required\n");
  CHECK(FaultsOf("{routes: [{name: a, instances: [{address: web, port: 1}, {address: \"::1\", "
                 "port: 2}, {address: \"0::1\", port: 2}]}]}") ==
        "routes[0].instances[0].address: \"web\" is not an IP address\n"
        "routes[0].instances[2]: [::1]:2 is an instance of this route already\n");
  // The rules of the message, with line and column.
  CHECK(FaultsOf("{routes: [{name: a, path: x}]}").starts_with("body:1:27: routes[0].path: "));
  CHECK(FaultsOf("{routes: [{name: a/b}]}").find("routes[0].name: ") != std::string::npos);
  CHECK(FaultsOf("{routes: [{name: a, hots: b}]}").find("did you mean \"host\"?") !=
        std::string::npos);
  CHECK(FaultsOf("{routes: [{name: a, instances: [{address: 1.1.1.1, port: 70000}]}]}")
            .find("instances[0].port: ") != std::string::npos);
  CHECK(FaultsOf("{routes: [{name: a, tls: {server_name: x}}]}").find("trusted_ca") !=
        std::string::npos);
}

TEST_CASE("changes count, refused ones change nothing") {
  RouteTable table = TableOf(kTwoRoutes);
  CHECK(table.Put(MessageOf<v1::Route>("{name: news, path: /news}")).ok());
  CHECK(table.version() == 1);
  const absl::Status refused = table.Put(MessageOf<v1::Route>("{name: other, path: /news}"));
  CHECK(refused.message() == "path: route \"news\" has host \"*\" and path \"/news\" already");
  CHECK(absl::IsInvalidArgument(refused));
  // Replacing keeps its own place.
  CHECK(table.Put(MessageOf<v1::Route>("{name: news, path: /news, host: a.b}")).ok());
  CHECK(table.Find("news")->host() == "a.b");
  CHECK(table.Remove("news").ok());
  CHECK(absl::IsNotFound(table.Remove("news")));
  CHECK(table.version() == 3);
  CHECK(table.routes().size() == 2);
}

TEST_CASE("instances come, change and go") {
  RouteTable table = TableOf(kTwoRoutes);
  CHECK(table.PutInstance("cart", MessageOf<v1::Instance>("{address: 10.0.0.1, port: 9}")).ok());
  CHECK(
      table.PutInstance("cart", MessageOf<v1::Instance>("{address: 10.0.0.1, port: 9, weight: 2}"))
          .ok());
  REQUIRE(table.Find("cart")->instances_size() == 2);
  CHECK(table.Find("cart")->instances(1).weight().value() == 2);
  CHECK(table.RemoveInstance("cart", "[::1]:83").ok());
  CHECK(table.Find("cart")->instances_size() == 1);
  CHECK(table.RemoveInstance("cart", "[::1]:83").message() ==
        "route \"cart\" has no instance [::1]:83");
  CHECK(table.RemoveInstance("nobody", "[::1]:83").message() == "there is no route \"nobody\"");
  CHECK(table.version() == 3);
}

TEST_CASE("a file is read strictly and written whole") {
  const fakes::Folder folder;
  const std::string yaml = folder.Write("t.yaml", "routes:\n- name: a\n  path: /x\n");
  auto table = ReadTable(yaml);
  REQUIRE(table.ok());
  CHECK(table->Find("a")->path() == "/x");

  const std::string json = folder.Write("t.json", "{}");
  CHECK(ReadTable(json)->routes().empty());
  CHECK(WriteTable(*table, json).ok());
  CHECK(ReadTable(json)->Find("a")->path() == "/x");
  CHECK(FilesIn(folder) == 2);  // nothing is left beside them

  const std::string wrong =
      folder.Write("w.yaml", "routes:\n- name: a\n- name: b\n  colour: red\n");
  CHECK(ReadTable(wrong).status().message() == wrong + ":4:3: routes[1].colour: unknown field");
  const std::string twice = folder.Write("v.yaml", "routes:\n- name: a\n- name: a\n");
  CHECK(ReadTable(twice).status().message() ==
        twice + ":3:9: routes[1].name: there are two routes \"a\"");
  CHECK_FALSE(ReadTable(wrong + ".not").ok());
  CHECK_FALSE(WriteTable(*table, "/nowhere/t.json").ok());
  // What could not take the old one's place does not stay.
  const size_t before = FilesIn(folder);
  std::filesystem::create_directory(folder.At("d.json"));
  CHECK_FALSE(WriteTable(*table, folder.At("d.json")).ok());
  CHECK(FilesIn(folder) == before + 1);
}

}  // namespace
}  // namespace remora::control_plane
