#include <catch2/catch.hpp>
#include <string>

#include "source/base/arena.h"
#include "source/base/random.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kManager[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

// A flow map of an access log to /tmp/a with these further fields.
std::string File(const std::string& fields, const std::string& more = "") {
  return "{name: f, " + more +
         "typed_config: {\"@type\": type.googleapis.com/"
         "envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /tmp/a" +
         (fields.empty() ? "" : ", " + fields) + "}}";
}

Parts WithLogs(const std::string& logs) {
  Parts parts;
  parts.manager = "access_log: [" + logs + "]";
  return parts;
}

std::shared_ptr<const connection_manager::Config> Manager(const Parts& parts) {
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  return loaded.config->listeners.at(0)->filter_chains.at(0)->http;
}

// The line of a request GET /p with x-a: v, answered with `code`; or what kept it from the log.
std::string Line(const std::string& log, uint16_t code = 200) {
  const auto manager = Manager(WithLogs(log));
  REQUIRE(manager->access_log.size() == 1);
  const access_log::Logger& logger = *manager->access_log[0];
  CHECK(logger.path == "/tmp/a");
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead request(arena);
  request.method = "GET";
  request.path = "/p";
  request.headers.Add("x-a", "v");
  http::StreamInfo info;
  info.response_code = code;
  formatter::Exchange exchange{info};
  exchange.request = &request;
  exchange.log_type = formatter::LogType::kDownstreamEnd;
  const runtime::Snapshot runtime;
  base::Random random(1);
  if (logger.filter.has_value() && !logger.filter->Passes(exchange, {runtime, random})) return "";
  std::string out;
  logger.text.AppendTo(out, exchange);
  return out;
}

TEST_CASE("formats of file logs") {
  CHECK(Line(File("")) == "[-] \"GET /p HTTP/1.1\" 200 - 0 0 - - \"-\" \"-\" \"-\" \"-\" \"-\"\n");
  CHECK(Line(File("format: \"%PATH%\\n\"")) == "/p\n");
  CHECK(Line(File("json_format: {b: '%RESPONSE_CODE%', a: x}")) == "{\"a\":\"x\",\"b\":200}\n");
  CHECK(Line(File("typed_json_format: {b: '%RESPONSE_CODE%'}")) == "{\"b\":200}\n");
  CHECK(Line(File("log_format: {text_format_source: {inline_string: '%REQ(x-a)%.'}}")) == "v.");
}

TEST_CASE("each filter decides as its name says") {
  const auto logged = [](const std::string& filter, uint16_t code = 200) {
    return !Line(File("", "filter: {" + filter + "}, "), code).empty();
  };
  const std::string at_least =
      "status_code_filter: {comparison: {op: GE, value: {default_value: 400, runtime_key: k}}}";
  CHECK_FALSE(logged(at_least));
  CHECK(logged(at_least, 400));
  CHECK(logged("or_filter: {filters: [{" + at_least + "}, {not_health_check_filter: {}}]}"));
  CHECK_FALSE(logged("and_filter: {filters: [{" + at_least + "}, {not_health_check_filter: {}}]}"));
  CHECK_FALSE(logged("traceable_filter: {}"));
  CHECK_FALSE(
      logged("duration_filter: {comparison: {op: LE, value: {default_value: 9, runtime_key: k}}}"));
  CHECK(logged("header_filter: {header: {name: X-A, string_match: {exact: v}}}"));
  CHECK_FALSE(logged("header_filter: {header: {name: x-a, string_match: {exact: w}}}"));
  CHECK_FALSE(logged("response_flag_filter: {flags: [UF]}"));
  CHECK(logged("grpc_status_filter: {statuses: [UNKNOWN]}"));
  CHECK_FALSE(logged("grpc_status_filter: {statuses: [UNKNOWN], exclude: true}"));
  CHECK(logged("log_type_filter: {types: [DownstreamEnd, TcpPeriodic]}"));
  CHECK_FALSE(logged("log_type_filter: {types: [DownstreamEnd], exclude: true}"));
  CHECK_FALSE(logged("runtime_filter: {runtime_key: k}"));
  CHECK(logged("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 100}}"));
  CHECK(
      logged("runtime_filter: {runtime_key: k, percent_sampled: "
             "{numerator: 1000000, denominator: MILLION}, use_independent_randomness: true}"));
}

TEST_CASE("standard streams, listeners, the administration interface") {
  Parts parts;
  parts.manager =
      "access_log: [{typed_config: {\"@type\": type.googleapis.com/"
      "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}, {typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog}}]";
  parts.listener = "access_log: [" + File("") + "]";
  parts.admin = "admin: {access_log_path: /dev/null, access_log: [" + File("") +
                "], address: {socket_address: {address: 127.0.0.1, port_value: 1}}}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  const ListenerConfig& listener = *loaded.config->listeners.at(0);
  REQUIRE(listener.filter_chains.at(0)->http->access_log.size() == 2);
  CHECK(listener.filter_chains.at(0)->http->access_log[0]->path == "/dev/stdout");
  CHECK(listener.filter_chains.at(0)->http->access_log[1]->path == "/dev/stderr");
  REQUIRE(listener.access_log.size() == 1);
  REQUIRE(loaded.config->admin.access_log.size() == 2);
  CHECK(loaded.config->admin.access_log[1]->path == "/dev/null");
}

TEST_CASE("when requests are logged besides at their end") {
  Parts parts = WithLogs(File(""));
  CHECK(Manager(parts)->access_log_flush_interval == 0);
  const std::string logs = parts.manager;
  parts.manager = logs +
                  "\naccess_log_options: {access_log_flush_interval: 2s, "
                  "flush_access_log_on_new_request: true, "
                  "flush_log_on_tunnel_successfully_established: true}";
  auto manager = Manager(parts);
  CHECK(manager->access_log_flush_interval == 2 * event::kSecond);
  CHECK(manager->access_log_on_new_request);
  CHECK(manager->access_log_on_tunnel);
  parts.manager = logs + "\naccess_log_flush_interval: 3s\nflush_access_log_on_new_request: true";
  manager = Manager(parts);
  CHECK(manager->access_log_flush_interval == 3 * event::kSecond);
  CHECK(manager->access_log_on_new_request);
  parts.manager = logs + "\naccess_log_flush_interval: 3s\naccess_log_options: {}";
  CHECK(Faults(parts) ==
        std::string(kManager) +
            ".access_log_options: Only one of access_log_flush_interval, "
            "flush_access_log_on_new_request or access_log_options can be specified.\n");
}

TEST_CASE("faults of access logs") {
  const std::string at = std::string(kManager) + ".access_log[0]";
  CHECK(Faults(WithLogs(File("format: '%FOO%'"))) ==
        at + ".typed_config.format: Not supported field in StreamInfo: FOO (at position 0 of the "
             "format)\n");
  CHECK(Faults(WithLogs("{name: x}")) ==
        at + ": Didn't find a registered implementation for 'x' with type URL: ''\n");
  CHECK(Faults(WithLogs(File("",
                             "filter: {header_filter: {header: {name: a, string_match: "
                             "{safe_regex: {regex: '('}}}}}, ")))
            .find(at + ".filter.header_filter.header: ") == 0);
}

TEST_CASE("a filter on metadata that is not there") {
  const auto logged = [](const std::string& filter) {
    return Line(File("format: \"x\"", "filter: {metadata_filter: " + filter + "}, ")) == "x";
  };
  const std::string matcher =
      "matcher: {filter: f, path: [{key: k}], value: {string_match: {exact: v}}}";
  CHECK(logged("{}"));
  CHECK_FALSE(logged("{match_if_key_not_found: false}"));
  CHECK(logged("{" + matcher + "}"));
  CHECK_FALSE(logged("{" + matcher + ", match_if_key_not_found: false}"));
}

}  // namespace
}  // namespace remora::config
