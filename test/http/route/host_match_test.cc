#include <string>

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

RouteTableConfig Hosts(const std::vector<std::pair<std::string, std::vector<std::string>>>& hosts) {
  RouteTableConfig config;
  config.name = "table";
  for (const auto& [name, domains] : hosts) {
    config.virtual_hosts.push_back({name, domains, {MakeRoute(name, Prefix(""))}, {}});
  }
  return config;
}

// The table that was also given to Envoy 1.40; so are the expectations.
RouteTableConfig Mixed() {
  return Hosts({{"star", {"*"}},
                {"suffix", {"*.foo.com"}},
                {"suffix-bar", {"*-bar.foo.com"}},
                {"exact", {"a.foo.com", "api.*.com"}},
                {"prefix", {"foo.*"}},
                {"prefix-bar", {"foo.bar.*"}},
                {"port", {"b.com:80"}},
                {"suffix-port", {"*.c.com:80"}},
                {"upper", {"UPPER.com"}},
                {"stars", {"*foo*", "**"}}});
}

struct HostCase {
  const char* authority;
  const char* with_port;
  const char* without_port;
};
const HostCase kHostCases[] = {
    {"a.foo.com", "exact", "exact"},
    {"A.FOO.com", "exact", "exact"},
    {"x.foo.com", "suffix", "suffix"},
    {".foo.com", "star", "star"},
    {"foo.com", "prefix", "prefix"},
    {"x-bar.foo.com", "suffix-bar", "suffix-bar"},
    {"-bar.foo.com", "suffix", "suffix"},
    {"foo.x", "prefix", "prefix"},
    {"foo.", "star", "star"},
    {"foo", "star", "star"},
    {"foo.bar.x", "prefix-bar", "prefix-bar"},
    {"foo.bar.", "prefix", "prefix"},
    {"foo.foo.com", "suffix", "suffix"},
    {"b.com", "star", "star"},
    {"b.com:80", "port", "star"},
    {"b.com:81", "star", "star"},
    {"x.c.com", "star", "star"},
    {"x.c.com:80", "suffix-port", "star"},
    {"api.x.com", "star", "star"},
    {"api.*.com", "exact", "exact"},
    {"upper.com", "upper", "upper"},
    {"xfoo*", "stars", "stars"},
    {"*foo*", "stars", "stars"},
    {"x*", "stars", "stars"},
    {"a.foo.com:8080", "star", "exact"},
    {"foo.x:80", "prefix", "prefix"},
    {"[::1]:80", "star", "star"},
    {"[::1]", "star", "star"},
};

}  // namespace

TEST_CASE("virtual hosts are found in Envoy's order") {
  const auto table = MustBuild(Mixed());
  for (const HostCase& c : kHostCases) {
    INFO(c.authority);
    CHECK(RouteOf(*table, Request(c.authority, "/").head()) == c.with_port);
  }
}

TEST_CASE("ignore_port_in_host_matching takes the port off the authority, not off the domain") {
  RouteTableConfig config = Mixed();
  config.ignore_port_in_host_matching = true;
  const auto table = MustBuild(std::move(config));
  for (const HostCase& c : kHostCases) {
    INFO(c.authority);
    CHECK(RouteOf(*table, Request(c.authority, "/").head()) == c.without_port);
  }
}

TEST_CASE("the port of an IPv6 authority stands behind the brackets") {
  RouteTableConfig config = Hosts({{"six", {"[::1]"}}});
  config.ignore_port_in_host_matching = true;
  const auto table = MustBuild(std::move(config));
  CHECK(RouteOf(*table, Request("[::1]:80", "/").head()) == "six");
  CHECK(RouteOf(*table, Request("[::1]", "/").head()) == "six");
  CHECK(RouteOf(*table, Request("::1", "/").head()) == "no host");
}

TEST_CASE("without a virtual host there is no result at all") {
  const auto table = MustBuild(Hosts({{"a", {"a.com"}}}));
  const MatchResult result = table->Match(Request("b.com", "/").head(), 0);
  CHECK(result.virtual_host == nullptr);
  CHECK(result.route == nullptr);
  CHECK(result.cluster == nullptr);
  CHECK(result.overrides == nullptr);
  CHECK(RouteOf(*table, Request("", "/").head()) == "no host");
  CHECK(RouteOf(*MustBuild(Hosts({})), Request("a.com", "/").head()) == "no host");
}

TEST_CASE("an authority of any length is compared as a whole") {
  const std::string long_label(700, 'a');
  const auto table = MustBuild(Hosts({{"exact", {long_label + ".com"}},
                                      {"suffix", {"*.foo.com"}},
                                      {"prefix", {"foo.*"}},
                                      {"star", {"*"}}}));
  CHECK(RouteOf(*table, Request(std::string(700, 'A') + ".com", "/").head()) == "exact");
  CHECK(RouteOf(*table, Request(long_label + ".FOO.com", "/").head()) == "suffix");
  CHECK(RouteOf(*table, Request("Foo." + long_label, "/").head()) == "prefix");
  CHECK(RouteOf(*table, Request(std::string(60'000, 'b'), "/").head()) == "star");
}

TEST_CASE("of many wildcards the longest wins") {
  std::vector<std::pair<std::string, std::vector<std::string>>> hosts;
  std::string domain = "com";
  for (int i = 0; i < 20; ++i) {
    hosts.push_back({"s" + std::to_string(i), {"*." + domain}});
    hosts.push_back({"p" + std::to_string(i), {"w" + std::string(i, 'w') + ".*"}});
    domain = "x." + domain;
  }
  const auto table = MustBuild(Hosts(hosts));
  CHECK(RouteOf(*table, Request("q.com", "/").head()) == "s0");
  CHECK(RouteOf(*table, Request("q.x.x.x.com", "/").head()) == "s3");
  CHECK(RouteOf(*table, Request("q.y.x.x.com", "/").head()) == "s2");
  CHECK(RouteOf(*table, Request("www.org", "/").head()) == "p2");
  CHECK(RouteOf(*table, Request("www.com", "/").head()) == "s0");
}

TEST_CASE("domains are unique in a table, whatever their case") {
  CHECK(Problems(Hosts({{"a", {"x.com"}}, {"b", {"y.com", "X.com"}}})) ==
        "virtual_hosts[1].domains[1]: Only unique values for domains are permitted. Duplicate "
        "entry of domain x.com in route table\n");
  CHECK(Problems(Hosts({{"a", {"*.x.com", "*.X.com"}}})) ==
        "virtual_hosts[0].domains[1]: Only unique values for domains are permitted. Duplicate "
        "entry of domain *.x.com in route table\n");
  CHECK(Problems(Hosts({{"a", {"x.*"}}, {"b", {"X.*"}}})) ==
        "virtual_hosts[1].domains[0]: Only unique values for domains are permitted. Duplicate "
        "entry of domain x.* in route table\n");
  CHECK(Problems(Hosts({{"a", {"*"}}, {"b", {"*"}}})) ==
        "virtual_hosts[1].domains[0]: Only a single wildcard domain is permitted in route table\n");
  CHECK(Problems(Hosts({{"a", {"x.com"}}, {"a", {"y.com"}}})).empty());
  CHECK(Problems(Hosts({{"a", {}}})) ==
        "virtual_hosts[0].domains: a virtual host needs a domain\n");
}

}  // namespace remora::route
