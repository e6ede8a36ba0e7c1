// RouteTable against the plain matcher: the same answer for every random table and request.

#include <string>

#include "test/http/route/linear_matcher.h"
#include "test/http/route/random_table.h"
#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

// The words of MatchLinearly for what the table found.
std::string Words(const RouteTable& table, const MatchResult& result,
                  const http::RequestHead& head) {
  if (result.virtual_host == nullptr) return "no host";
  const std::string host =
      "host " + std::to_string(result.virtual_host - table.virtual_hosts().data());
  if (result.route == nullptr) return host + " no route";
  if (result.cluster == nullptr && result.route->redirect() != nullptr) {
    return host + " redirect to TLS";  // the tables have no other redirects
  }
  const auto index = result.route - result.virtual_host->routes().data();
  std::string text = host + " route " + std::to_string(index);
  if (result.cluster != nullptr) {
    const std::string name(result.cluster->NameFor(head));
    text += " cluster " + (name.empty() ? "(none)" : name);
    if (result.cluster->cluster_header == nullptr &&
        name != table.cluster_names()[result.cluster->cluster_index]) {
      text += " (but numbered otherwise)";
    }
  }
  return text + OverridesText(result.overrides);
}

// What the reasons say, in the same words, without overrides and clusters.
std::string WordsOf(const RouteTable& table, const MatchReasons& reasons) {
  if (reasons.virtual_hosts.empty()) return "no host";
  const std::string host =
      "host " + std::to_string(reasons.virtual_hosts[0] - table.virtual_hosts().data());
  if (reasons.requires_tls) return host + " redirect to TLS";
  for (size_t i = 0; i < reasons.routes.size(); ++i) {
    if (reasons.routes[i].kind == Mismatch::Kind::kNone)
      return host + " route " + std::to_string(i);
  }
  return host + " no route";
}

}  // namespace

TEST_CASE("the index gives the plain matcher's answer on random tables") {
  constexpr uint64_t kTables = 600;
  constexpr int kRequests = 60;
  int differences = 0;
  int no_host = 0;
  int no_route = 0;
  int later_route = 0;
  int redirected = 0;
  for (uint64_t seed = 1; seed <= kTables; ++seed) {
    RandomTable random(seed);
    const auto table = MustBuild(random.config());
    for (int i = 0; i < kRequests; ++i) {
      const RequestText text = random.NextRequest();
      const Request request = text.Make();
      const uint64_t number = random.NextNumber();
      const runtime::Snapshot& runtime = random.runtime();
      const std::string expected = MatchLinearly(random.config(), request.head(), number, &runtime);
      const std::string found =
          Words(*table, table->Match(request.head(), number, &runtime), request.head());
      const std::string explained =
          WordsOf(*table, table->Explain(request.head(), number, &runtime));
      differences += !(expected + ' ').starts_with(explained + ' ');
      no_host += expected == "no host";
      no_route += expected.find("no route") != std::string::npos;
      redirected += expected.find("redirect") != std::string::npos;
      later_route += expected.find(" route 0") == std::string::npos;
      if (found == expected) continue;
      if (++differences > 5) continue;
      INFO("table " << seed << " request " << i << "\n" << text.ToString());
      CHECK(found == expected);
    }
  }
  CHECK(differences == 0);
  // The inputs reach every kind of answer.
  CHECK(no_host > 1'000);
  CHECK(no_route > 1'000);
  CHECK(redirected > 1'000);
  CHECK(later_route - no_host - no_route > 10'000);
}

}  // namespace remora::route
