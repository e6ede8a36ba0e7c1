#include <sys/random.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/event/clock.h"
#include "source/http/formatter/operator_table.h"

namespace remora::formatter {
namespace {

using http::StreamInfo;
using http::WireBytes;

bool AppendText(std::string_view text, std::string& out) {
  if (text.empty()) return false;
  out += text;
  return true;
}

// Spaces would split a field of a log line.
bool AppendWithoutSpaces(std::string_view text, std::string& out) {
  if (text.empty()) return false;
  for (const char c : text) out += absl::ascii_isspace(static_cast<unsigned char>(c)) ? '_' : c;
  return true;
}

bool AppendEmpty(const Operator&, const Exchange&, std::string&) { return true; }
bool AppendZero(const Operator&, const Exchange&, std::string& out) {
  out += '0';
  return true;
}

template <std::string_view StreamInfo::* kMember>
bool AppendMember(const Operator&, const Exchange& exchange, std::string& out) {
  return AppendText(exchange.info.*kMember, out);
}

template <class T, T StreamInfo::* kMember>
bool AppendNumberMember(const Operator&, const Exchange& exchange, std::string& out) {
  AppendNumber(static_cast<int64_t>(exchange.info.*kMember), out);
  return true;
}

template <uint64_t WireBytes::* kCount>
bool AppendDownstreamWire(const Operator&, const Exchange& exchange, std::string& out) {
  AppendNumber(static_cast<int64_t>(exchange.info.downstream_wire.*kCount), out);
  return true;
}

template <uint64_t WireBytes::* kCount>
bool AppendUpstreamWire(const Operator&, const Exchange& exchange, std::string& out) {
  AppendNumber(static_cast<int64_t>(exchange.info.upstream_wire.*kCount), out);
  return true;
}

// --- times

// A moment of the exchange, or the sum of those that a name can say.
event::TimePoint LatestOf(const Exchange& exchange) {
  return exchange.info.end != 0 ? exchange.info.end : exchange.now;
}

bool AppendBetween(event::TimePoint from, event::TimePoint to, event::Duration unit,
                   std::string& out) {
  if (from == 0 || to == 0 || to < from) return false;
  AppendNumber((to - from) / unit, out);
  return true;
}

template <event::TimePoint StreamInfo::* kFrom, event::TimePoint StreamInfo::* kTo>
bool AppendMilliseconds(const Operator&, const Exchange& exchange, std::string& out) {
  return AppendBetween(exchange.info.*kFrom, exchange.info.*kTo, event::kMillisecond, out);
}

bool AppendDuration(const Operator&, const Exchange& exchange, std::string& out) {
  return AppendBetween(exchange.info.start, LatestOf(exchange), event::kMillisecond, out);
}

constexpr std::pair<std::string_view, event::TimePoint StreamInfo::*> kMoments[] = {
    {"DS_RX_BEG", &StreamInfo::start},
    {"DS_RX_END", &StreamInfo::request_end},
    {"US_CX_BEG", &StreamInfo::upstream_connect_begin},
    {"US_CX_END", &StreamInfo::upstream_connect_end},
    {"US_TX_BEG", &StreamInfo::upstream_request_begin},
    {"US_TX_END", &StreamInfo::upstream_request_end},
    {"US_RX_BEG", &StreamInfo::upstream_first_byte},
    {"US_RX_END", &StreamInfo::upstream_last_byte},
    {"DS_TX_BEG", &StreamInfo::response_begin},
    {"DS_TX_END", &StreamInfo::response_end},
};
// For names that nobody sets: Envoy takes them, and they never have a value.
constexpr uint8_t kUnknownMoment = 0xff;

uint8_t FindMoment(std::string_view name) {
  for (size_t i = 0; i < std::size(kMoments); ++i) {
    if (kMoments[i].first == name) return static_cast<uint8_t>(i);
  }
  return kUnknownMoment;
}

template <event::Duration kUnit>
bool AppendCommonDuration(const Operator& self, const Exchange& exchange, std::string& out) {
  if (self.choice == kUnknownMoment || self.second_choice == kUnknownMoment) return false;
  return AppendBetween(exchange.info.*kMoments[self.choice].second,
                       exchange.info.*kMoments[self.second_choice].second, kUnit, out);
}

absl::Status PrepareCommonDuration(std::string_view arguments, Operator& self) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(arguments), ':');
  if (parts.size() < 2 || parts.size() > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid common duration configuration: ", ToAbsl(arguments), "."));
  }
  self.choice = FindMoment(parts[0]);
  self.second_choice = FindMoment(parts[1]);
  const std::string unit = parts.size() == 3 ? parts[2] : "ms";
  if (unit == "ms") {
    self.append = &AppendCommonDuration<event::kMillisecond>;
  } else if (unit == "us") {
    self.append = &AppendCommonDuration<event::kMicrosecond>;
  } else if (unit == "ns") {
    self.append = &AppendCommonDuration<1>;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid common duration precision: ", unit, "."));
  }
  return absl::OkStatus();
}

bool AppendStartTime(const Operator& self, const Exchange& exchange, std::string& out) {
  if (exchange.info.start_wall <= 0) return false;
  self.rest->time.Append(exchange.info.start_wall, out);
  return true;
}

bool AppendEmitTime(const Operator& self, const Exchange& exchange, std::string& out) {
  const int64_t now = exchange.wall_now != 0 ? exchange.wall_now : event::RealClock().WallNow();
  self.rest->time.Append(now, out);
  return true;
}

// `%n` with any of strftime's flags: the format may be meant for a header.
bool HasNewline(std::string_view format) {
  for (size_t at = format.find('%'); at != std::string_view::npos; at = format.find('%', at)) {
    ++at;
    while (at < format.size() && std::string_view("-_0^#").find(format[at]) != format.npos) ++at;
    while (at < format.size() && format[at] >= '1' && format[at] <= '9') ++at;
    if (at < format.size() && (format[at] == 'E' || format[at] == 'O')) ++at;
    if (at < format.size() && format[at] == 'n') return true;
    if (at < format.size() && format[at] == '%') ++at;
  }
  return format.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

absl::Status PrepareTime(std::string_view arguments, bool local, Operator& self) {
  if (HasNewline(arguments)) {
    return absl::InvalidArgumentError(
        "Invalid header configuration. Format string contains newline.");
  }
  auto rest = std::make_unique<Operator::Rest>();
  rest->time = TimeFormat(arguments, local);
  self.rest = std::move(rest);
  return absl::OkStatus();
}

absl::Status PrepareLocalTime(std::string_view arguments, Operator& self) {
  return PrepareTime(arguments, true, self);
}

// --- what happened

bool AppendProtocol(const Operator&, const Exchange& exchange, std::string& out) {
  if (!exchange.info.version_known) return false;
  return AppendText(http::VersionName(exchange.info.version), out);
}

bool AppendUpstreamProtocol(const Operator&, const Exchange& exchange, std::string& out) {
  if (exchange.info.upstream_request_begin == 0) return false;
  return AppendText(http::VersionName(exchange.info.upstream_version), out);
}

bool AppendCode(const Operator&, const Exchange& exchange, std::string& out) {
  uint16_t code = exchange.info.response_code;
  if (code == 0 && exchange.response != nullptr) code = exchange.response->status;
  AppendNumber(code, out);
  return true;
}

bool AppendCodeDetails(const Operator& self, const Exchange& exchange, std::string& out) {
  const std::string_view details = exchange.info.response_code_details;
  return self.choice != 0 ? AppendText(details, out) : AppendWithoutSpaces(details, out);
}

absl::Status PrepareCodeDetails(std::string_view arguments, Operator& self) {
  self.choice = arguments == "ALLOW_WHITESPACES";
  return absl::OkStatus();
}

bool AppendTerminationDetails(const Operator&, const Exchange& exchange, std::string& out) {
  if (AppendText(exchange.info.connection_termination_details, out)) return true;
  return exchange.info.connection != nullptr &&
         AppendText(exchange.info.connection->termination_details, out);
}

bool AppendFlags(const Operator&, const Exchange& exchange, std::string& out) {
  exchange.info.flags.AppendTo(out, http::kFlagWords);
  return true;
}

bool AppendFlagNames(const Operator&, const Exchange& exchange, std::string& out) {
  exchange.info.flags.AppendTo(out, http::kFlagNames);
  return true;
}

bool AppendCluster(const Operator&, const Exchange& exchange, std::string& out) {
  return AppendText(exchange.info.cluster_stat_name, out) ||
         AppendText(exchange.info.cluster_name, out);
}

bool AppendUpstreamFailure(const Operator&, const Exchange& exchange, std::string& out) {
  return AppendWithoutSpaces(exchange.info.upstream_failure, out);
}

bool AppendDownstreamFailure(const Operator&, const Exchange& exchange, std::string& out) {
  return exchange.info.connection != nullptr &&
         AppendWithoutSpaces(exchange.info.connection->transport_failure, out);
}

bool AppendFilterChain(const Operator&, const Exchange& exchange, std::string& out) {
  return exchange.info.connection != nullptr &&
         AppendText(exchange.info.connection->filter_chain_name, out);
}

bool AppendConnectionId(const Operator&, const Exchange& exchange, std::string& out) {
  const auto* connection = exchange.info.connection;
  AppendNumber(connection == nullptr ? 0 : static_cast<int64_t>(connection->id), out);
  return true;
}

bool AppendLocalReplyBody(const Operator&, const Exchange& exchange, std::string& out) {
  out += exchange.local_reply_body;
  return true;
}

bool AppendLogType(const Operator&, const Exchange& exchange, std::string& out) {
  out += LogTypeName(exchange.log_type);
  return true;
}

// --- identities

bool AppendUniqueId(const Operator&, const Exchange&, std::string& out) {
  uint8_t bytes[16];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) return false;
  // RFC 9562 section 5.4: version 4.
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  static constexpr char kHex[] = "0123456789abcdef";
  for (size_t i = 0; i < sizeof(bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return true;
}

// What does not change becomes a literal.
absl::Status PrepareHostname(std::string_view, Operator& self) {
  char name[HOST_NAME_MAX + 1];
  self.text = gethostname(name, sizeof(name)) == 0 ? name : "-";
  self.append = nullptr;
  return absl::OkStatus();
}

absl::Status PrepareEnvironment(std::string_view arguments, Operator& self) {
  const char* value = std::getenv(std::string(arguments).c_str());
  self.text = value == nullptr ? "-" : std::string(value).substr(0, self.max_length);
  self.append = nullptr;
  return absl::OkStatus();
}

// No filter leaves state yet, so there is never a value; the arguments are checked all the same.
absl::Status PrepareFilterState(std::string_view arguments, Operator&) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(arguments), ':');
  if (parts[0].empty()) {
    return absl::InvalidArgumentError("Invalid filter state configuration, key cannot be empty.");
  }
  const std::string form = parts.size() > 1 ? parts[1] : "";
  if (!form.empty() && form != "PLAIN" && form != "TYPED" && form != "FIELD") {
    return absl::InvalidArgumentError(
        "Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.");
  }
  if ((form == "FIELD") != (parts.size() > 2 && !parts[2].empty())) {
    return absl::InvalidArgumentError(
        "Invalid filter state serialize type, FIELD should be used with the field name.");
  }
  return absl::OkStatus();
}

}  // namespace

bool AppendNothing(const Operator&, const Exchange&, std::string&) { return false; }

absl::Status PrepareUtcTime(std::string_view arguments, Operator& self) {
  return PrepareTime(arguments, false, self);
}

std::span<const OperatorEntry> ExchangeOperators() {
  using enum Arguments;
  static constexpr OperatorEntry kTable[] = {
      {"START_TIME", kOptional, &AppendStartTime, false, false, &PrepareUtcTime},
      {"START_TIME_LOCAL", kOptional, &AppendStartTime, false, false, &PrepareLocalTime},
      {"EMIT_TIME", kOptional, &AppendEmitTime, false, false, &PrepareUtcTime},
      {"EMIT_TIME_LOCAL", kOptional, &AppendEmitTime, false, false, &PrepareLocalTime},
      {"DURATION", kNone, &AppendDuration, true},
      {"REQUEST_DURATION", kNone, &AppendMilliseconds<&StreamInfo::start, &StreamInfo::request_end>,
       true},
      {"REQUEST_TX_DURATION", kNone,
       &AppendMilliseconds<&StreamInfo::start, &StreamInfo::upstream_request_end>, true},
      {"RESPONSE_DURATION", kNone,
       &AppendMilliseconds<&StreamInfo::start, &StreamInfo::upstream_first_byte>, true},
      {"RESPONSE_TX_DURATION", kNone,
       &AppendMilliseconds<&StreamInfo::upstream_first_byte, &StreamInfo::response_end>, true},
      {"COMMON_DURATION", kRequired, &AppendNothing, true, false, &PrepareCommonDuration},
      {"ROUNDTRIP_DURATION", kNone, &AppendNothing, true},  // HTTP/3's
      {"BYTES_RECEIVED", kNone, &AppendNumberMember<uint64_t, &StreamInfo::bytes_received>, true},
      {"BYTES_SENT", kNone, &AppendNumberMember<uint64_t, &StreamInfo::bytes_sent>, true},
      {"DOWNSTREAM_WIRE_BYTES_RECEIVED", kNone, &AppendDownstreamWire<&WireBytes::received>, true},
      {"DOWNSTREAM_WIRE_BYTES_SENT", kNone, &AppendDownstreamWire<&WireBytes::sent>, true},
      {"DOWNSTREAM_HEADER_BYTES_RECEIVED", kNone, &AppendDownstreamWire<&WireBytes::head_received>,
       true},
      {"DOWNSTREAM_HEADER_BYTES_SENT", kNone, &AppendDownstreamWire<&WireBytes::head_sent>, true},
      {"UPSTREAM_WIRE_BYTES_RECEIVED", kNone, &AppendUpstreamWire<&WireBytes::received>, true},
      {"UPSTREAM_WIRE_BYTES_SENT", kNone, &AppendUpstreamWire<&WireBytes::sent>, true},
      {"UPSTREAM_HEADER_BYTES_RECEIVED", kNone, &AppendUpstreamWire<&WireBytes::head_received>,
       true},
      {"UPSTREAM_HEADER_BYTES_SENT", kNone, &AppendUpstreamWire<&WireBytes::head_sent>, true},
      {"BYTES_RETRANSMITTED", kNone, &AppendZero, true},    // HTTP/3's
      {"PACKETS_RETRANSMITTED", kNone, &AppendZero, true},  // HTTP/3's
      {"PROTOCOL", kNone, &AppendProtocol},
      {"UPSTREAM_PROTOCOL", kNone, &AppendUpstreamProtocol},
      {"RESPONSE_CODE", kNone, &AppendCode, true},
      {"RESPONSE_CODE_DETAILS", kOptional, &AppendCodeDetails, false, true, &PrepareCodeDetails},
      {"CONNECTION_TERMINATION_DETAILS", kNone, &AppendTerminationDetails, false, true},
      {"RESPONSE_FLAGS", kNone, &AppendFlags},
      {"RESPONSE_FLAGS_LONG", kNone, &AppendFlagNames},
      {"CUSTOM_FLAGS", kNone, &AppendEmpty},  // no filter sets any
      {"ROUTE_NAME", kNone, &AppendMember<&StreamInfo::route_name>},
      {"VIRTUAL_HOST_NAME", kNone, &AppendMember<&StreamInfo::virtual_host_name>},
      {"VIRTUAL_CLUSTER_NAME", kNone, &AppendMember<&StreamInfo::virtual_cluster_name>},
      {"UPSTREAM_CLUSTER", kNone, &AppendCluster},
      {"UPSTREAM_CLUSTER_RAW", kNone, &AppendMember<&StreamInfo::cluster_name>},
      {"UPSTREAM_REQUEST_ATTEMPT_COUNT", kNone,
       &AppendNumberMember<uint32_t, &StreamInfo::upstream_attempts>, true},
      {"UPSTREAM_CONNECTION_ID", kNone,
       &AppendNumberMember<uint64_t, &StreamInfo::upstream_connection_id>, true},
      {"UPSTREAM_TRANSPORT_FAILURE_REASON", kNone, &AppendUpstreamFailure, false, true},
      {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", kNone, &AppendDownstreamFailure, false, true},
      {"FILTER_CHAIN_NAME", kNone, &AppendFilterChain},
      {"CONNECTION_ID", kNone, &AppendConnectionId, true},
      {"LOCAL_REPLY_BODY", kNone, &AppendLocalReplyBody, false, true},
      {"ACCESS_LOG_TYPE", kNone, &AppendLogType},
      {"UNIQUE_ID", kNone, &AppendUniqueId},
      {"HOSTNAME", kNone, nullptr, false, false, &PrepareHostname},
      {"ENVIRONMENT", kRequiredOrLength, nullptr, false, false, &PrepareEnvironment},
      {"FILTER_STATE", kOptionalOrLength, &AppendNothing, false, false, &PrepareFilterState},
      {"UPSTREAM_FILTER_STATE", kOptionalOrLength, &AppendNothing, false, false,
       &PrepareFilterState},
      {"TRACE_ID", kNone, &AppendNothing},  // nothing is traced
      {"SPAN_ID", kNone, &AppendNothing},
  };
  return kTable;
}

}  // namespace remora::formatter
