#include "source/http/route/route_extras.h"

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

TEST_CASE("a plain route has no extras") {
  const auto table = MustBuild(OneHost({MakeRoute("r", Prefix("/"))}));
  CHECK(table->virtual_hosts()[0].routes()[0].extras() == nullptr);
}

TEST_CASE("virtual clusters: the first that takes a request, else `other`") {
  RouteTableConfig config = OneHost({MakeRoute("r", Prefix("/"))});
  HeaderMatch get;
  get.name = ":method";
  get.kind = HeaderMatch::Kind::kString;
  get.string = {StringMatch::Kind::kExact, "GET"};
  HeaderMatch path = get;
  path.name = ":path";
  path.string = {StringMatch::Kind::kPrefix, "/a"};
  config.virtual_hosts[0].virtual_clusters = {{"reads", {get, path}}, {"gets", {get}}};
  const auto table = MustBuild(std::move(config));
  const RouteExtras* extras = table->virtual_hosts()[0].routes()[0].extras();
  REQUIRE(extras != nullptr);
  const auto find = [&](std::string_view target, std::string_view method) {
    const auto& entry = extras->virtual_clusters->Find(Request("x", target, {}, method).head());
    return entry.name + " " + entry.stat_prefix;
  };
  CHECK(find("/a", "GET") == "reads vhost.all.vcluster.reads.");
  CHECK(find("/b", "GET") == "gets vhost.all.vcluster.gets.");
  CHECK(find("/a", "POST") == " vhost.all.vcluster.other.");
}

TEST_CASE("a route's statistics, hash policy and CONNECT") {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.stat_prefix = "mine";
  auto& forward = std::get<ForwardAction>(route.action);
  forward.hash.push_back({.source = HashPart::Source::kHeader, .name = "x"});
  forward.upgrades.push_back({"connect", true, true});
  const auto table = MustBuild(OneHost({route}));
  const RouteExtras* extras = table->virtual_hosts()[0].routes()[0].extras();
  REQUIRE(extras != nullptr);
  CHECK(extras->stat_prefix == "vhost.all.route.mine.");
  CHECK(extras->hash != nullptr);
  CHECK(extras->ends_connect);
  CHECK(extras->virtual_clusters == nullptr);
}

TEST_CASE("a bad expression of a hash policy is reported") {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  HashPart part{.source = HashPart::Source::kHeader, .name = "x"};
  part.rewrite = {"(", ""};
  std::get<ForwardAction>(route.action).hash.push_back(part);
  CHECK(Problems(OneHost({route})).starts_with("virtual_hosts[0].routes[0].route.hash_policy: "));
}

}  // namespace
}  // namespace remora::route
