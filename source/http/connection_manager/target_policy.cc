#include "source/http/connection_manager/target_policy.h"

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/path_normalizer.h"
#include "source/http/grpc_status.h"

namespace remora::connection_manager {

using http::LocalReply;
using http::RequestHead;

namespace {

LocalReply Refuse(uint16_t status) {
  LocalReply reply;
  reply.status = status;
  reply.details = kPathRefused;
  return reply;
}

// Where the port's colon is; npos when there is no port.
size_t PortColon(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == authority.size()) {
    return std::string_view::npos;
  }
  const size_t bracket = authority.rfind(']');
  if (bracket != std::string_view::npos) {
    return colon > bracket ? colon : std::string_view::npos;
  }
  // An IPv6 address without brackets has no port.
  return authority.find(':') == colon ? colon : std::string_view::npos;
}

void StripHost(const Config& config, uint16_t local_port, RequestHead& head) {
  if (config.strip_trailing_host_dot) {
    const size_t dot = head.authority.rfind('.');
    if (dot != std::string_view::npos && dot + 1 == head.authority.size()) {
      head.authority.remove_suffix(1);
    } else if (dot != std::string_view::npos && head.authority[dot + 1] == ':') {
      const std::string host(head.authority.substr(0, dot));
      head.authority = head.arena().Copy(host + std::string(head.authority.substr(dot + 1)));
    }
  }
  if (config.strip_port == StripPort::kNo) return;
  const size_t colon = PortColon(head.authority);
  if (colon == std::string_view::npos) return;
  if (config.strip_port == StripPort::kMatching) {
    const std::string_view text = head.authority.substr(colon + 1);
    uint32_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port != local_port) return;
  }
  head.authority = head.authority.substr(0, colon);
}

// Path and query as one text again.
std::string_view Join(std::string_view path, std::string_view query, base::Arena& arena) {
  if (query.empty()) return path;
  char* text = arena.AllocateBytes(path.size() + query.size());
  std::memcpy(text, path.data(), path.size());
  std::memcpy(text + path.size(), query.data(), query.size());
  return {text, path.size() + query.size()};
}

}  // namespace

LocalReply RefusePath() { return Refuse(400); }

bool HasTargetPolicy(const Config& config) {
  return config.normalize_path || config.merge_slashes ||
         config.escaped_slashes != EscapedSlashes::kKeep || config.strip_port != StripPort::kNo ||
         config.strip_trailing_host_dot;
}

std::optional<LocalReply> ApplyTargetPolicy(const Config& config, uint16_t local_port,
                                            RequestHead& head) {
  StripHost(config, local_port, head);
  if (head.path.empty() || head.path[0] != '/') return std::nullopt;
  base::Arena& arena = head.arena();
  const size_t question = head.path.find('?');
  const std::string_view given = head.path.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : head.path.substr(question);
  std::string_view path = given;
  bool redirect = false;
  if (config.escaped_slashes != EscapedSlashes::kKeep) {
    path = UnescapeSlashes(path, arena);
    if (path.size() != given.size()) {
      if (config.escaped_slashes == EscapedSlashes::kReject) return RefusePath();
      redirect = config.escaped_slashes == EscapedSlashes::kRedirect;
    }
  }
  if (config.normalize_path) {
    const std::optional<std::string_view> normal = NormalizePath(path, arena);
    if (!normal.has_value()) return RefusePath();
    path = *normal;
  }
  if (config.merge_slashes) path = MergeSlashes(path, arena);
  if (path.data() != given.data()) head.path = Join(path, query, arena);
  if (!redirect) return std::nullopt;
  if (http::IsGrpcRequest(head)) return RefusePath();
  LocalReply reply = Refuse(307);
  reply.headers.emplace_back(http::HeaderId::kLocation, std::string(head.path));
  return reply;
}

std::optional<LocalReply> PrepareTarget(const Config& config, bool with_policy,
                                        const runtime::Snapshot& runtime,
                                        absl::FunctionRef<uint16_t()> local_port,
                                        RequestHead& head) {
  std::optional<LocalReply> refusal = CheckRequest(head);
  if (refusal.has_value()) return refusal;
  const size_t fragment = head.path.find('#');
  if (fragment != std::string_view::npos) {
    // Envoy's switch for clients that send one; Istio turns it off.
    constexpr std::string_view kSwitch = "envoy.reloadable_features.http_reject_path_with_fragment";
    if (runtime.Boolean(kSwitch, true)) return RefusePath();
    head.path = head.path.substr(0, fragment);
  }
  if (!with_policy) return std::nullopt;
  const bool needs_port = config.strip_port == StripPort::kMatching;
  return ApplyTargetPolicy(config, needs_port ? local_port() : uint16_t{0}, head);
}

}  // namespace remora::connection_manager
