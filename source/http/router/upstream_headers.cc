#include "source/http/router/upstream_headers.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "source/http/grpc_status.h"
#include "source/http/grpc_timeout.h"
#include "source/http/route/retry_policy.h"

namespace remora::router {

using http::HeaderId;
using http::HeaderMap;

namespace {

// A wrong value is as good as none.
void ReadMilliseconds(const HeaderMap& headers, HeaderId id, event::Duration& duration) {
  if (!headers.Has(id)) return;
  constexpr uint64_t kMost = INT64_MAX / event::kMillisecond / 2;
  const std::optional<uint64_t> value = ReadNumber(headers.Get(id));
  if (!value.has_value()) return;
  duration = static_cast<event::Duration>(std::min(*value, kMost)) * event::kMillisecond;
}

bool IsValid(HeaderId id, std::string_view value) {
  bool known = false;
  switch (id) {
    case HeaderId::kXEnvoyRetryOn:
      route::ParseRetryOn(value, known);
      return known;
    case HeaderId::kXEnvoyRetryGrpcOn:
      route::ParseRetryGrpcOn(value, known);
      return known;
    default:
      return ReadNumber(value).has_value();
  }
}

}  // namespace

std::optional<uint64_t> ReadNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view NumberText(base::Arena& arena, int64_t number) {
  constexpr size_t kMax = 20;
  char* text = arena.AllocateBytes(kMax);
  if (number >= 0 && number < 10) {
    *text = static_cast<char>('0' + number);
    return {text, 1};
  }
  const auto [end, error] = std::to_chars(text, text + kMax, number);
  static_cast<void>(error);  // 20 characters hold any 64-bit number
  return {text, static_cast<size_t>(end - text)};
}

const http::HeaderEntry* FindRefusedField(const Config& config, const http::RequestHead& head) {
  for (const HeaderId id : config.strict_fields) {
    const http::HeaderEntry* field = head.headers.Has(id) ? head.headers.Find(id) : nullptr;
    if (field != nullptr && !IsValid(id, field->value())) return field;
  }
  return nullptr;
}

std::string RefusedFieldBody(const http::HeaderEntry& field) {
  return absl::StrCat("invalid header '", std::string(field.name()), "' with value '",
                      std::string(field.value()), "'");
}

void ReadTimeouts(const Config& config, const http::RequestHead& head, Timeouts& timeouts) {
  const HeaderMap& headers = head.headers;
  if (config.respect_expected_rq_timeout && headers.Has(HeaderId::kXEnvoyExpectedRqTimeoutMs)) {
    ReadMilliseconds(headers, HeaderId::kXEnvoyExpectedRqTimeoutMs, timeouts.global);
  } else {
    ReadMilliseconds(headers, HeaderId::kXEnvoyUpstreamRqTimeoutMs, timeouts.global);
  }
  ReadMilliseconds(headers, HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs, timeouts.per_try);
  // It could never pass.
  if (timeouts.global != 0 && timeouts.per_try >= timeouts.global) timeouts.per_try = 0;
  if (headers.Has(HeaderId::kXEnvoyUpstreamRqTimeoutAltResponse)) timeouts.status = 204;
}

void ReadGrpcTimeout(const route::ForwardAction& route, const http::RequestHead& head,
                     Timeouts& timeouts) {
  if (!http::IsGrpcRequest(head)) return;
  timeouts.in_grpc = true;
  timeouts.global = http::ParseGrpcTimeout(head.headers.Get(HeaderId::kGrpcTimeout)).value_or(0);
  if (route.grpc_timeout_offset < timeouts.global) timeouts.global -= route.grpc_timeout_offset;
  const event::Duration most = *route.max_grpc_timeout;
  if (most != 0 && (timeouts.global == 0 || timeouts.global > most)) timeouts.global = most;
}

void TellTimeout(const Config& config, const Timeouts& timeouts, event::Duration elapsed,
                 http::RequestHead& head) {
  event::Duration expected = timeouts.per_try != 0 ? timeouts.per_try : timeouts.global;
  if (expected <= 0) return;
  if (timeouts.global > 0) {
    expected = elapsed >= timeouts.global ? event::kMillisecond
                                          : std::min(expected, timeouts.global - elapsed);
  }
  if (!config.suppress_envoy_headers) {
    head.headers.SetReference(HeaderId::kXEnvoyExpectedRqTimeoutMs,
                              NumberText(head.arena(), expected / event::kMillisecond));
  }
  if (timeouts.in_grpc) [[unlikely]]
    head.headers.SetReference(HeaderId::kGrpcTimeout,
                              head.arena().Copy(http::FormatGrpcTimeout(expected)));
}

}  // namespace remora::router
