#include <string>
#include <vector>

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

// The expectations of the cases with kFields, kNumbers and kQueries are Envoy's 1.40 answers.

namespace remora::route {
namespace {

using Kind = StringMatch::Kind;

std::string Taken(const RouteConfig& route, const Request& request) {
  return RouteOf(*MustBuild(OneHost({route})), request.head()) == "yes" ? "1" : "0";
}

HeaderMatch StringHeader(Kind kind, std::string text, bool ignore_case = false) {
  HeaderMatch match;
  match.name = "X-A";
  match.kind = HeaderMatch::Kind::kString;
  match.string = {kind, std::move(text), ignore_case};
  return match;
}
HeaderMatch RangeHeader(int64_t start, int64_t end) {
  HeaderMatch match;
  match.name = "x-a";
  match.kind = HeaderMatch::Kind::kRange;
  match.range_start = start;
  match.range_end = end;
  return match;
}
HeaderMatch PresentHeader(bool present) {
  HeaderMatch match;
  match.name = "x-a";
  match.present = present;
  return match;
}
HeaderMatch Inverted(HeaderMatch match) {
  match.invert = true;
  return match;
}
HeaderMatch MissingAsEmpty(HeaderMatch match) {
  match.treat_missing_as_empty = true;
  return match;
}

std::string TakenFields(const HeaderMatch& match, const std::vector<Fields>& requests) {
  RouteConfig route = MakeRoute("yes", Prefix("/"));
  route.headers.push_back(match);
  std::string taken;
  for (const Fields& fields : requests) taken += Taken(route, Request("x.com", "/", fields));
  return taken;
}

// a and b in two fields; a; absent; empty; "a,b" in one field.
const std::vector<Fields> kFields = {
    {{"x-a", "a"}, {"x-a", "b"}}, {{"x-a", "a"}}, {}, {{"x-a", ""}}, {{"x-a", "a,b"}}};
std::string OfFields(const HeaderMatch& match) { return TakenFields(match, kFields); }

std::string OfNumbers(const HeaderMatch& match) {
  std::vector<Fields> requests;
  for (const char* value :
       {"5", "9", "10", "-5", "+7", "0x7", "7a", "007", "99999999999999999999", "", "7.0", "-0"}) {
    requests.push_back({{"x-a", value}});
  }
  requests.push_back({{"x-a", "7"}, {"x-a", "x"}});
  requests.push_back({{"x-a", "x"}, {"x-a", "7"}});
  requests.push_back({});
  return TakenFields(match, requests);
}

const std::vector<std::string> kQueries = {
    "/",        "/?k",     "/?k=",  "/?k=v",   "/?k=v&k=w", "/?k=w&k=v", "/?K=v",
    "/?k=v%20", "/?a&k=v", "/?a=k", "/?k=v=w", "/?kk=v",    "/?&k=v",    "/?%6b=v",
    "/?k=V",    "/?a?k=v", "/k=v",  "/?a;k=v", "/?k=v#f",   "/?=v",      "/?x=1?k=v"};
std::string OfQueries(bool present, std::optional<StringMatch> string) {
  RouteConfig route = MakeRoute("yes", Prefix("/"));
  route.query_parameters.push_back({"k", std::move(string), present});
  std::string taken;
  for (const std::string& path : kQueries) taken += Taken(route, Request("x.com", path));
  return taken;
}

// Envoy's 1.40 answers.
TEST_CASE("Cookies: the first of a name counts, an inverted condition takes requests without") {
  const auto taken = [](const CookieMatch& match) {
    RouteConfig route = MakeRoute("yes", Prefix("/"));
    route.cookies.push_back(match);
    std::string answers;
    for (const char* cookie :
         {"a=1", "x=y; a=1", "a=2; a=1", "a=", "b=1", "A=1", "aa=1", "a=\"1\""}) {
      answers += Taken(route, Request("x.com", "/", {{"cookie", cookie}}));
    }
    answers += Taken(route, Request("x.com", "/", {{"cookie", "z=0"}, {"cookie", "a=1"}}));
    answers += Taken(route, Request("x.com", "/", {}));
    return answers;
  };
  CHECK(taken({"a", {Kind::kExact, "1", false}, false}) == "1100000110");
  CHECK(taken({"a", {Kind::kExact, "1", false}, true}) == "0011111001");
  CHECK(taken({"a", {Kind::kExact, "", false}, false}) == "0001000000");
  RouteConfig route = MakeRoute("yes", Prefix("/"));
  route.cookies.push_back({"a", {Kind::kSafeRegex, "(", false}, false});
  CHECK(Problems(OneHost({route})).starts_with("virtual_hosts[0].routes[0].match.cookies[0]"));
}

}  // namespace

TEST_CASE("header matches by string: either value of a repeated field, both or none inverted") {
  CHECK(OfFields(StringHeader(Kind::kExact, "a")) == "11000");
  CHECK(OfFields(StringHeader(Kind::kExact, "b")) == "10000");
  CHECK(OfFields(StringHeader(Kind::kExact, "a,b")) == "00001");
  CHECK(OfFields(StringHeader(Kind::kExact, "")) == "00010");
  CHECK(OfFields(StringHeader(Kind::kPrefix, "a")) == "11001");
  CHECK(OfFields(StringHeader(Kind::kSuffix, "b")) == "10001");
  CHECK(OfFields(StringHeader(Kind::kContains, ",")) == "00001");
  CHECK(OfFields(StringHeader(Kind::kSafeRegex, "a|b")) == "11000");
  CHECK(OfFields(StringHeader(Kind::kExact, "A", true)) == "11000");
  CHECK(OfFields(StringHeader(Kind::kContains, "A", true)) == "11001");
  CHECK(OfFields(StringHeader(Kind::kExact, "A")) == "00000");
  CHECK(OfFields(Inverted(StringHeader(Kind::kExact, "a"))) == "00011");
  CHECK(OfFields(Inverted(StringHeader(Kind::kExact, "b"))) == "01011");
  CHECK(OfFields(Inverted(StringHeader(Kind::kExact, "z"))) == "11011");
  CHECK(OfFields(MissingAsEmpty(Inverted(StringHeader(Kind::kExact, "a")))) == "00111");
  CHECK(OfFields(MissingAsEmpty(StringHeader(Kind::kExact, ""))) == "00110");
}

TEST_CASE("header matches by presence") {
  CHECK(OfFields(PresentHeader(true)) == "11011");
  CHECK(OfFields(PresentHeader(false)) == "00100");
  CHECK(OfFields(Inverted(PresentHeader(true))) == "00100");
  CHECK(OfFields(Inverted(PresentHeader(false))) == "11011");
  CHECK(OfFields(MissingAsEmpty(PresentHeader(true))) == "11111");
  CHECK(OfFields(MissingAsEmpty(PresentHeader(false))) == "00000");
}

TEST_CASE("header matches by range") {
  CHECK(OfNumbers(RangeHeader(5, 10)) ==
        "110010010000"
        "110");
  CHECK(OfNumbers(Inverted(RangeHeader(-5, 10))) ==
        "001001101110"
        "000");
  CHECK(OfNumbers(MissingAsEmpty(RangeHeader(-5, 10))) ==
        "110110010001"
        "110");
}

TEST_CASE("strings are compared by prefix, suffix and content with and without case") {
  const auto taken = [](Kind kind, std::string text, bool ignore_case) {
    return TakenFields(StringHeader(kind, std::move(text), ignore_case), {{{"x-a", "Hello World"}},
                                                                          {{"x-a", "hello world"}},
                                                                          {{"x-a", "Hello"}},
                                                                          {{"x-a", "World"}},
                                                                          {{"x-a", "o W"}}});
  };
  CHECK(taken(Kind::kPrefix, "Hello", false) == "10100");
  CHECK(taken(Kind::kPrefix, "hELLO", true) == "11100");
  CHECK(taken(Kind::kSuffix, "World", false) == "10010");
  CHECK(taken(Kind::kSuffix, "wORLD", true) == "11010");
  CHECK(taken(Kind::kContains, "o W", false) == "10001");
  CHECK(taken(Kind::kContains, "O w", true) == "11001");
  CHECK(taken(Kind::kExact, "HELLO WORLD", true) == "11000");
  CHECK(taken(Kind::kSafeRegex, "Hell.", false) == "00100");
}

TEST_CASE("the parts of the head are matched under their pseudo names") {
  const auto taken = [](std::string name, std::string text, const Request& request) {
    RouteConfig route = MakeRoute("yes", Prefix(""));
    route.headers.push_back(StringHeader(Kind::kExact, std::move(text)));
    route.headers.back().name = std::move(name);
    return Taken(route, request);
  };
  const Request request("x.com", "/p?q=1");
  CHECK(taken(":method", "GET", request) == "1");
  CHECK(taken(":method", "get", request) == "0");
  CHECK(taken(":path", "/p?q=1", request) == "1");
  CHECK(taken(":path", "/p", request) == "0");
  CHECK(taken(":authority", "x.com", request) == "1");
  CHECK(taken("host", "x.com", request) == "1");
  CHECK(taken("Host", "x.com", request) == "1");
  CHECK(taken(":scheme", "http", request) == "1");
  CHECK(taken(":status", "200", request) == "0");

  HeaderMatch absent = PresentHeader(false);
  absent.name = ":protocol";
  CHECK(TakenFields(absent, {{}}) == "1");
  absent.name = ":authority";
  CHECK(TakenFields(absent, {{}}) == "0");
}

TEST_CASE("known names and names nobody knows are found alike") {
  const std::vector<Fields> requests = {{{"content-type", "a"}, {"x-mine", "b"}},
                                        {{"x-mine", "a"}, {"content-type", "b"}}};
  HeaderMatch match = StringHeader(Kind::kExact, "a");
  match.name = "Content-Type";
  CHECK(TakenFields(match, requests) == "10");
  match.name = "X-Mine";
  CHECK(TakenFields(match, requests) == "01");
}

TEST_CASE("a removed field does not match") {
  Request request("x.com", "/", {{"x-a", "a"}, {"content-type", "a"}});
  request.head().headers.Remove("x-a");
  request.head().headers.Remove("content-type");
  for (const char* name : {"x-a", "content-type"}) {
    RouteConfig route = MakeRoute("yes", Prefix("/"));
    route.headers.push_back(PresentHeader(true));
    route.headers.back().name = name;
    CHECK(Taken(route, request) == "0");
  }
}

TEST_CASE("all headers of a route have to match") {
  RouteConfig route = MakeRoute("yes", Prefix("/"));
  route.headers = {PresentHeader(true), StringHeader(Kind::kSuffix, "z")};
  CHECK(Taken(route, Request("x", "/", {{"x-a", "az"}})) == "1");
  CHECK(Taken(route, Request("x", "/", {{"x-a", "a"}})) == "0");
}

TEST_CASE("query parameters: the first of that name, as written") {
  const auto string = [](Kind kind, std::string text, bool ignore_case = false) {
    return OfQueries(true, StringMatch{kind, std::move(text), ignore_case});
  };
  CHECK(OfQueries(true, std::nullopt) == "011111011010101000100");
  CHECK(OfQueries(true, std::nullopt).size() == kQueries.size());
  CHECK(string(Kind::kExact, "v") == "000110001000100000000");
  CHECK(string(Kind::kExact, "") == "011000000000000000000");
  CHECK(string(Kind::kExact, "V", true) == "000110001000101000000");
  CHECK(string(Kind::kSafeRegex, "v.*") == "000110011010100000100");
  CHECK(string(Kind::kPrefix, "v") == "000110011010100000100");
  // An inverted presence is the complement.
  const std::string present = OfQueries(true, std::nullopt);
  std::string complement;
  for (const char c : present) complement += c == '1' ? '0' : '1';
  CHECK(OfQueries(false, std::nullopt) == complement);
}

TEST_CASE("a gRPC route asks for the content type") {
  RouteConfig route = MakeRoute("yes", Prefix("/"));
  route.grpc = true;
  std::string taken;
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc-web",
                           "application/grpc;x", "application/json", "Application/gRPC"}) {
    taken += Taken(route, Request("x", "/", {{"content-type", type}}, "POST"));
  }
  CHECK(taken == "110000");
  CHECK(Taken(route, Request("x", "/")) == "0");
}

TEST_CASE("a runtime fraction takes its share of the random numbers") {
  RouteConfig first = MakeRoute("first", Prefix("/"));
  first.runtime_fraction = runtime::FractionSetting{"", {30, 100}};
  const auto table = MustBuild(OneHost({first, MakeRoute("second", Prefix("/"))}));
  const Request request("x", "/");
  int taken = 0;
  for (uint64_t random = 0; random < 1000; ++random) {
    taken += RouteOf(*table, request.head(), random) == "first";
  }
  CHECK(taken == 300);

  const auto share = [&request](uint64_t numerator, uint64_t random) {
    RouteConfig route = MakeRoute("yes", Prefix("/"));
    route.runtime_fraction = runtime::FractionSetting{"", {numerator, 100}};
    return RouteOf(*MustBuild(OneHost({route})), request.head(), random) == "yes";
  };
  CHECK_FALSE(share(0, 0));
  CHECK(share(1, 0));
  CHECK(share(100, ~uint64_t{0}));
  CHECK(share(200, 99));
}

TEST_CASE("bad conditions are refused with the place where they stand") {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.headers = {StringHeader(Kind::kSafeRegex, "(a"), PresentHeader(true),
                   StringHeader(Kind::kSafeRegex, "a", true)};
  route.headers[1].name.clear();
  route.query_parameters = {{"k", StringMatch{Kind::kSafeRegex, "b)", false}, true},
                            {"", {}, true}};
  route.runtime_fraction = runtime::FractionSetting{"", {1, 0}};
  CHECK(Problems(OneHost({MakeRoute("ok", Prefix("/x")), route})) ==
        "virtual_hosts[0].routes[1].match.headers[0]: missing ): (a\n"
        "virtual_hosts[0].routes[1].match.headers[1]: the header has no name\n"
        "virtual_hosts[0].routes[1].match.headers[2]: ignore_case has no effect for safe_regex.\n"
        "virtual_hosts[0].routes[1].match.query_parameters[0]: unexpected ): b)\n"
        "virtual_hosts[0].routes[1].match.query_parameters[1]: the parameter has no name\n"
        "virtual_hosts[0].routes[1].match.runtime_fraction: the denominator is 0\n");
}

// "kind name" of what each route asks in vain.
static std::vector<std::string> Reasons(std::vector<RouteConfig> routes, const Request& request) {
  const auto table = MustBuild(OneHost(std::move(routes)));
  std::vector<std::string> words;
  for (const Mismatch& mismatch : table->Explain(request.head(), 7).routes) {
    words.push_back(std::to_string(static_cast<int>(mismatch.kind)) + " " +
                    std::string(mismatch.name));
  }
  return words;
}

TEST_CASE("reasons: the first condition that does not hold, by its name") {
  const auto is = [](Mismatch::Kind kind, const std::string& name = "") {
    return std::to_string(static_cast<int>(kind)) + " " + name;
  };
  std::vector<RouteConfig> routes(8, MakeRoute("r", Prefix("/a")));
  routes[0].match = Prefix("/b");
  routes[1].match = PathRegex("/a/[0-9]+");
  routes[2].headers = {PresentHeader(true)};
  routes[3].query_parameters = {{"q", std::nullopt}, {"missing", std::nullopt}};
  routes[4].cookies = {{.name = "session", .string = {Kind::kExact, "x"}}};
  routes[5].grpc = true;
  routes[6].runtime_fraction = runtime::FractionSetting{"", {.numerator = 5}};
  CHECK(Reasons(routes, Request("x.com", "/a/b?q=1", {{"cookie", "session=y"}})) ==
        std::vector<std::string>{is(Mismatch::Kind::kPath), is(Mismatch::Kind::kPath),
                                 is(Mismatch::Kind::kHeader, "x-a"),
                                 is(Mismatch::Kind::kQueryParameter, "missing"),
                                 is(Mismatch::Kind::kCookie, "session"), is(Mismatch::Kind::kGrpc),
                                 is(Mismatch::Kind::kRuntimeFraction), is(Mismatch::Kind::kNone)});
}

TEST_CASE("reasons: all virtual hosts that would take the authority, the best first") {
  RouteTableConfig config = OneHost({MakeRoute("r", Prefix("/"))});
  config.virtual_hosts.push_back({"suffix", {"*.x.com", "*.com"}, {}, {}});
  config.virtual_hosts.push_back({"exact", {"a.x.com"}, {}, {}});
  config.virtual_hosts.push_back({"prefix", {"a.*"}, {}, {}});
  config.virtual_hosts.push_back({"other", {"b.x.com"}, {}, {}});
  config.virtual_hosts[2].require_tls = TlsRequirement::kAll;
  const auto table = MustBuild(config);
  const auto names = [&](const std::string& authority) {
    std::string text;
    const MatchReasons reasons = table->Explain(Request(authority, "/").head(), 0);
    for (const VirtualHost* host : reasons.virtual_hosts) text += host->name() + " ";
    return text;
  };
  CHECK(names("a.x.com") == "exact suffix prefix all ");
  CHECK(names("A.Y.com") == "suffix prefix all ");
  CHECK(names("z") == "all ");
  CHECK(table->Explain(Request("a.x.com", "/").head(), 0).requires_tls);
  CHECK_FALSE(table->Explain(Request("z", "/").head(), 0).requires_tls);
}

}  // namespace remora::route
