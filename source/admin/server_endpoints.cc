#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_writer.h"
#include "source/admin/memory_usage.h"

namespace remora::admin {

std::string_view ServerStateName(ServerState state) {
  switch (state) {
    case ServerState::kLive:
      return "LIVE";
    case ServerState::kDraining:
      return "DRAINING";
    case ServerState::kPreInitializing:
      return "PRE_INITIALIZING";
    case ServerState::kInitializing:
      return "INITIALIZING";
  }
  return {};
}

namespace {

// How Envoy names what a listener waits for.
constexpr std::string_view kListenerTarget = "init manager Listener-local-init-manager ";

// There is no hot restart: Envoy's answer with --disable-hot-restart.
constexpr std::string_view kHotRestartVersion = "disabled";

Response Ready(const EndpointTable& table, const Request&) {
  const ServerState state = table.environment().state();
  std::string body = Concat(ServerStateName(state), "\n");
  // Behind Envoy's one line: what is only of an earlier process, and what is waited for.
  if (table.environment().restored) {
    for (const std::string& source : table.environment().restored()) {
      body += Concat("serving from a snapshot: ", source, "\n");
    }
  }
  if (state == ServerState::kLive) return Text(body);
  if (table.environment().unready) {
    for (const UnreadyTarget& target : table.environment().unready()) {
      for (const std::string& what : target.waits_for)
        body += Concat(target.name, ": ", what, "\n");
    }
  }
  return Error(503, body);
}

// envoy.admin.v3.ServerInfo.
Response ServerInfo(const EndpointTable& table, const Request&) {
  const Environment& environment = table.environment();
  const event::Duration up = environment.clock.Now() - environment.facts.started;
  const std::string uptime = Concat(up / event::kSecond, "s");
  JsonWriter json;
  json.BeginObject();
  json.StringField("version", environment.facts.version);
  json.StringField("state", ServerStateName(environment.state()));
  json.StringField("uptime_current_epoch", uptime);
  json.StringField("uptime_all_epochs", uptime);
  json.StringField("hot_restart_version", kHotRestartVersion);
  json.Key("command_line_options");
  json.Embed(environment.facts.command_line_options);
  json.Key("node");
  json.Embed(environment.facts.node);
  json.Key("hot_restart_initializing");
  json.Bool(false);
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

// envoy.admin.v3.Memory: 64-bit numbers are strings.
Response Memory(const EndpointTable&, const Request&) {
  const MemoryUsage usage = ReadMemoryUsage();
  JsonWriter json;
  json.BeginObject();
  json.StringField("allocated", Concat(usage.allocated));
  json.StringField("heap_size", Concat(usage.heap_size));
  json.StringField("pageheap_unmapped", Concat(usage.pageheap_unmapped));
  json.StringField("pageheap_free", Concat(usage.pageheap_free));
  json.StringField("total_thread_cache", Concat(usage.total_thread_cache));
  json.StringField("total_physical_bytes", Concat(usage.total_physical_bytes));
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

// envoy.admin.v3.UnreadyTargetsDumps. The only mask is `listener`, what listeners wait for.
Response InitDump(const EndpointTable& table, const Request& request) {
  const Environment& environment = table.environment();
  const std::string* mask = FindParameter(request.parameters, "mask");
  std::vector<UnreadyTarget> unready;
  if (environment.unready) unready = environment.unready();
  if (mask != nullptr && !mask->empty()) {
    std::erase_if(unready, [mask](const UnreadyTarget& target) {
      return *mask != "listener" || !target.name.starts_with(kListenerTarget);
    });
  }
  if (unready.empty()) return Json("{}\n");
  JsonWriter json;
  json.BeginObject();
  json.Key("unready_targets_dumps");
  json.BeginArray();
  for (const UnreadyTarget& target : unready) {
    json.BeginObject();
    json.StringField("name", target.name);
    json.Key("target_names");
    json.BeginArray();
    for (const std::string& name : target.waits_for) json.String(name);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

// The request path takes no locks, so there is nothing to trace.
Response Contention(const EndpointTable&, const Request&) {
  return Text(
      "Mutex contention tracing is not enabled. To enable, run Envoy with flag "
      "--enable-mutex-tracing.");
}

Response HotRestartVersion(const EndpointTable&, const Request&) {
  return Text(std::string(kHotRestartVersion));
}

Response Quit(const EndpointTable& table, const Request&) {
  table.environment().quit();
  return Text("OK\n");
}

}  // namespace

void AddServerEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back(
      {"/contention", "dump current Envoy mutex contention stats (if enabled)", &Contention});
  endpoints.push_back(
      {"/init_dump",
       "dump current Envoy init manager information (experimental)",
       &InitDump,
       false,
       {{Parameter::Kind::kText, "mask",
         "The desired component to dump unready targets. The mask is parsed as a "
         "Protobuf::FieldMask. For example, get the unready targets of all listeners with "
         "/init_dump?mask=listener`"}}});
  endpoints.push_back(
      {"/hot_restart_version", "print the hot restart compatibility version", &HotRestartVersion});
  endpoints.push_back({"/memory", "print current allocation/heap usage", &Memory});
  endpoints.push_back({"/quitquitquit", "exit the server", &Quit, true});
  endpoints.push_back(
      {"/ready", "print server state, return 200 if LIVE, otherwise return 503", &Ready});
  endpoints.push_back({"/server_info", "print server version/status information", &ServerInfo});
}

}  // namespace remora::admin
