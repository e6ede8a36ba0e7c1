// The host's side of loadable filters: what is loaded and refused, what modules may do and what
// they must not. The modules are those of modules/, compiled by this build.

#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "source/extensions/http_filters/dynamic_modules/handle_table.h"
#include "test/fakes/extension_world.h"
#include "test/fakes/folder.h"

namespace remora::extensions {
namespace {

using envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilter;
using envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute;
using fakes::ChainWorld;
using fakes::ProtoFromText;

const std::string kModules = "test/extensions/http_filters/dynamic_modules/modules/";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<DynamicModules>();
  return registry;
}

// A struct with one text.
std::string Field(const std::string& key, const std::string& value) {
  return "filter_config { [type.googleapis.com/google.protobuf.Struct] { fields { key: '" + key +
         "' value { string_value: '" + value + "' } } } }";
}

std::string File(const std::string& path) {
  return "dynamic_module_config { module { local { filename: '" + path + "' } } }";
}

http::FilterFactory Load(const std::string& config, std::string& errors) {
  return fakes::ParseFilter(Registry(), "it", ProtoFromText<DynamicModuleFilter>(config), errors);
}

http::FilterFactory Load(const std::string& config) {
  std::string errors;
  http::FilterFactory factory = Load(config, errors);
  INFO(errors);
  REQUIRE(errors.empty());
  return factory;
}

std::string Refusal(const std::string& config) {
  std::string errors;
  Load(config, errors);
  return errors;
}

// How many versions of the module `name` are in this process's memory.
size_t Loaded(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  size_t count = 0;
  while (std::getline(maps, line)) {
    // The first piece of each.
    const bool first = line.find(" 00000000 ") != std::string::npos;
    if (first && line.find("/memfd:" + name) != std::string::npos) ++count;
  }
  return count;
}

// The body of what the hostile module answers.
std::string Ask(ChainWorld& world) {
  world.Start();
  world.Request();
  return world.downstream.body;
}

std::string Hostile(const std::string& mode, uint64_t* misused = nullptr) {
  ChainWorld world;
  world.AddWithState(Load(File(kModules + "libhostile.so") + Field("mode", mode)));
  const std::string body = Ask(world);
  if (misused != nullptr) *misused = world.Stat("http.test.dynamic_modules.misused");
  world.Complete();
  return body;
}

TEST_CASE("handles: what has gone, was never there, or is another's finds nothing") {
  using Kind = HandleTable::Kind;
  HandleTable table;
  int first = 0;
  int second = 0;
  const uint64_t handle = table.Add(Kind::kStream, &first);
  CHECK(table.Find(handle, Kind::kStream) == &first);
  CHECK(table.Find(handle, Kind::kConfig) == nullptr);
  CHECK(table.Find(0, Kind::kStream) == nullptr);
  CHECK(table.Find(0, Kind::kFree) == nullptr);
  CHECK(table.Find(UINT64_MAX, Kind::kStream) == nullptr);
  table.Remove(handle);
  CHECK(table.Find(handle, Kind::kStream) == nullptr);
  const uint64_t again = table.Add(Kind::kStream, &second);
  CHECK(again != handle);
  CHECK(table.Find(handle, Kind::kStream) == nullptr);
  CHECK(table.Find(again, Kind::kStream) == &second);
  CHECK(table.live() == 1);
  HandleTable other;
  CHECK(other.Find(again, Kind::kStream) == nullptr);
}

TEST_CASE("modules: what cannot be used is refused, with field and reason") {
  const auto refusal = [](const std::string& module) {
    return Refusal(File(kModules + "lib" + module + ".so"));
  };
  const std::string place = "filter.dynamic_module_config: ";
  CHECK(refusal("none").find("libnone.so: No such file or directory") != std::string::npos);
  CHECK(refusal("no_symbol").find(place) == 0);
  CHECK(refusal("no_symbol").find("libno_symbol.so has no symbol remora_filter_init") !=
        std::string::npos);
  CHECK(refusal("envoys").find("it is a module for Envoy, whose interface is another one") !=
        std::string::npos);
  CHECK(refusal("init_fails").find("libinit_fails.so cannot be used: there is no licence") !=
        std::string::npos);
  CHECK(refusal("newer").find("needs version 9 of the interface for filters; this binary has 1") !=
        std::string::npos);
  CHECK(refusal("empty").find("lacks one of create_config") != std::string::npos);
  CHECK(refusal("unresolved").find("undefined symbol: nobody_has_this") != std::string::npos);
  CHECK(Refusal(File("/dev/null")).find("/dev/null is no file of at most") != std::string::npos);
  CHECK(Refusal("").find("dynamic_module_config.name: needs a name") != std::string::npos);
  CHECK(Refusal("dynamic_module_config { name: '../x' }").find("needs a name of letters") !=
        std::string::npos);
  CHECK(Refusal("dynamic_module_config { module { local { inline_string: 'x' } } }")
            .find("dynamic_module_config.module.local: needs a filename") != std::string::npos);
  CHECK(Loaded("libnewer.so") == 0);
}

TEST_CASE("modules: found by name in the folder that the environment names") {
  setenv("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", kModules.c_str(), 1);
  Load("dynamic_module_config { name: 'hostile' }");
  unsetenv("ENVOY_DYNAMIC_MODULES_SEARCH_PATH");
  CHECK(Refusal("dynamic_module_config { name: 'hostile' }").find("./libhostile.so: No such") !=
        std::string::npos);
}

TEST_CASE("modules: an older and a newer table than the host's") {
  for (const std::string module : {"old", "larger"}) {
    INFO(module);
    ChainWorld world;
    world.AddWithState(Load(File(kModules + "lib" + module + ".so")));
    CHECK(Ask(world) == "seen");
    world.Complete();
    world.Turn();
  }
  CHECK(Loaded("libold.so") == 0);
}

TEST_CASE("modules: what their configuration is wrong about") {
  const std::string hostile = File(kModules + "libhostile.so");
  CHECK(Refusal(hostile + Field("mode", "says_nothing"))
            .find("filter.filter_config: the module refuses it and does not say why") == 0);
  CHECK(Refusal(hostile + Field("mode", "wrong_metric")).find("a metric that cannot be") !=
        std::string::npos);
  CHECK(Refusal(hostile + Field("mode", "wrong_hooks")).find("hooks that it does not have") !=
        std::string::npos);
  CHECK(Refusal(hostile + Field("mode", "no_hook")).find("hooks that it does not have") !=
        std::string::npos);
  CHECK(Refusal(hostile + "filter_config { [type.googleapis.com/google.protobuf.UInt32Value] "
                          "{ value: 1 } }")
            .find("filter_config: needs a Struct, a StringValue or a BytesValue") !=
        std::string::npos);
  const std::string contract = File(kModules + "libcontract.so");
  CHECK(Refusal(contract + "filter_name: 'x'")
            .find("filter.filter_config: the module has no filter 'x'; it has contract, pass") ==
        0);
  CHECK(Refusal(contract + "filter_name: 'contract'" + Field("mode", "throws_at_load"))
            .find("filter.filter_config: thrown") == 0);
}

TEST_CASE("hostile modules: handles of nothing") {
  const http::FilterFactory kept =
      Load(File(kModules + "libhostile.so"));  // with what it remembers
  uint64_t misused = 0;
  Hostile("");  // its stream is the one that has ended
  CHECK(Hostile("ended", &misused) == "333333");
  CHECK(misused == 6);
  CHECK(Hostile("made_up", &misused) == "333333333333333333333333");
  CHECK(misused == 24);
  CHECK(Hostile("config") == "333");
  CHECK(Hostile("thread") == "333333");
}

TEST_CASE("hostile modules: wrong arguments change nothing and are counted") {
  const http::FilterFactory kept = Load(File(kModules + "libhostile.so"));
  uint64_t misused = 0;
  const std::string results = Hostile("sizes", &misused);
  // Not now: an unknown map, and the body of a hook about a head.
  CHECK(results == "22222422222242233222222");
  CHECK(misused == 21);
  CHECK(Hostile("many", &misused) == "00000000000000002");
  CHECK(misused == 1);
  // Nothing is left of all of these.
  CHECK(Hostile("lives") == "1");
}

TEST_CASE("hostile modules: no filter, and an answer that is none") {
  for (const std::string mode : {"no_filter", "wrong_answer"}) {
    INFO(mode);
    ChainWorld world;
    world.AddWithState(Load(File(kModules + "libhostile.so") + Field("mode", mode)));
    Ask(world);
    REQUIRE(world.downstream.last_head != nullptr);
    CHECK(world.downstream.last_head->status == 500);
    CHECK(world.upstream.heads == 0);
    CHECK(world.Stat("http.test.dynamic_modules.failed") == 1);
  }
}

http::FilterFactory Contract(const std::string& mode, const std::string& file = "") {
  return Load(File(file.empty() ? kModules + "libcontract.so" : file) + "filter_name: 'contract'" +
              Field("mode", mode));
}

TEST_CASE("modules: fields, parts, status, trailers, metadata") {
  ChainWorld world;
  world.AddWithState(Contract("fields"));
  world.MakeRequest("PUT", "/was", {{"a", "1"}, {"b", "2"}, {"a", "3"}});
  world.upstream.with_fields = true;
  world.Start();
  world.RequestHead();
  world.RequestData("body");
  world.RequestEnd({{"t", "1"}});
  CHECK(world.Take() ==
        "up:head(PUT /changed a=1 b=2 a=3 x-names=a b a  x-was=PUT example.com/was "
        "x-metadata=kept) up:data(body) up:end(t=1 x-more=2)");
  CHECK(world.Stat("http.test.contract.active") == 1);
  world.downstream.with_fields = true;
  world.Response(200);
  CHECK(world.Take() == "down:head(201 x-version=1) down:end");
  world.Complete();
  CHECK(world.Stat("http.test.contract.active") == 0);
  CHECK(world.Stat("http.test.dynamic_modules.misused") == 1);  // the value with a line end
}

TEST_CASE("modules: a body held and replaced") {
  ChainWorld world;
  world.AddWithState(Contract("upper"));
  world.Start();
  world.RequestHead();
  world.RequestData("abc");
  world.RequestData("def");
  CHECK(world.Take() == "");
  world.RequestEnd();
  CHECK(world.Take() == "up:head(GET /) up:data(ABCDEF) up:end");
}

TEST_CASE("modules: a timer ends a pause") {
  ChainWorld world;
  world.AddWithState(Contract("timer"));
  world.Start();
  world.Request();
  world.Pass(40 * event::kMillisecond);
  CHECK(world.upstream.heads == 0);
  world.Pass(30 * event::kMillisecond);
  CHECK(world.upstream.ends == 1);
  REQUIRE(world.info.dynamic_metadata != nullptr);
  CHECK(world.info.dynamic_metadata->at("contract").fields.at("waited").number == 50);
}

TEST_CASE("modules: a timer and a stream that ends before it") {
  ChainWorld world;
  world.AddWithState(Contract("timer"));
  world.Start();
  world.Request();
  world.RequestReset();
  world.Complete();
  world.Pass(100 * event::kMillisecond);
  CHECK(world.upstream.heads == 0);
}

TEST_CASE("modules: a call to a cluster that is not there") {
  ChainWorld world;
  world.AddWithState(Contract("call"));
  CHECK(Ask(world) == "no cluster");
  CHECK(world.info.response_code_details == "contract_no_cluster");
}

TEST_CASE("modules: an exception is answered with 500") {
  ChainWorld world;
  world.AddWithState(Contract("throws"));
  Ask(world);
  REQUIRE(world.downstream.last_head != nullptr);
  CHECK(world.downstream.last_head->status == 500);
  CHECK(world.info.response_code_details == "module_exception");
}

TEST_CASE("modules: hooks that a filter does not have are not called") {
  const http::FilterFactory factory =
      Load(File(kModules + "libcontract.so") + "filter_name: 'pass'");
  CHECK(factory.hooks.request() == http::Hooks::kHead);
  CHECK(factory.hooks.response() == http::Hooks::kHead);
}

route::FilterOverride ForRoute(const std::string& file, const std::string& text,
                               std::string& errors) {
  return fakes::ParseOverride(
      Registry(), "it",
      ProtoFromText<DynamicModuleFilterPerRoute>(File(file) + "per_route_config_name: 'contract'" +
                                                 Field("text", text)),
      errors);
}

// What the upstream sees of the route's configuration, or the status of an answer.
std::string Routed(http::FilterFactory factory, const route::FilterOverride& override) {
  ChainWorld world;
  world.AddWithState(std::move(factory));
  world.UseRoutes(fakes::OneRoute({.route = {override}}));
  world.upstream.with_fields = true;
  world.Start();
  world.Request();
  if (world.upstream.heads > 0) return world.Take();
  CHECK(world.Stat("http.test.dynamic_modules.failed") == 1);
  return std::to_string(world.downstream.last_head->status) + " " +
         std::string(world.info.response_code_details);
}

class TemporaryModule {
 public:
  explicit TemporaryModule(const std::string& of) { Replace(of); }
  void Replace(const std::string& of) {
    std::filesystem::copy_file(kModules + of, path() + ".new",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(path() + ".new", path());
  }
  std::string path() const { return folder_.At("libchanging.so"); }

 private:
  fakes::Folder folder_;
};

TEST_CASE("modules: per-route configuration") {
  std::string errors;
  const std::string file = kModules + "libcontract.so";
  CHECK(Routed(Contract(""), ForRoute(file, "here", errors)) ==
        "up:head(GET / x-route=here/1) up:end");
  CHECK(errors.empty());
  ForRoute(file, "not for 1", errors);
  CHECK(errors == "route.filter_config.text: is needed\n");
  errors.clear();
  ForRoute(kModules + "libhostile.so", "x", errors);
  CHECK(errors.find("the module has no configuration of routes") != std::string::npos);
}

TEST_CASE("modules: a route's configuration of another module is an error of the request") {
  std::string errors;
  TemporaryModule other("libcontract.so");
  CHECK(Routed(Contract(""), ForRoute(other.path(), "here", errors)) ==
        "500 dynamic_module_route_config");
}

TEST_CASE("modules: a changed file is loaded anew, and the old one goes when nobody has it") {
  TemporaryModule module("libcontract.so");
  std::string errors;
  const route::FilterOverride route = ForRoute(module.path(), "here", errors);
  const route::FilterOverride picky = ForRoute(module.path(), "not for 2", errors);
  REQUIRE(errors.empty());
  {
    ChainWorld old_stream;
    old_stream.AddWithState(Contract("timer", module.path()));
    old_stream.downstream.with_fields = true;
    old_stream.Start();
    old_stream.Request();
    Contract("", module.path());
    CHECK(Loaded("libchanging.so") == 1);

    module.Replace("libcontract_2.so");
    // A route's configuration that is older than the filter's is made anew by the filter's module.
    CHECK(Routed(Contract("", module.path()), route) == "up:head(GET / x-route=here/2) up:end");
    CHECK(Routed(Contract("", module.path()), route) == "up:head(GET / x-route=here/2) up:end");
    CHECK(Routed(Contract("", module.path()), picky) == "500 dynamic_module_route_config");

    old_stream.Pass(100 * event::kMillisecond);
    old_stream.Take();
    old_stream.Response(200);
    CHECK(old_stream.Take() == "down:head(200 x-version=1) down:end");
    old_stream.Complete();
  }
  // The routes' are both that are left.
  CHECK(Loaded("libchanging.so") == 2);
}

TEST_CASE("modules: nothing stays of one that nobody uses, unless it is asked for") {
  TemporaryModule module("libcontract.so");
  Contract("", module.path());
  CHECK(Loaded("libchanging.so") == 0);
  // Written over in its place, while it is loaded.
  http::FilterFactory factory = Contract("", module.path());
  std::ofstream(module.path(), std::ios::trunc) << "no module any more";
  CHECK(Refusal(File(module.path())).find("libchanging.so") != std::string::npos);
  ChainWorld world;
  world.AddWithState(std::move(factory));
  world.Start();
  world.Request();
  CHECK(world.upstream.ends == 1);

  TemporaryModule kept("libcontract.so");
  Load("dynamic_module_config { do_not_close: true module { local { filename: '" + kept.path() +
       "' } } } filter_name: 'pass'");
  CHECK(Loaded("libchanging.so") == 2);
}

// The loader keeps such a one under the name that it was loaded by.
TEST_CASE("modules: one that cannot be unloaded is not taken for the next") {
  TemporaryModule module("libcontract_stays.so");
  Contract("", module.path());
  CHECK(Loaded("libchanging.so") > 0);
  module.Replace("libcontract_2.so");
  ChainWorld world;
  world.AddWithState(Contract("", module.path()));
  world.downstream.with_fields = true;
  world.Start();
  world.Request();
  world.Take();
  world.Response(200);
  CHECK(world.Take() == "down:head(200 x-version=2) down:end");
}

}  // namespace
}  // namespace remora::extensions
