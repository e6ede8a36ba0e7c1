#include "test/http/route/linear_matcher.h"

#include <re2/re2.h>

#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

namespace remora::route {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool Starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }
bool Ends(const std::string& text, const std::string& with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

bool StringMatches(const StringMatch& match, std::string value) {
  std::string text = match.text;
  if (match.kind == StringMatch::Kind::kSafeRegex) return re2::RE2::FullMatch(value, text);
  if (match.ignore_case) {
    value = Lower(value);
    text = Lower(text);
  }
  if (match.kind == StringMatch::Kind::kExact) return value == text;
  if (match.kind == StringMatch::Kind::kPrefix) return Starts(value, text);
  if (match.kind == StringMatch::Kind::kSuffix) return Ends(value, text);
  return value.find(text) != std::string::npos;
}

std::vector<std::string> ValuesOf(const std::string& name, const http::RequestHead& head) {
  std::vector<std::string> values;
  const auto part = [&values](std::string_view text) {
    if (!text.empty()) values.emplace_back(text);
  };
  if (name == ":method") part(head.method);
  if (name == ":path") part(head.path);
  if (name == ":scheme") part(head.scheme);
  if (name == ":authority" || name == "host") part(head.authority);
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() == name) values.emplace_back(entry.value());
  });
  return values;
}

bool ValueMatches(const HeaderMatch& match, const std::string& value) {
  if (match.kind == HeaderMatch::Kind::kString) return StringMatches(match.string, value);
  char* end = nullptr;
  const long long number = std::strtoll(value.c_str(), &end, 10);
  return !value.empty() && *end == '\0' && number >= match.range_start && number < match.range_end;
}

bool HeaderMatches(const HeaderMatch& match, const http::RequestHead& head) {
  std::vector<std::string> values = ValuesOf(Lower(match.name), head);
  if (values.empty() && match.treat_missing_as_empty) values.emplace_back();
  if (match.kind == HeaderMatch::Kind::kPresent) {
    return (!values.empty() == match.present) != match.invert;
  }
  bool any = false;
  for (const std::string& value : values) any = any || ValueMatches(match, value);
  return !values.empty() && any != match.invert;
}

bool QueryMatches(const QueryParameterMatch& match, const std::string& path) {
  std::map<std::string, std::string> first;  // values by name
  const size_t mark = path.find('?');
  size_t begin = mark == std::string::npos ? path.size() : mark + 1;
  while (begin < path.size()) {
    size_t end = path.find('&', begin);
    if (end == std::string::npos) end = path.size();
    const std::string parameter = path.substr(begin, end - begin);
    const size_t equals = parameter.find('=');
    first.emplace(parameter.substr(0, equals),
                  equals == std::string::npos ? "" : parameter.substr(equals + 1));
    begin = end + 1;
  }
  const auto found = first.find(match.name);
  if (!match.string.has_value()) return (found != first.end()) == match.present;
  return found != first.end() && StringMatches(*match.string, found->second);
}

bool PathMatches(const PathMatch& match, std::string path) {
  std::string text = match.text;
  if (match.kind == PathMatch::Kind::kSafeRegex) return re2::RE2::FullMatch(path, text);
  if (!match.case_sensitive) {
    path = Lower(path);
    text = Lower(text);
  }
  if (match.kind == PathMatch::Kind::kPath) return path == text;
  if (match.kind == PathMatch::Kind::kPrefix) return Starts(path, text);
  return path == text || Starts(path, text + "/");
}

bool RouteMatches(const RouteConfig& route, const http::RequestHead& head, const std::string& path,
                  uint64_t random, const runtime::Snapshot* runtime) {
  if (route.match.kind == PathMatch::Kind::kConnect) {
    if (head.method != "CONNECT") return false;
  } else if (head.path.empty() || !PathMatches(route.match, path)) {
    return false;
  }
  for (const HeaderMatch& header : route.headers) {
    if (!HeaderMatches(header, head)) return false;
  }
  for (const QueryParameterMatch& parameter : route.query_parameters) {
    if (!QueryMatches(parameter, std::string(head.path))) return false;
  }
  if (route.grpc) {
    const std::vector<std::string> types = ValuesOf("content-type", head);
    if (types.empty() || !re2::RE2::FullMatch(types[0], "application/grpc([+].*)?")) return false;
  }
  if (!route.runtime_fraction.has_value()) return true;
  const runtime::Fraction fraction = route.runtime_fraction->In(*runtime);
  return random % fraction.denominator < fraction.numerator;
}

// How well a domain fits, the larger the better; nothing when it does not.
std::optional<size_t> DomainRank(const std::string& domain, const std::string& host) {
  constexpr size_t kKind = size_t{1} << 32;
  const std::string text = Lower(domain);
  if (text == "*") return 0;
  const std::string front = text.substr(0, text.size() - 1);
  if (!text.empty() && text.front() == '*') {
    const std::string tail = text.substr(1);
    if (Ends(host, tail) && host.size() > tail.size()) return 2 * kKind + tail.size();
  } else if (!text.empty() && text.back() == '*') {
    if (Starts(host, front) && host.size() > front.size()) return kKind + front.size();
  } else if (text == host) {
    return 3 * kKind;
  }
  return std::nullopt;
}

std::optional<size_t> HostOf(const RouteTableConfig& config, std::string host) {
  host = Lower(host);
  if (config.ignore_port_in_host_matching) {
    // "name:port" and "[address]:port"; the bytes need not be UTF-8.
    const size_t colon = host.rfind(':');
    if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
      host.resize(colon);
    }
  }
  std::optional<size_t> best_rank;
  std::optional<size_t> best;
  for (size_t i = 0; i < config.virtual_hosts.size(); ++i) {
    for (const std::string& domain : config.virtual_hosts[i].domains) {
      const std::optional<size_t> rank = DomainRank(domain, host);
      if (!rank.has_value() || (best_rank.has_value() && *rank <= *best_rank)) continue;
      best_rank = rank;
      best = i;
    }
  }
  return best;
}

const WeightedCluster& Choose(const ForwardAction& action, const http::RequestHead& head,
                              uint64_t random, const runtime::Snapshot* runtime) {
  const std::vector<WeightedCluster>& clusters = action.weighted_clusters;
  std::vector<uint64_t> weights;
  uint64_t total = 0;
  for (const WeightedCluster& cluster : clusters) {
    weights.push_back(cluster.weight);
    if (!action.runtime_key_prefix.empty()) {
      weights.back() =
          runtime->Integer(action.runtime_key_prefix + "." + cluster.name, cluster.weight);
    }
    total += weights.back();
  }
  if (total == 0) return clusters[0];
  auto value = static_cast<uint64_t>((static_cast<unsigned __int128>(random) * total) >> 64);
  if (!action.random_value_header.empty()) {
    const std::vector<std::string> numbers = ValuesOf(Lower(action.random_value_header), head);
    if (!numbers.empty() && re2::RE2::FullMatch(numbers[0], "[0-9]+")) {
      value = std::stoull(numbers[0]) % total;
    }
  }
  size_t i = 0;
  while (value >= weights[i]) value -= weights[i++];
  return clusters[i];
}

}  // namespace

std::string OverridesText(const FilterOverrides* overrides) {
  if (overrides == nullptr) return "";
  std::map<std::string, std::string> by_name;
  for (const FilterOverride& entry : *overrides) {
    by_name[entry.filter_name] = *static_cast<const std::string*>(entry.config.get());
  }
  std::string text = " overrides";
  for (const auto& [name, value] : by_name) text += " " + name + "=" + value;
  return text;
}

std::string MatchLinearly(const RouteTableConfig& config, const http::RequestHead& head,
                          uint64_t random, const runtime::Snapshot* runtime) {
  const std::optional<size_t> host = HostOf(config, std::string(head.authority));
  if (!host.has_value()) return "no host";
  const VirtualHostConfig& virtual_host = config.virtual_hosts[*host];
  if (virtual_host.require_tls != TlsRequirement::kNone) {
    const std::vector<std::string> protos = ValuesOf("x-forwarded-proto", head);
    const std::vector<std::string> internals = ValuesOf("x-envoy-internal", head);
    const bool tls = !protos.empty() && protos[0] == "https";
    const bool inside = !internals.empty() && internals[0] == "true";
    if (!tls && (virtual_host.require_tls == TlsRequirement::kAll || !inside)) {
      return "host " + std::to_string(*host) + " redirect to TLS";
    }
  }
  const char* ends = config.ignore_path_parameters_in_path_matching ? "?#;" : "?#";
  const std::string path(head.path.substr(0, head.path.find_first_of(ends)));
  const std::string found = "host " + std::to_string(*host);
  for (size_t i = 0; i < virtual_host.routes.size(); ++i) {
    const RouteConfig& route = virtual_host.routes[i];
    if (!RouteMatches(route, head, path, random, runtime)) continue;
    // From the most general to the most specific: the later replaces the earlier.
    FilterOverrides overrides = config.overrides;
    const auto add = [&overrides](const FilterOverrides& more) {
      overrides.insert(overrides.end(), more.begin(), more.end());
    };
    add(virtual_host.overrides);
    add(route.overrides);
    std::string cluster;
    if (const auto* action = std::get_if<ForwardAction>(&route.action)) {
      std::string name = action->cluster;
      std::string field = action->cluster_header;
      if (!action->weighted_clusters.empty()) {
        const WeightedCluster& chosen = Choose(*action, head, random, runtime);
        name = chosen.name;
        field = chosen.cluster_header;
        add(chosen.overrides);
      }
      if (!field.empty()) {
        const std::vector<std::string> names = ValuesOf(Lower(field), head);
        name = names.empty() || names[0].empty() ? "(none)" : names[0];
      }
      cluster = " cluster " + name;
    }
    return found + " route " + std::to_string(i) + cluster +
           OverridesText(overrides.empty() ? nullptr : &overrides);
  }
  return found + " no route";
}

}  // namespace remora::route
