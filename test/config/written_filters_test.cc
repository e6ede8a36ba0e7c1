// What is shown of filters' configuration: of the right chain and level, without secrets.

#include "source/config/written_filters.h"

#include <google/protobuf/text_format.h>
#include <catch2/catch.hpp>

#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace remora::config {
namespace {

using envoy::extensions::filters::http::fault::v3::HTTPFault;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using Level = RouteLevel;

template <class Message>
Message Parse(const std::string& text) {
  Message message;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

// A fault filter's configuration, told by a number.
std::string Fault(int number) {
  return "{ [type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault] { "
         "max_active_faults { value: " +
         std::to_string(number) + " } } }";
}
std::string OfRoute(int number) {
  return " typed_per_filter_config { key: 'fault' value " + Fault(number) + " } ";
}
std::string Routes(int first) {
  const auto n = [first](int i) { return OfRoute(first + i); };
  return "name: 'r' " + n(0) + "virtual_hosts { name: 'a' } virtual_hosts { name: 'b' " + n(1) +
         "routes { } routes { " + n(2) + "route { weighted_clusters { clusters { } clusters { " +
         n(3) + " } } } } }";
}
std::string Chain(const std::string& filters, const std::string& routes) {
  return "{ filters { typed_config { "
         "[type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
         "HttpConnectionManager] { route_config { " +
         routes + " } " + filters + " } } } }";
}

struct World {
  explicit World(std::string name = "fault", Level level = Level::kNone) {
    const std::string fault = "http_filters { name: 'fault' typed_config " + Fault(1) + " }";
    const std::string elsewhere = "http_filters { name: 'fault' config_discovery { } }";
    resources.listener =
        Parse<envoy::config::listener::v3::Listener>(
            "filter_chains " + Chain(elsewhere, "") + " filter_chains " + Chain(fault, Routes(10)) +
            " default_filter_chain " +
            Chain("http_filters { name: 'fault' typed_config " + Fault(2) + " }", ""))
            .SerializeAsString();
    resources.extension = [](const std::string& asked) {
      return asked != "fault" ? ""
                              : Parse<envoy::config::core::v3::TypedExtensionConfig>(
                                    "name: 'fault' typed_config " + Fault(3))
                                    .SerializeAsString();
    };
    wanted.push_back({std::move(name), level});
  }
  // The number in the filter's configuration, and in that of its level; 0: there is none.
  std::pair<int, int> Numbers() {
    const WrittenFilter found = FindWrittenFilters(resources, place, wanted)[0];
    const auto number = [](const std::string& json) {
      const size_t at = json.find("\"max_active_faults\": ");
      return at == std::string::npos ? 0 : std::stoi(json.substr(at + 21));
    };
    return {number(found.config), number(found.route_config)};
  }

  WrittenResources resources;
  FilterPlace place = {1, 1, 1, 1};
  std::vector<FilterWanted> wanted;
};

}  // namespace

TEST_CASE("written filters: of the filter chain that was chosen") {
  World w;
  CHECK(w.Numbers() == std::pair(1, 0));
  World by_default;
  by_default.place.filter_chain.reset();
  CHECK(by_default.Numbers() == std::pair(2, 0));
  World from_source;
  from_source.place.filter_chain = 0;
  CHECK(from_source.Numbers() == std::pair(3, 0));
}

TEST_CASE("written filters: of the level whose word counts") {
  CHECK(World("fault", Level::kTable).Numbers() == std::pair(1, 10));
  CHECK(World("fault", Level::kVirtualHost).Numbers() == std::pair(1, 11));
  CHECK(World("fault", Level::kRoute).Numbers() == std::pair(1, 12));
  CHECK(World("fault", Level::kWeightedCluster).Numbers() == std::pair(1, 13));
  World w("fault", Level::kRoute);
  w.resources.routes =
      Parse<envoy::config::route::v3::RouteConfiguration>(Routes(20)).SerializeAsString();
  CHECK(w.Numbers() == std::pair(1, 22));
}

TEST_CASE("written filters: what is not found stays empty") {
  CHECK(World("other", Level::kRoute).Numbers() == std::pair(0, 0));
  World w("fault", Level::kRoute);
  w.place = {7, 7, 7, 7};
  CHECK(w.Numbers() == std::pair(0, 0));
  World beyond("fault", Level::kWeightedCluster);
  beyond.place.weighted_cluster = 9;
  CHECK(beyond.Numbers() == std::pair(1, 0));
  World broken;
  broken.resources.listener = "\xff";
  CHECK(broken.Numbers() == std::pair(0, 0));
}

TEST_CASE("written filters: secrets are left out") {
  World w("auth");
  const std::string auth =
      "http_filters { name: 'auth' typed_config { "
      "[type.googleapis.com/envoy.extensions.filters.http.basic_auth.v3.BasicAuth] { "
      "users { inline_string: 'user:secret' } } } }";
  w.resources.listener =
      Parse<envoy::config::listener::v3::Listener>("default_filter_chain " + Chain(auth, ""))
          .SerializeAsString();
  w.place.filter_chain.reset();
  const std::string shown = FindWrittenFilters(w.resources, w.place, w.wanted)[0].config;
  CHECK(shown.find("BasicAuth") != std::string::npos);
  CHECK(shown.find("secret") == std::string::npos);
}

}  // namespace remora::config
