#include "source/main/flags.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "source/main/extension_list.h"
#include "source/main/version.h"

namespace remora::main {
namespace {

// "-c x --mode validate" as the shell would cut it.
ParsedFlags Parse(const std::string& line) {
  static std::vector<std::string> words;  // Kept: the arguments are views into it.
  words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  return ParseFlags(std::vector<std::string_view>(words.begin(), words.end()));
}

std::string Errors(const std::string& line) {
  std::string out;
  for (const std::string& error : Parse(line).errors) out += error + "\n";
  return out;
}

TEST_CASE("flags: defaults are Envoy's") {
  const ParsedFlags parsed = Parse("");
  CHECK(parsed.errors.empty());
  CHECK(parsed.warnings.empty());
  CHECK(parsed.action == FlagAction::kRun);
  CHECK(parsed.options.mode == Mode::kServe);
  CHECK(parsed.options.log_level == "info");
  CHECK(parsed.options.drain_time == absl::Seconds(600));
  CHECK(parsed.options.parent_shutdown_time == absl::Seconds(900));
  CHECK(parsed.options.file_flush_interval == absl::Seconds(10));
  CHECK_FALSE(parsed.options.concurrency.has_value());
}

TEST_CASE("flags: values after a space, after =, and by letter") {
  CHECK(Parse("-c a.yaml").options.config_path == "a.yaml");
  CHECK(Parse("--config-path a.yaml").options.config_path == "a.yaml");
  CHECK(Parse("--config-path=a.yaml").options.config_path == "a.yaml");
  CHECK(Parse("-l debug").options.log_level == "debug");
  CHECK(Parse("--config-yaml=node:{id:a=b}").options.config_yaml == "node:{id:a=b}");
  CHECK(Parse("--config-yaml=").options.config_yaml.empty());
}

TEST_CASE("flags: each kind of value") {
  CHECK(Parse("--mode validate").options.mode == Mode::kValidate);
  CHECK(Parse("--mode init_only").options.mode == Mode::kInitOnly);
  CHECK(Parse("--concurrency 4").options.concurrency == 4u);
  CHECK(Parse("--concurrency 0").options.concurrency == 1u);
  CHECK(Parse("--cpuset-threads").options.cpuset_threads);
  CHECK(Parse("--snapshot-path /x").options.snapshot_path == "/x");
  CHECK(Parse("-c a").options.snapshot_max_age == absl::Hours(24));
  CHECK(Parse("--snapshot-max-age-s 60").options.snapshot_max_age == absl::Minutes(1));
  CHECK(Parse("--drain-time-s 45").options.drain_time == absl::Seconds(45));
  CHECK(Parse("--file-flush-interval-msec 1000").options.file_flush_interval == absl::Seconds(1));
  CHECK(Parse("--drain-strategy immediate").options.drain_strategy == DrainStrategy::kImmediate);
  CHECK(Parse("--local-address-ip-version v6").options.local_address_ip_version == IpVersion::kV6);
  CHECK(Parse("--socket-mode 644").options.socket_mode == 0644);
  CHECK(Parse("--allow-unknown-fields").options.allow_unknown_static_fields);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(Parse("--component-log-level upstream:debug,misc:error").options.component_log_levels ==
        Pairs{{"upstream", "debug"}, {"misc", "error"}});
  CHECK(Parse("--stats-tag a:b --stats-tag c:d").options.stats_tags ==
        Pairs{{"a", "b"}, {"c", "d"}});
}

TEST_CASE("flags: what control planes start Envoy with is accepted") {
  for (const char* line :
       {"-c /etc/cf-assets/envoy_config/envoy.yaml --drain-time-s 900 --log-level critical",
        "-c etc/istio/proxy/envoy-rev.json --drain-time-s 45 --drain-strategy immediate "
        "--local-address-ip-version v4 --file-flush-interval-msec 1000 --disable-hot-restart "
        "--allow-unknown-static-fields --file-flush-min-size-kb 64 -l warning "
        "--component-log-level misc:error --concurrency 2",
        "--service-cluster a --service-node b --service-zone c --restart-epoch 0 --base-id 1 "
        "--parent-shutdown-time-s 900 --use-dynamic-base-id --base-id-path /x --socket-path @x "
        "--socket-mode 600 --skip-hot-restart-on-no-parent --skip-hot-restart-parent-stats "
        "--log-path /x --log-format %v --log-format-escaped --log-stacktrace-single-entry "
        "--skip-deprecated-logs --enable-core-dump --enable-mutex-tracing "
        "--disable-extensions a/b --admin-address-path /x --reject-unknown-dynamic-fields "
        "--ignore-unknown-dynamic-fields --enable-fine-grain-logging"}) {
    INFO(line);
    CHECK(Errors(line) == "");
  }
}

TEST_CASE("flags: mistakes, with all of their text") {
  struct Case {
    std::string line, errors;
  };
  for (const Case& c : std::vector<Case>{
           {"--concurency 2",
            "unknown flag --concurency; did you mean --concurrency?\n"
            "unexpected argument \"2\"\n"},
           {"--config_path=x", "unknown flag --config_path; did you mean --config-path?\n"},
           {"--zzzzzz", "unknown flag --zzzzzz\n"},
           {"-x", "unknown flag -x\n"},
           {"serve", "unexpected argument \"serve\"\n"},
           {"-c", "--config-path needs a value: --config-path FILE\n"},
           {"-c --mode validate", "--config-path needs a value: --config-path FILE\n"},
           {"-c a -c b", "--config-path is given twice\n"},
           {"-c a --config-path b", "--config-path is given twice\n"},
           {"--cpuset-threads=1", "--cpuset-threads takes no value\n"},
           {"--concurrency x", "--concurrency needs a whole number from 0 to 4294967295 (x)\n"},
           {"--concurrency -1", "--concurrency needs a whole number from 0 to 4294967295 (-1)\n"},
           {"--drain-time-s 5000000000",
            "--drain-time-s needs a whole number from 0 to 4294967295 (5000000000)\n"},
           {"--mode foo", "--mode needs one of serve, validate, init_only (foo)\n"},
           {"--drain-strategy x", "--drain-strategy needs one of gradual, immediate (x)\n"},
           {"--local-address-ip-version v5",
            "--local-address-ip-version needs one of v4, v6 (v5)\n"},
           {"-l Info",
            "--log-level needs one of trace, debug, info, warning, warn, error, critical, off "
            "(Info)\n"},
           {"--component-log-level upstream",
            "--component-log-level needs pairs such as upstream:debug,config:trace (upstream)\n"},
           {"--component-log-level nope:info", "--component-log-level names no logger: nope\n"},
           {"--stats-tag a",
            "--stats-tag needs TAG:VALUE, letters and digits before the colon, no "
            "dot after it (a)\n"},
           {"--stats-tag a:b --stats-tag a:c", "--stats-tag gives the tag \"a\" twice\n"},
           {"--socket-mode 999", "--socket-mode needs an octal number up to 777 (999)\n"},
           {"--use-dynamic-base-id --restart-epoch 1",
            "--use-dynamic-base-id and --restart-epoch exclude each other\n"},
           {"--mode x --foo-bar --concurrency y",
            "--mode needs one of serve, validate, init_only (x)\nunknown flag --foo-bar\n"
            "--concurrency needs a whole number from 0 to 4294967295 (y)\n"},
       }) {
    INFO(c.line);
    CHECK(Errors(c.line) == c.errors);
  }
}

TEST_CASE("flags: what follows -- is ignored") {
  const ParsedFlags parsed = Parse("-c a -- --foo bar");
  CHECK(parsed.errors.empty());
  CHECK(parsed.options.config_path == "a");
}

TEST_CASE("flags: those without effect are listed, in the order given") {
  const ParsedFlags parsed = Parse("--base-id 3 -c a --enable-mutex-tracing");
  CHECK(parsed.warnings ==
        std::vector<std::string>{
            "--base-id is accepted without effect: there is no hot restart",
            "--enable-mutex-tracing is accepted without effect: the request path takes no locks"});
  CHECK(Parse("-c a --disable-hot-restart").warnings.empty());
  CHECK(Parse("--component-log-level misc:error,http:debug").warnings ==
        std::vector<std::string>{"--component-log-level misc is accepted without effect: a logger "
                                 "of Envoy's that there is none of here"});
  CHECK(Parse("--cpuset-threads --concurrency 2").warnings ==
        std::vector<std::string>{"--cpuset-threads is accepted without effect: --concurrency says "
                                 "how many workers"});
}

TEST_CASE("flags: draining on SIGTERM is asked for") {
  CHECK_FALSE(Parse("-c a").options.drain_on_sigterm.has_value());
  CHECK(Parse("-c a --drain-on-sigterm-s 20").options.drain_on_sigterm == absl::Seconds(20));
  CHECK(Parse("-c a --drain-time-s 45 --drain-strategy immediate").warnings.empty());
}

TEST_CASE("flags: what server_info shows has every option, defaults too") {
  const std::string json = OptionsJson(Parse("-c a --concurrency 2 --stats-tag x:y").options);
  for (const char* part :
       {"{\n \"base_id\": \"0\",\n", " \"concurrency\": 2,\n", " \"config_path\": \"a\",\n",
        " \"allow_unknown_static_fields\": false,\n", " \"drain_time\": \"600s\",\n",
        " \"drain_strategy\": \"Gradual\",\n", " \"stats_tag\": [\n  \"x:y\"\n ],\n",
        " \"disabled_extensions\": [],\n", " \"mode\": \"Serve\"\n}"}) {
    CAPTURE(part);
    CHECK(json.find(part) != std::string::npos);
  }
}

TEST_CASE("flags: the version has five parts") {
  const std::vector<std::string> parts = absl::StrSplit(VersionText(), '/');
  REQUIRE(parts.size() == 5);
  CHECK_FALSE(parts[0].empty());
  CHECK((parts[2] == "Clean" || parts[2] == "Modified"));
}

TEST_CASE("flags: the list of extensions, as text or JSON") {
  CHECK(Parse("--list-extensions").action == FlagAction::kListExtensions);
  CHECK_FALSE(Parse("--list-extensions").as_json);
  CHECK_FALSE(Parse("--list-extensions=text").as_json);
  CHECK(Parse("--list-extensions=json").as_json);
  CHECK(Parse("--list-extensions -c a").options.config_path == "a");
  CHECK(Parse("--list-extensions=xml").errors ==
        std::vector<std::string>{"--list-extensions needs one of text, json (xml)"});
  CHECK(HelpText("remora").find("  --list-extensions[=json] ") != std::string::npos);
}

TEST_CASE("extension list: by category, in order, with its stability") {
  config::Registry registry;
  CHECK(ExtensionsText(registry) == "");
  CHECK(ExtensionsJson(registry) == "[]\n");
  registry.ListCore("a.first", "envoy.extensions.one.v3.One");
  registry.ListCore("a.second", "two.Two", {.stability = config::Stability::kAlpha});
  registry.ListCore("a.first", "three.Three", {.name = "third"});
  CHECK(ExtensionsText(registry) ==
        "a.first:\n"
        "  stable  envoy.one  envoy.extensions.one.v3.One\n"
        "  stable  third  three.Three\n"
        "\n"
        "a.second:\n"
        "  alpha  two.Two  two.Two\n");
  CHECK(ExtensionsJson(registry) ==
        "[\n"
        " {\"name\": \"envoy.one\", \"category\": \"a.first\", \"type\": "
        "\"envoy.extensions.one.v3.One\", \"stability\": \"stable\"},\n"
        " {\"name\": \"two.Two\", \"category\": \"a.second\", \"type\": \"two.Two\", "
        "\"stability\": \"alpha\"},\n"
        " {\"name\": \"third\", \"category\": \"a.first\", \"type\": \"three.Three\", "
        "\"stability\": \"stable\"}\n"
        "]\n");
}

TEST_CASE("flags: help and versions") {
  CHECK(Parse("-h").action == FlagAction::kHelp);
  CHECK(Parse("--help").action == FlagAction::kHelp);
  CHECK(Parse("--version").action == FlagAction::kVersion);
  CHECK(Parse("--hot-restart-version").action == FlagAction::kHotRestartVersion);

  const std::string help = HelpText("/usr/bin/remora");
  CHECK(help.find("Usage: remora -c FILE") == 0);
  CHECK(help.find("  -c, --config-path FILE ") != std::string::npos);
  CHECK(help.find("  --base-id N * ") != std::string::npos);
  const std::vector<std::string> lines = absl::StrSplit(help, '\n');
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(line.size() <= 100);
  }
}

}  // namespace
}  // namespace remora::main
