#include "source/access_log/filter.h"

#include <algorithm>

namespace remora::access_log {
namespace {

using formatter::Exchange;

bool Compare(Filter::Comparison comparison, uint64_t actual, uint64_t wanted) {
  switch (comparison) {
    case Filter::Comparison::kEqual:
      return actual == wanted;
    case Filter::Comparison::kAtLeast:
      return actual >= wanted;
    case Filter::Comparison::kAtMost:
      return actual <= wanted;
  }
  return false;
}

uint64_t WantedValue(const Filter& filter, const Surroundings& around) {
  return filter.runtime_key.empty() ? filter.value
                                    : around.runtime.Integer(filter.runtime_key, filter.value);
}

std::optional<uint64_t> Milliseconds(const Exchange& exchange) {
  const event::TimePoint end = exchange.info.end != 0 ? exchange.info.end : exchange.now;
  if (exchange.info.start == 0 || end < exchange.info.start) return std::nullopt;
  return static_cast<uint64_t>((end - exchange.info.start) / event::kMillisecond);
}

// The number in the first eight digits of a request id: all proxies on a request's way draw the
// same lot.
std::optional<uint64_t> LotOf(const http::RequestHead* request) {
  if (request == nullptr) return std::nullopt;
  const std::string_view id = request->headers.Get(http::HeaderId::kXRequestId);
  if (id.size() < 8) return std::nullopt;
  uint64_t lot = 0;
  for (const char c : id.substr(0, 8)) {
    lot <<= 4;
    if (c >= '0' && c <= '9') {
      lot |= static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      lot |= static_cast<uint64_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return lot;
}

bool IsSampled(const Filter& filter, const Exchange& exchange, const Surroundings& around) {
  std::optional<uint64_t> lot;
  if (!filter.independent) lot = LotOf(exchange.request);
  return filter.fraction.Matches(around.runtime, lot.has_value() ? *lot : around.random.Next());
}

bool HasFlag(uint32_t flags, const http::ResponseFlags& has) {
  if (flags == 0) return !has.empty();
  for (unsigned i = 0; i < static_cast<unsigned>(http::ResponseFlag::kCount); ++i) {
    if ((flags >> i & 1) != 0 && has.Has(static_cast<http::ResponseFlag>(i))) return true;
  }
  return false;
}

}  // namespace

bool Filter::Passes(const Exchange& exchange, const Surroundings& around) const {
  switch (kind) {
    case Kind::kStatusCode:
      return Compare(comparison, exchange.info.response_code, WantedValue(*this, around));
    case Kind::kDuration: {
      const std::optional<uint64_t> duration = Milliseconds(exchange);
      return duration.has_value() && Compare(comparison, *duration, WantedValue(*this, around));
    }
    case Kind::kNotHealthCheck:
      return !exchange.info.health_check;
    case Kind::kNever:
      return false;
    case Kind::kRuntime:
      return IsSampled(*this, exchange, around);
    case Kind::kAnd:
      return std::all_of(children.begin(), children.end(),
                         [&](const Filter& child) { return child.Passes(exchange, around); });
    case Kind::kOr:
      return std::any_of(children.begin(), children.end(),
                         [&](const Filter& child) { return child.Passes(exchange, around); });
    case Kind::kHeader:
      return exchange.request == nullptr ? header_without_request : header(*exchange.request);
    case Kind::kResponseFlag:
      return HasFlag(flags, exchange.info.flags);
    case Kind::kGrpcStatus: {
      constexpr int kUnknown = 2;
      const int status = formatter::GrpcStatusOfAny(exchange).value_or(kUnknown);
      const bool found = status >= 0 && status <= 16 && (grpc >> status & 1) != 0;
      return found != exclude;
    }
    case Kind::kLogType:
      return ((types >> static_cast<unsigned>(exchange.log_type) & 1) != 0) != exclude;
    case Kind::kMetadata: {
      std::optional<bool> found;
      if (metadata != nullptr) found = metadata(exchange.info.dynamic_metadata);
      return found.value_or(metadata_otherwise);
    }
  }
  return false;
}

}  // namespace remora::access_log
