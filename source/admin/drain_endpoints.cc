#include "source/admin/endpoint_table.h"

namespace remora::admin {
namespace {

Response FailHealthCheck(const EndpointTable& table, const Request&) {
  table.environment().fail_health_check(true);
  return Text("OK\n");
}

Response PassHealthCheck(const EndpointTable& table, const Request&) {
  table.environment().fail_health_check(false);
  return Text("OK\n");
}

// Who skips the exit has nothing to wait for but the drain itself, so `graceful` goes without
// saying; Envoy 1.36 asked for it, 1.40 does not.
Response DrainListeners(const EndpointTable& table, const Request& request) {
  const auto given = [&request](std::string_view name) {
    return FindParameter(request.parameters, name) != nullptr;
  };
  DrainRequest drain;
  drain.inbound_only = given("inboundonly");
  drain.skip_exit = given("skip_exit");
  drain.graceful = given("graceful") || drain.skip_exit;
  table.environment().drain_listeners(drain);
  return Text("OK\n");
}

}  // namespace

void AddDrainEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back({"/drain_listeners",
                       "drain listeners",
                       &DrainListeners,
                       true,
                       {{Kind::kFlag, "graceful",
                         "When draining listeners, enter a graceful drain period prior to closing "
                         "listeners. This behaviour and duration is configurable via server "
                         "options or CLI"},
                        {Kind::kFlag, "skip_exit",
                         "When draining listeners, drain the connections but never stop the "
                         "listeners. The graceful parameter has no effect when this is set, since "
                         "the drain period only delays stopping the listeners"},
                        {Kind::kFlag, "inboundonly",
                         "Drains all inbound listeners. traffic_direction field in "
                         "envoy_v3_api_msg_config.listener.v3.Listener is used to determine "
                         "whether a listener is inbound or outbound."}}});
  endpoints.push_back(
      {"/healthcheck/fail", "cause the server to fail health checks", &FailHealthCheck, true});
  endpoints.push_back(
      {"/healthcheck/ok", "cause the server to pass health checks", &PassHealthCheck, true});
}

}  // namespace remora::admin
