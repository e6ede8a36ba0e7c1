#include "source/intercept/options.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"

namespace remora::intercept {
namespace {

NameLookup Names() {
  const auto find = [](const std::string& name) -> std::optional<uint32_t> {
    if (name == "proxy") return 1337;
    return std::nullopt;
  };
  return {find, find};
}

// "--remove --ip v4" as the shell would cut it.
ParsedOptions Parse(const std::string& line) {
  static std::vector<std::string> words;  // Kept: the arguments are views into it.
  words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  return ParseOptions(std::vector<std::string_view>(words.begin(), words.end()), Names());
}

std::string Errors(const std::string& line) {
  std::string out;
  for (const std::string& error : Parse(line).errors) out += error + "\n";
  return out;
}

std::string Texts(const std::vector<Network>& networks) {
  std::string out;
  for (const Network& network : networks) {
    out += (network.family == Family::kIpv4 ? "4 " : "6 ") + network.text + "\n";
  }
  return out;
}

TEST_CASE("intercept options: defaults are the ports of Envoy-based meshes, both families") {
  const ParsedOptions parsed = Parse("--inbound-ports all");
  CHECK(parsed.errors.empty());
  const Options& options = parsed.options;
  CHECK(options.inbound.to == 15006);
  CHECK(options.outbound.to == 15001);
  REQUIRE(options.inbound.ports.size() == 1);
  CHECK(options.inbound.ports[0].all());
  CHECK(options.ipv4);
  CHECK(options.ipv6);
  CHECK(options.ipv6_if_present);
  CHECK_FALSE(options.dry_run);
}

TEST_CASE("intercept options: ports and ranges, by a space or by =") {
  const Options options = Parse("--inbound-ports=80,9000-9010 --inbound-to 20000").options;
  REQUIRE(options.inbound.ports.size() == 2);
  CHECK(options.inbound.ports[0].first == 80);
  CHECK(options.inbound.ports[0].last == 80);
  CHECK(options.inbound.ports[1].first == 9000);
  CHECK(options.inbound.ports[1].last == 9010);
  CHECK(options.inbound.to == 20000);
}

TEST_CASE("intercept options: networks are masked, and single addresses get their length") {
  const Options options =
      Parse("--inbound-ports all --inbound-sources 10.1.2.3/9,192.0.2.7,FD00:0:0::1/8,::1/0,::2")
          .options;
  CHECK(Texts(options.inbound.peers) ==
        "4 10.0.0.0/9\n4 192.0.2.7/32\n6 fd00::/8\n6 ::/0\n6 ::2/128\n");
}

TEST_CASE("intercept options: users and groups are numbers or names") {
  const Options options =
      Parse("--outbound-ports all --proxy-user 7,proxy --proxy-group proxy").options;
  CHECK(options.proxy_users == std::vector<uint32_t>{7, 1337});
  CHECK(options.proxy_groups == std::vector<uint32_t>{1337});
}

TEST_CASE("intercept options: IPv6 that is asked for by name must be there") {
  const Options options = Parse("--remove --ip v6").options;
  CHECK_FALSE(options.ipv4);
  CHECK(options.ipv6);
  CHECK_FALSE(options.ipv6_if_present);
  CHECK_FALSE(Parse("--remove --ip v4").options.ipv6);
}

TEST_CASE("intercept options: what is wrong is said, all at once") {
  CHECK(Errors("") == "nothing to intercept: give --inbound-ports, --outbound-ports or --remove\n");
  CHECK(Errors("--remove") == "");
  CHECK(Errors("--outbound-ports all") ==
        "--outbound-ports needs --proxy-user or --proxy-group: who the proxy is\n");
  CHECK(Errors("--inbound-port 80 x --remove=1 --inbound-to --ip v5") ==
        "unknown flag --inbound-port; did you mean --inbound-ports?\n"
        "unexpected argument \"80\"\n"
        "unexpected argument \"x\"\n"
        "--remove takes no value\n"
        "--inbound-to needs a value: --inbound-to PORT\n"
        "--ip needs one of v4, v6, both (v5)\n");
  CHECK(Errors("--inbound-ports 80 --inbound-ports 81") == "--inbound-ports is given twice\n");
}

TEST_CASE("intercept options: values that are none") {
  const char* const ports[] = {"0",   "65536", "80,", ",80",    "a",   "80-",
                               "-80", "90-80", "80;", "all,80", "8 0", "80-90-100"};
  for (const std::string value : ports) {
    CAPTURE(value);
    const std::vector<std::string> words = {"--inbound-ports=" + value};
    CHECK(ParseOptions({words[0]}, Names()).errors.size() == 1);
  }
  for (const std::string value :
       {"10.0.0.0/33", "10.0.0/8", "a", "", "10.0.0.0/", "::/129", "::/-1", "1.2.3.4/8/9"}) {
    CAPTURE(value);
    const std::string word = "--inbound-sources=" + value;
    CHECK(ParseOptions({"--inbound-ports=1", word}, Names()).errors.size() == 1);
  }
  CHECK(Errors("--outbound-ports all --proxy-user nobody-here,") ==
        "--proxy-user names no user (nobody-here)\n");
  CHECK(Errors("--inbound-ports all --inbound-to 0") ==
        "--inbound-to needs a port from 1 to 65535 (0)\n");
}

TEST_CASE("intercept options: help names every flag and fits a terminal") {
  const std::string help = HelpText("remora");
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(help, '\n'))) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
  CHECK(help.find("--outbound-except-destinations NETWORKS  not to these") != std::string::npos);
  CHECK(Parse("-h").options.help);
}

}  // namespace
}  // namespace remora::intercept
