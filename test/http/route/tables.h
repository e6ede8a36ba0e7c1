#pragma once

// Short ways to write a RouteTableConfig in a test.

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "source/http/route/config.h"
#include "source/http/route/route_table.h"

namespace remora::route {

inline RouteConfig MakeRoute(std::string name, PathMatch match) {
  RouteConfig route;
  route.name = std::move(name);
  route.match = std::move(match);
  route.action = ForwardAction{.cluster = "c"};
  return route;
}

inline PathMatch Prefix(std::string text) { return {PathMatch::Kind::kPrefix, std::move(text)}; }
inline PathMatch Path(std::string text) { return {PathMatch::Kind::kPath, std::move(text)}; }
inline PathMatch Separated(std::string text) {
  return {PathMatch::Kind::kPathSeparatedPrefix, std::move(text)};
}
inline PathMatch PathRegex(std::string text) {
  return {PathMatch::Kind::kSafeRegex, std::move(text)};
}
inline PathMatch IgnoreCase(PathMatch match) {
  match.case_sensitive = false;
  return match;
}

inline RouteTableConfig OneHost(std::vector<RouteConfig> routes) {
  RouteTableConfig config;
  config.name = "table";
  config.virtual_hosts.push_back({"all", {"*"}, std::move(routes), {}});
  return config;
}

// What Build has to say, one problem a line; empty when the table is good.
inline std::string Problems(RouteTableConfig config) {
  std::vector<RouteTableProblem> problems;
  const auto table = RouteTable::Build(std::move(config), problems);
  if (table.ok() != problems.empty()) return "the status and the problems do not agree";
  std::string text;
  for (const RouteTableProblem& problem : problems) {
    text += problem.path + ": " + problem.message + "\n";
  }
  return text;
}

inline std::shared_ptr<const RouteTable> MustBuild(RouteTableConfig config) {
  std::vector<RouteTableProblem> problems;
  auto table = RouteTable::Build(std::move(config), problems);
  if (!table.ok()) throw std::runtime_error(std::string(table.status().message()));
  return *std::move(table);
}

// The name of the route that takes the request; "no host" and "no route" when none does.
inline std::string RouteOf(const RouteTable& table, const http::RequestHead& head,
                           uint64_t random = 0) {
  const MatchResult result = table.Match(head, random);
  if (result.virtual_host == nullptr) return "no host";
  return result.route == nullptr ? "no route" : result.route->name();
}

}  // namespace remora::route
