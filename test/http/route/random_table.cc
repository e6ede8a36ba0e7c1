#include "test/http/route/random_table.h"

#include <set>

namespace remora::route {
namespace {

const std::vector<std::string> kSegments = {
    "a",  "ab", "abc",   "b", "A",        "api", "API",
    "v1", "v2", "users", "",  "\xc3\xa9", "x.y", "orders-and-returns"};
const std::vector<std::string> kRegexes = {
    "/a.*",           "/(a|b)/[^/]+", ".*",          "/api/v[0-9]+/.*",    "(?i)/API.*",
    "/ab?c?",         "/api/v1",      "^/a/b$",      "/(api|ab)/.*",       "/.*/users",
    "/api/[^/]*/x.y", "(/a)*",        "/a/b|/b/a.*", "/\\Qx.y\\E",         "",
    "/x\\.y/.+",      "/\xc3\xa9.*",  "/[aA]/.*",    "/api/v1/users/.{2,}"};
const std::vector<std::string> kValues = {"",  "a", "b",  "A",  "ab",  "ba", "a,b",
                                          "1", "5", "-3", "10", "0x1", "B"};
const std::vector<std::string> kLabels = {"a", "b", "A", "foo", "bar", "com", "x-bar"};
const std::vector<std::string> kNames = {"x-a",        "X-B",  "accept",  ":method",  ":path",
                                         ":authority", "host", ":scheme", ":protocol"};

const std::vector<std::string> kRuntimeKeys = {"share.none", "share.half", "share.text"};

}  // namespace

std::string RequestText::ToString() const {
  std::string text = method + " " + authority + " " + path;
  for (const auto& [name, value] : fields) text += "\n" + name + ": " + value;
  return text;
}

RandomTable::RandomTable(uint64_t seed) : random_(seed) {
  runtime::Snapshot::Layer layer;
  const auto number = [&layer](const std::string& key, uint64_t value) {
    layer.values[key] = {std::to_string(value), static_cast<double>(value), {}, {}};
  };
  number("share.none", 0);
  number("share.half", 50);
  layer.values["share.text"] = {"text", {}, {}, {}};
  for (uint64_t i = 0; i < 20; i += 3) number("w.w" + std::to_string(i), random_.Below(5));
  runtime_ = runtime::Snapshot({layer});
  config_.name = "random";
  config_.ignore_port_in_host_matching = Chance(30);
  config_.ignore_path_parameters_in_path_matching = Chance(20);
  config_.overrides = MakeOverrides("table");
  std::set<std::string> domains;
  const uint64_t hosts = 1 + random_.Below(6);
  for (uint64_t i = 0; i < hosts; ++i) {
    VirtualHostConfig host;
    host.name = "v" + std::to_string(i);
    for (uint64_t n = 1 + random_.Below(4); n != 0; --n) {
      std::string domain = Domain();
      std::string lower = domain;
      for (char& c : lower) c = static_cast<char>(std::tolower(c));
      if (domains.insert(lower).second) host.domains.push_back(domain);
    }
    if (host.domains.empty()) host.domains.push_back("only" + std::to_string(i));
    host.overrides = MakeOverrides("host");
    if (Chance(10)) {
      host.require_tls = Chance(50) ? TlsRequirement::kAll : TlsRequirement::kExternalOnly;
    }
    // Around the number of routes at which the loop gives way to the tree, and far beyond it.
    const uint64_t routes = Chance(50) ? random_.Below(12) : random_.Below(80);
    for (uint64_t r = 0; r < routes; ++r) host.routes.push_back(MakeRoute());
    config_.virtual_hosts.push_back(std::move(host));
  }
}

std::string RandomTable::Domain() {
  if (Chance(25)) return "*";
  std::string name = Pick(kLabels);
  while (Chance(50)) name += "." + Pick(kLabels);
  const uint64_t kind = random_.Below(5);
  if (kind == 0) return "*." + name;
  if (kind == 1) return "*-" + name;
  if (kind == 2) return name + ".*";
  if (kind == 3 && Chance(50)) return name + ":80";
  return name;
}

std::string RandomTable::PathText() {
  std::string path = Chance(5) ? "" : "/";
  for (uint64_t n = random_.Below(5); n != 0; --n) {
    path += Pick(kSegments);
    if (n != 1 || Chance(30)) path += "/";
  }
  return path;
}

PathMatch RandomTable::MakeMatch() {
  PathMatch match;
  if (Chance(3)) return {PathMatch::Kind::kConnect};
  const uint64_t kind = random_.Below(10);
  if (kind == 0) {
    match = {PathMatch::Kind::kSafeRegex, Pick(kRegexes), !Chance(20)};
    return match;
  }
  match.kind = kind < 5   ? PathMatch::Kind::kPrefix
               : kind < 8 ? PathMatch::Kind::kPath
                          : PathMatch::Kind::kPathSeparatedPrefix;
  match.text = !paths_.empty() && Chance(30) ? Pick(paths_) : PathText();
  match.case_sensitive = !Chance(25);
  paths_.push_back(match.text);
  return match;
}

StringMatch RandomTable::MakeString() {
  StringMatch match;
  match.kind = static_cast<StringMatch::Kind>(random_.Below(5));
  match.text = Pick(kValues);
  if (match.kind == StringMatch::Kind::kSafeRegex) {
    match.text = Chance(50) ? "[ab]+" : "a.*|1";
  } else {
    match.ignore_case = Chance(30);
  }
  return match;
}

HeaderMatch RandomTable::MakeHeader() {
  HeaderMatch match;
  match.name = Chance(60) ? "x-a" : Pick(kNames);
  match.kind = static_cast<HeaderMatch::Kind>(random_.Below(3));
  match.present = !Chance(30);
  match.string = MakeString();
  match.range_start = static_cast<int64_t>(random_.Below(6)) - 3;
  match.range_end = match.range_start + static_cast<int64_t>(random_.Below(9));
  match.invert = Chance(30);
  match.treat_missing_as_empty = Chance(20);
  return match;
}

RouteConfig RandomTable::MakeRoute() {
  RouteConfig route;
  route.match = MakeMatch();
  while (Chance(20)) route.headers.push_back(MakeHeader());
  while (Chance(10)) {
    QueryParameterMatch parameter;
    parameter.name = Chance(70) ? "k" : "kk";
    if (Chance(60)) parameter.string = MakeString();
    parameter.present = !Chance(30);
    route.query_parameters.push_back(parameter);
  }
  route.grpc = Chance(3);
  if (Chance(10)) {
    route.runtime_fraction =
        runtime::FractionSetting{Chance(50) ? "" : Pick(kRuntimeKeys), {random_.Below(120), 100}};
  }
  if (Chance(10)) {
    route.action = DirectResponseAction{404};
  } else if (Chance(30)) {
    ForwardAction action;
    for (uint64_t n = 1 + random_.Below(12); n != 0; --n) {
      action.weighted_clusters.push_back({"w" + std::to_string(random_.Below(20)),
                                          static_cast<uint32_t>(random_.Below(4)),
                                          MakeOverrides("cluster")});
      if (!Chance(10)) continue;
      action.weighted_clusters.back().name.clear();
      action.weighted_clusters.back().cluster_header = Pick(kNames);
    }
    action.weighted_clusters.back().weight += 1;
    if (Chance(20)) action.runtime_key_prefix = "w";
    if (Chance(20)) action.random_value_header = "x-a";
    route.action = action;
  } else if (Chance(10)) {
    route.action = ForwardAction{.cluster_header = Pick(kNames)};
  } else {
    route.action = ForwardAction{.cluster = "c" + std::to_string(random_.Below(20))};
  }
  route.overrides = MakeOverrides("route");
  return route;
}

FilterOverrides RandomTable::MakeOverrides(const std::string& level) {
  FilterOverrides overrides;
  for (const char* filter : {"f", "g", "h"}) {
    if (Chance(90)) continue;
    overrides.push_back(
        {filter, "type",
         std::make_shared<const std::string>(level + std::to_string(random_.Below(1000))), false});
  }
  return overrides;
}

RequestText RandomTable::NextRequest() {
  RequestText request;
  request.method = Chance(80) ? "GET" : Chance(70) ? "POST" : "CONNECT";

  request.authority = Domain();
  const VirtualHostConfig& host = Pick(config_.virtual_hosts);
  if (Chance(70)) request.authority = Pick(host.domains);
  const size_t star = request.authority.find('*');
  if (star != std::string::npos) {
    request.authority.replace(star, 1, Chance(10) ? "" : Pick(kLabels));
  }
  if (Chance(15)) request.authority += Chance(50) ? ":80" : ":81";
  if (Chance(2)) request.authority.clear();
  if (Chance(10)) {
    for (char& c : request.authority) c = static_cast<char>(std::toupper(c));
  }

  request.path = paths_.empty() || Chance(10) ? PathText() : Pick(paths_);
  if (Chance(40)) request.path += (Chance(50) ? "/" : "") + Pick(kSegments);
  if (Chance(5) && !request.path.empty()) request.path.pop_back();
  if (request.method == "CONNECT" && Chance(50)) request.path.clear();
  if (Chance(10)) {
    for (char& c : request.path) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  if (Chance(5)) request.path += ";x";
  if (Chance(40)) {
    request.path += Chance(50) ? "?k" : "?kk";
    if (Chance(80)) request.path += "=" + Pick(kValues);
    if (Chance(30)) request.path += "&k=" + Pick(kValues);
  }
  while (Chance(50)) request.fields.push_back({"x-a", Pick(kValues)});
  if (Chance(20)) request.fields.push_back({"x-b", Pick(kValues)});
  if (Chance(20)) request.fields.push_back({"accept", Pick(kValues)});
  if (Chance(50)) request.fields.push_back({"x-forwarded-proto", Chance(50) ? "https" : "http"});
  if (Chance(30)) request.fields.push_back({"x-envoy-internal", "true"});
  if (Chance(20)) request.fields.push_back({"content-type", "application/grpc"});
  return request;
}

}  // namespace remora::route
