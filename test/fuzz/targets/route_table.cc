#include <cstring>

#include "source/http/route/route_table.h"
#include "test/fuzz/targets/targets.h"
#include "test/http/route/linear_matcher.h"
#include "test/http/route/random_table.h"

namespace remora::fuzz {
namespace {

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string Found(const route::RouteTable& table, const route::MatchResult& result) {
  if (result.virtual_host == nullptr) return "no host";
  std::string text =
      "host " + std::to_string(result.virtual_host - table.virtual_hosts().data()) + " ";
  if (result.route == nullptr) return text + "no route";
  // It stands in for every route of a host that requires TLS; the tables have no other redirects.
  if (result.route->redirect() != nullptr) return text + "redirect to TLS";
  return text + "route " + std::to_string(result.route - result.virtual_host->routes().data());
}

}  // namespace

// Two bytes that choose the table, then lines: authority, path, method, `name: value`...
void RunRouteTable(std::string_view input) {
  if (input.size() < 2) return;
  uint16_t seed = 0;
  std::memcpy(&seed, input.data(), sizeof(seed));
  input.remove_prefix(2);
  route::RandomTable random(seed);
  std::vector<route::RouteTableProblem> problems;
  const auto table = route::RouteTable::Build(random.config(), problems);
  Require(table.ok() == problems.empty(), "status and problems do not agree");
  if (!table.ok()) return;
  route::RequestText text;
  text.authority = TakeLine(input);
  text.path = TakeLine(input);
  text.method = TakeLine(input);
  while (!input.empty()) {
    const std::string_view line = TakeLine(input);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    text.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  const route::Request request = text.Make();
  const uint64_t number = random.NextNumber();
  const runtime::Snapshot runtime;
  const std::string found = Found(**table, (*table)->Match(request.head(), number, &runtime));
  const std::string expected =
      route::MatchLinearly(random.config(), request.head(), number, &runtime);
  const bool same = expected.starts_with(found) &&
                    (expected.size() == found.size() || expected[found.size()] == ' ');
  Require(same, "found " + found + ", expected " + expected);
}

}  // namespace remora::fuzz
