#include "source/intercept/installer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "source/intercept/command.h"
#include "test/intercept/namespace.h"

namespace remora::intercept {
namespace {

Options Parse(const std::string& line) {
  static std::vector<std::string> words;
  words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  return ParseOptions(std::vector<std::string_view>(words.begin(), words.end()), SystemNames())
      .options;
}

// What `remora intercept LINE` says.
std::string Run(const std::string& line) {
  const absl::StatusOr<std::string> report = Install(Parse(line));
  return report.ok() ? *report : "error: " + std::string(report.status().message()) + "\n";
}

// The rules that are there, without counters, comments and the kernel's own chains.
std::string Saved(const std::string& program = "iptables-save") {
  const auto result = RunCommand({FindProgram(program), "-t", "nat"}, "");
  if (!result.ok()) return std::string(result.status().message()) + "\n";
  std::string out;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(result->output, '\n'))) {
    const bool ours = line.find("REMORA") != std::string::npos;
    if (ours || line.starts_with("-")) out += line + "\n";
  }
  return out;
}

// The texts one after the other, made in this order.
std::string Join(std::initializer_list<std::string> texts) {
  std::string out;
  for (const std::string& text : texts) out += text;
  return out;
}

bool Shell(const std::string& script) {
  const auto result = RunCommand({"/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin; " + script}, "");
  return result.ok() && result->status == 0;
}

// Whether the kernel has what rules need.
constexpr char kProbe[] =
    "iptables -t nat -A OUTPUT -m owner --uid-owner 7; "
    "iptables -t nat -D OUTPUT -m owner --uid-owner 7";

// Runs the function in a namespace where rules can be made, and compares.
void Expect(const std::function<std::string()>& function, const std::string& expected) {
  const bool programs = !FindProgram("iptables-restore").empty() && !FindProgram("ip").empty();
  const std::optional<std::string> text =
      programs ? InNamespace([&] { return Shell(kProbe) ? function() : std::string("no rules"); })
               : std::nullopt;
  if (!text.has_value() || *text == "no rules") {
    WARN("skipped: network namespaces or iptables cannot be used here");
    return;
  }
  CHECK(*text == expected);
}

TEST_CASE("intercept: installs, does nothing twice, replaces, removes") {
  Expect(
      [] {
        return Join({Run("--inbound-ports 8080"), Run("--inbound-ports 8080"),
                     Run("--outbound-ports 80 --proxy-user 7"), Saved(), Saved("ip6tables-save"),
                     Run("--remove"), Run("--remove"), Saved(), Saved("ip6tables-save")});
      },
      "IPv4: rules installed\n"
      "IPv6: rules installed\n"
      "IPv4: rules are installed already\n"
      "IPv6: rules are installed already\n"
      "IPv4: rules replaced\n"
      "IPv6: rules replaced\n"
      ":REMORA_OUTBOUND - [0:0]\n"
      "-A OUTPUT -p tcp -j REMORA_OUTBOUND\n"
      "-A REMORA_OUTBOUND -m owner --uid-owner 7 -j RETURN\n"
      "-A REMORA_OUTBOUND -o lo -j RETURN\n"
      "-A REMORA_OUTBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15001\n"
      ":REMORA_OUTBOUND - [0:0]\n"
      "-A OUTPUT -p tcp -j REMORA_OUTBOUND\n"
      "-A REMORA_OUTBOUND -m owner --uid-owner 7 -j RETURN\n"
      "-A REMORA_OUTBOUND -o lo -j RETURN\n"
      "-A REMORA_OUTBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15001\n"
      "IPv4: rules removed\n"
      "IPv6: rules removed\n"
      "IPv4: no rules, as before\n"
      "IPv6: no rules, as before\n");
}

TEST_CASE("intercept: every kind of rule is read back as it was written") {
  const std::string line =
      "--inbound-ports all --inbound-except-ports 22,9901-9902 --inbound-sources "
      "10.3.0.0/16,fd01::/16 "
      "--inbound-except-sources 10.3.9.9,fd01::9 --outbound-ports 80,8000-8999 "
      "--outbound-except-ports 8080 --outbound-destinations 0.0.0.0/1,2000::/3 "
      "--outbound-except-destinations 10.1.0.0/16,2001:db8::/33 --proxy-user 1337 "
      "--proxy-group 1338";
  Expect([line] { return Join({Run(line), Run(line)}); },
         "IPv4: rules installed\n"
         "IPv6: rules installed\n"
         "IPv4: rules are installed already\n"
         "IPv6: rules are installed already\n");
}

TEST_CASE("intercept: rules of others stay where they are") {
  Expect(
      [] {
        Shell("iptables -t nat -N THEIRS; iptables -t nat -A OUTPUT -j THEIRS");
        std::string text = Run("--outbound-ports all --proxy-group 7 --ip v4");
        Shell("iptables -t nat -A OUTPUT -d 10.0.0.1 -j THEIRS");
        return text + Join({Run("--outbound-ports 1 --proxy-group 7 --ip v4"), Saved(),
                            Run("--remove --ip v4"), Saved()});
      },
      "IPv4: rules installed\n"
      "IPv4: rules replaced\n"
      ":REMORA_OUTBOUND - [0:0]\n"
      "-A OUTPUT -j THEIRS\n"
      "-A OUTPUT -p tcp -j REMORA_OUTBOUND\n"
      "-A OUTPUT -d 10.0.0.1/32 -j THEIRS\n"
      "-A REMORA_OUTBOUND -m owner --gid-owner 7 -j RETURN\n"
      "-A REMORA_OUTBOUND -o lo -j RETURN\n"
      "-A REMORA_OUTBOUND -p tcp -m tcp --dport 1 -j REDIRECT --to-ports 15001\n"
      "IPv4: rules removed\n"
      "-A OUTPUT -j THEIRS\n"
      "-A OUTPUT -d 10.0.0.1/32 -j THEIRS\n");
}

TEST_CASE("intercept: without the right it says so and changes nothing") {
  Expect(
      [] {
        if (setresgid(7, 7, 7) != 0 || setresuid(7, 7, 7) != 0) return std::string("still root");
        return Run("--inbound-ports all");
      },
      "error: changing the rules needs CAP_NET_ADMIN: run it as root\n");
}

TEST_CASE("intercept: when IPv6 fails, IPv4 is put back") {
  Expect(
      [] {
        char folder[] = "/tmp/remora_intercept_XXXXXX";
        if (mkdtemp(folder) == nullptr) return std::string("no folder");
        const std::string program = std::string(folder) + "/ip6tables-restore";
        std::string text = Run("--inbound-ports 80");
        Shell("printf '#!/bin/sh\\necho no IPv6 today >&2\\nexit 4\\n' >" + program +
              "; chmod 755 " + program);
        const std::string path = std::getenv("PATH");
        setenv("PATH", (std::string(folder) + ":" + path).c_str(), 1);
        std::string failure = Run("--outbound-ports all --proxy-user 3");
        unlink(program.c_str());
        rmdir(folder);
        const size_t at = failure.find(folder);
        if (at != std::string::npos) failure.replace(at, sizeof folder - 1, "FOLDER");
        return Join({text, failure, Saved(), Run("--inbound-ports 80")});
      },
      "IPv4: rules installed\n"
      "IPv6: rules installed\n"
      "error: FOLDER/ip6tables-restore ended with status 4: no IPv6 today\n"
      ":REMORA_INBOUND - [0:0]\n"
      "-A PREROUTING -p tcp -j REMORA_INBOUND\n"
      "-A REMORA_INBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006\n"
      "IPv4: rules are installed already\n"
      "IPv6: rules are installed already\n");
}

TEST_CASE("intercept: two runs at once: the second one gives up") {
  Expect(
      [] {
        sockaddr_un name = {};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path + 1, "remora-intercept", 16);
        const int lock = socket(AF_UNIX, SOCK_STREAM, 0);
        const socklen_t length = offsetof(sockaddr_un, sun_path) + 17;
        if (bind(lock, reinterpret_cast<sockaddr*>(&name), length) != 0) return std::string("?");
        std::string text = Run("--inbound-ports 1 --ip v4");
        close(lock);
        return text + Run("--inbound-ports 1 --ip v4");
      },
      "error: another intercept is running in this network namespace\n"
      "IPv4: rules installed\n");
}

sockaddr_in Ipv4(const char* ip, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip, &address.sin_addr);
  return address;
}

// Connects to ip:port and says where that came out: "15001 10.9.0.2:80", or why it did not.
std::string WhereTo(int listener, const char* ip, uint16_t port) {
  const sockaddr_in to = Ipv4(ip, port);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    close(client);
    return "refused\n";
  }
  const int accepted = accept(listener, nullptr, nullptr);
  sockaddr_in original = {};
  socklen_t size = sizeof original;
  getsockopt(accepted, SOL_IP, SO_ORIGINAL_DST, &original, &size);
  close(accepted);
  close(client);
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &original.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(original.sin_port)) + "\n";
}

TEST_CASE("intercept: connections to others arrive at the listener, with where they wanted to go") {
  Expect(
      [] {
        // The other end of the pair has no address: what is not taken is not answered.
        Shell(
            "ip link add name in type veth peer name out; ip addr add 10.9.0.1/24 dev out; "
            "ip link set in up; ip link set out up; "
            "ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev out");
        const int listener = socket(AF_INET, SOCK_STREAM, 0);
        const sockaddr_in at = Ipv4("127.0.0.1", 15001);
        bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at);
        listen(listener, 5);
        std::string text = Run("--outbound-ports 80,8000-8001 --proxy-user 7 --ip v4");
        // The last two are this host's own: loopback, and nobody listens on their port 80.
        return text + Join({WhereTo(listener, "10.9.0.2", 80), WhereTo(listener, "10.9.0.2", 8001),
                            WhereTo(listener, "10.9.0.1", 80), WhereTo(listener, "127.0.0.1", 80)});
      },
      "IPv4: rules installed\n"
      "10.9.0.2:80\n"
      "10.9.0.2:8001\n"
      "refused\n"
      "refused\n");
}

TEST_CASE("intercept: a dry run needs no rights and prints both families") {
  const absl::StatusOr<std::string> text = Install(Parse("--inbound-ports 80 --dry-run"));
  REQUIRE(text.ok());
  CHECK(*text ==
        "# iptables-restore --noflush\n"
        "*nat\n"
        ":REMORA_INBOUND - [0:0]\n"
        "-A REMORA_INBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006\n"
        "-A PREROUTING -p tcp -j REMORA_INBOUND\n"
        "COMMIT\n"
        "# ip6tables-restore --noflush\n"
        "*nat\n"
        ":REMORA_INBOUND - [0:0]\n"
        "-A REMORA_INBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006\n"
        "-A PREROUTING -p tcp -j REMORA_INBOUND\n"
        "COMMIT\n");
  CHECK(*Install(Parse("--remove --dry-run --ip v4")) ==
        "# iptables-restore --noflush\n"
        "*nat\n"
        ":REMORA_INBOUND - [0:0]\n"
        ":REMORA_OUTBOUND - [0:0]\n"
        "-D PREROUTING -p tcp -j REMORA_INBOUND\n"
        "-X REMORA_INBOUND\n"
        "-D OUTPUT -p tcp -j REMORA_OUTBOUND\n"
        "-X REMORA_OUTBOUND\n"
        "COMMIT\n");
}

}  // namespace
}  // namespace remora::intercept
