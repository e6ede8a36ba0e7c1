// What Envoy 1.40 leaves was measured (test/differential/cases/metadata_and_users.txt).

#include "source/extensions/http_filters/set_metadata/set_metadata.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<SetMetadata>();
  return registry;
}

std::string Entry(const std::string& name, const std::string& key, const std::string& value,
                  bool overwrites = false) {
  return "metadata { metadata_namespace: '" + name + "' value { fields { key: '" + key +
         "' value { " + value + " } } } allow_overwrite: " + (overwrites ? "true" : "false") +
         " } ";
}

struct World : fakes::ChainWorld {
  explicit World(const std::string& filter, const std::string& route = "") {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "set", ProtoFromText<SetMetadata::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(Registry(), "set",
                                           ProtoFromText<SetMetadata::Proto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    http::PutText(before, "a", "k", "old");
    http::PutText(before, "a", "other", "stays");
    info.dynamic_metadata = &before;
    MakeRequest("GET", "/");
    Start();
    Request();
    CHECK(upstream.heads == 1);
  }
  std::string Metadata(const std::string& name) const {
    const auto found = info.dynamic_metadata->find(name);
    if (found == info.dynamic_metadata->end()) return "none";
    std::string json;
    found->second.AppendJson(json);
    return json;
  }
  http::Metadata before;
};

TEST_CASE("set_metadata: what is there stays, and is counted") {
  World world(Entry("a", "k", "string_value: 'new'") + Entry("b", "k", "number_value: 1"));
  CHECK(world.Metadata("a") == R"({"k":"old","other":"stays"})");
  CHECK(world.Metadata("b") == R"({"k":1})");
  CHECK(world.Stat("http.test.set_metadata.overwrite_denied") == 1);
}

TEST_CASE("set_metadata: what may overwrite is merged") {
  World world(Entry("a", "k", "string_value: 'new'", true));
  CHECK(world.Metadata("a") == R"({"k":"new","other":"stays"})");
  CHECK(world.before.at("a").fields.at("k").text == "old");
  World lists(Entry("b", "l", "list_value { values { number_value: 1 } }") +
              Entry("b", "l", "list_value { values { number_value: 2 } }", true));
  CHECK(lists.Metadata("b") == R"({"l":[1,2]})");
  const auto fields = [](const std::string& key) {
    return "struct_value { fields { key: '" + key + "' value { bool_value: true } } }";
  };
  World structs(Entry("b", "s", fields("x")) + Entry("b", "s", fields("y"), true));
  CHECK(structs.Metadata("b") == R"({"s":{"x":true,"y":true}})");
  World kinds(Entry("b", "s", fields("x")) + Entry("b", "s", "null_value: NULL_VALUE", true));
  CHECK(kinds.Metadata("b") == R"({"s":null})");
}

TEST_CASE("set_metadata: the older fields are an entry that overwrites") {
  World world(
      "metadata_namespace: 'a' value { fields { key: 'k' value { string_value: 'new' } } }");
  CHECK(world.Metadata("a") == R"({"k":"new","other":"stays"})");
  World without_value("metadata_namespace: 'b'");
  CHECK(without_value.Metadata("b") == "none");
}

TEST_CASE("set_metadata: a route's entries come after the filter's") {
  World world(Entry("b", "k", "string_value: 'filter'"),
              Entry("b", "k", "string_value: 'route'", true));
  CHECK(world.Metadata("b") == R"({"k":"route"})");
}

}  // namespace
}  // namespace remora::extensions
