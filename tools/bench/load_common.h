#pragma once

// What the two load generators of the benchmark have in common: arguments, the request, figures.
// Header only: each generator is one translation unit. Failures end the program with 2.

#include <errno.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

constexpr uint64_t kMaxErrors = 1000;  // More than that is a broken set-up, not a figure.

struct CommonOptions {
  uint16_t port = 0;
  std::string path = "/b0";
  uint64_t connections = 1;
  double seconds = 0;
  uint64_t requests = 0;
  uint64_t headers = 3;
  uint64_t body = 0;
};

[[noreturn]] inline void Fail(const std::string& text) {
  fprintf(stderr, "%s: %s\n", program_invocation_short_name, text.c_str());
  exit(2);
}

inline uint64_t Number(std::string_view name, std::string_view value) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
    Fail(std::string(name) + " needs a whole number");
  }
  return number;
}

// Reads --name=value; `own` takes what is not common and says whether it did.
template <class Own>
void ParseArguments(int argc, char** argv, CommonOptions& options, const Own& own) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string_view::npos) {
      Fail("arguments are --name=value, got " + std::string(argument));
    }
    const std::string_view name = argument.substr(2, equals - 2);
    const std::string_view value = argument.substr(equals + 1);
    if (name == "path") {
      options.path = value;
    } else if (name == "seconds") {
      options.seconds = atof(argv[i] + equals + 1);
    } else if (name == "port") {
      options.port = static_cast<uint16_t>(Number(name, value));
    } else if (name == "connections") {
      options.connections = Number(name, value);
    } else if (name == "requests") {
      options.requests = Number(name, value);
    } else if (name == "headers") {
      options.headers = Number(name, value);
    } else if (!own(name, value)) {
      Fail("unknown argument --" + std::string(name));
    }
  }
  if (options.port == 0 || options.connections == 0) Fail("--port and --connections are needed");
}

// `idle`: one request on each connection.
inline void FinishOptions(CommonOptions& options, bool idle) {
  if (idle) options.requests = options.connections;
  if (options.requests == 0 && options.seconds <= 0) Fail("--seconds or --requests is needed");
}

// `closes`: the answer is to end the connection.
inline std::string RenderRequest(const CommonOptions& options, bool closes = false) {
  std::string text = options.body > 0 ? "POST " : "GET ";
  text +=
      options.path + " HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: load\r\nAccept: */*\r\n";
  if (options.headers >= 10) {
    text +=
        "Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n"
        "Referer: http://bench.example.com/start/page\r\nCache-Control: no-cache\r\n"
        "X-Forwarded-Proto: http\r\n"
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        "Cookie: session=4d3b1a0f9c8e7d6b5a4f3e2d1c0b9a8f7e6d5c4b; theme=dark; consent=yes; "
        "visitor=9f8e7d6c5b4a39281706f5e4d3c2b1a0\r\n";
  }
  if (closes) text += "Connection: close\r\n";
  if (options.body > 0) text += "Content-Length: " + std::to_string(options.body) + "\r\n";
  text += "\r\n";
  text.append(options.body, 'p');
  return text;
}

inline double PercentileUs(std::vector<uint64_t>& all_ns, double share) {
  if (all_ns.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(all_ns.size() - 1));
  std::nth_element(all_ns.begin(), all_ns.begin() + rank, all_ns.end());
  return static_cast<double>(all_ns[static_cast<size_t>(rank)]) / 1000.0;
}

inline void PrintFigures(uint64_t completed, uint64_t errors, uint64_t non_2xx, double seconds,
                         std::vector<uint64_t>& latencies_ns) {
  printf(
      "{\"requests\":%llu,\"errors\":%llu,\"non_2xx\":%llu,\"seconds\":%.4f,\"rps\":%.1f,"
      "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f}\n",
      static_cast<unsigned long long>(completed), static_cast<unsigned long long>(errors),
      static_cast<unsigned long long>(non_2xx), seconds, static_cast<double>(completed) / seconds,
      PercentileUs(latencies_ns, 0.50), PercentileUs(latencies_ns, 0.90),
      PercentileUs(latencies_ns, 0.99));
}

}  // namespace bench
