// The program: flags -> route table -> ADS server -> HTTP API, until SIGTERM.

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "examples/control_plane/ads_server.h"
#include "examples/control_plane/api.h"
#include "examples/control_plane/http_server.h"
#include "examples/control_plane/snapshot.h"
#include "examples/control_plane/table_text.h"
#include "source/base/log.h"
#include "source/config/text.h"
#include "source/net/address.h"

namespace remora::control_plane {
namespace {

using config::Concat;

constexpr char kHelp[] =
    R"(Usage: control_plane --routes FILE [--write-back] [--ads A] [--api A] [--listener A]

Gives the routes of a table to all sidecars that ask (xDS v3, ADS over gRPC, state of the world and
delta), and changes the table over HTTP: see api.h beside the source.

  --routes FILE     the route table: YAML (.yaml, .yml) or JSON
  --write-back      keep changes in FILE, which has to be JSON (.json)
  --ads ADDRESS     where sidecars connect to (127.0.0.1:18000)
  --api ADDRESS     where the HTTP API is (127.0.0.1:18080)
  --listener A      where the sidecars are to listen (127.0.0.1:10000)
  --help            this text

Ends at SIGTERM and SIGINT; the sidecars go on with what they have.
)";

struct Options {
  std::string routes;
  bool write_back = false;
  bool help = false;
  std::string ads = "127.0.0.1:18000";
  std::string api = "127.0.0.1:18080";
  std::string listener = "127.0.0.1:10000";
};

// What is wrong, or nothing.
std::optional<std::string> Parse(int argc, char** argv, Options& options) {
  const std::pair<std::string_view, std::string*> texts[] = {{"--routes", &options.routes},
                                                             {"--ads", &options.ads},
                                                             {"--api", &options.api},
                                                             {"--listener", &options.listener}};
  const std::pair<std::string_view, bool*> switches[] = {{"--write-back", &options.write_back},
                                                         {"--help", &options.help}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    bool known = false;
    for (const auto& [name, value] : switches) {
      if (flag != name) continue;
      *value = true;
      known = true;
    }
    for (const auto& [name, value] : texts) {
      if (flag != name) continue;
      if (++i == argc) return Concat(name, " wants a value");
      *value = argv[i];
      known = true;
    }
    if (!known) return Concat("unknown flag ", flag, "; see --help");
  }
  if (options.help) return std::nullopt;
  if (options.routes.empty()) return "--routes is required; see --help";
  if (options.write_back && !options.routes.ends_with(".json")) {
    return "--write-back writes JSON: the name of the file has to end in .json";
  }
  return std::nullopt;
}

int Fail(std::string_view reason) {
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(reason.size()), reason.data());
  return 1;
}

int Serve(const Options& options) {
  const auto listener = net::Address::IpPort(options.listener);
  const auto api_address = net::Address::IpPort(options.api);
  if (!listener.ok()) return Fail(Concat("--listener: ", options.listener, " is no address"));
  if (!api_address.ok()) return Fail(Concat("--api: ", options.api, " is no address"));
  auto table = ReadTable(options.routes);
  if (!table.ok()) return Fail(std::string(table.status().message()));
  const auto snapshot_of = [&](const RouteTable& of) {
    return std::make_shared<const Snapshot>(BuildSnapshot(of, *listener));
  };
  auto ads = AdsServer::Start(options.ads, snapshot_of(*table));
  if (!ads.ok()) return Fail(std::string(ads.status().message()));
  const auto commit = [&](const RouteTable& changed) {
    absl::Status status;
    if (options.write_back) status = WriteTable(changed, options.routes);
    if (!status.ok()) return status;
    (*ads)->Publish(snapshot_of(changed));
    REMORA_LOG(kConfig, kInfo, "route table ", changed.version(), ": ", changed.routes().size(),
               " routes");
    return status;
  };
  Api api(*std::move(table), commit, [&] { return (*ads)->Describe(); });
  auto http =
      HttpServer::Start(*api_address, [&](auto... request) { return api.Handle(request...); });
  if (!http.ok()) return Fail(std::string(http.status().message()));
  REMORA_LOG(kMain, kInfo, "sidecars: ", options.ads, "; API: http://", options.api, "/routes; ",
             api.table().routes().size(), " routes of ", options.routes);
  (*http)->Run();
  REMORA_LOG(kMain, kInfo, "ends");
  return 0;
}

}  // namespace
}  // namespace remora::control_plane

int main(int argc, char** argv) {
  namespace plane = remora::control_plane;
  plane::Options options;
  if (const auto wrong = plane::Parse(argc, argv, options)) return plane::Fail(*wrong);
  if (options.help) {
    std::fputs(plane::kHelp, stdout);
    return 0;
  }
  // A peer that has gone is an error of a write.
  std::signal(SIGPIPE, SIG_IGN);
  remora::base::SetAllLogLevels(remora::base::LogLevel::kInfo);
  const absl::Status log = remora::base::StartLog("", "[%Y-%m-%d %T.%e][%l] %v");
  if (!log.ok()) return plane::Fail(std::string(log.message()));
  return plane::Serve(options);
}
