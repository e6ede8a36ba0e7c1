#pragma once

// Format: a compiled format string of Envoy's access-log vocabulary (`%REQ(x?y):10%`), the one that
// headers, access logs and local replies share.
//
// Parsed once with the configuration (every problem as a Status that names the operator and its
// place), immutable then; any thread. Append allocates nothing but what `out` needs to grow. A
// value that is not there prints "-" (or nothing with `omit_empty`), as in Envoy.
// Source: Envoy docs, "access logging, command operators".

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace remora::formatter {

// Why a log line is written (%ACCESS_LOG_TYPE%).
enum class LogType : uint8_t {
  kNotSet,
  kTcpConnectionStart,
  kTcpUpstreamConnected,
  kTcpPeriodic,
  kTcpConnectionEnd,
  kDownstreamStart,
  kDownstreamPeriodic,
  kDownstreamEnd,
  kUpstreamPoolReady,
  kUpstreamEnd,
  kUpstreamPeriodic,
  kDownstreamTunnelSuccessfullyEstablished,
  kLast = kDownstreamTunnelSuccessfullyEstablished,
};
// "DownstreamEnd".
std::string_view LogTypeName(LogType type);

// What there is to print. Heads may be null: before they exist, or when there were none.
struct Exchange {
  const http::StreamInfo& info;
  const http::RequestHead* request = nullptr;
  const http::ResponseHead* response = nullptr;
  const http::HeaderMap* response_trailers = nullptr;
  std::string_view local_reply_body = {};
  LogType log_type = LogType::kNotSet;
  // For %DURATION% before the end, and for %EMIT_TIME%; 0: not known, and the clock is asked.
  event::TimePoint now = 0;
  int64_t wall_now = 0;
};

// The grpc-status of a gRPC request: of trailers, head, or what the HTTP status stands for; -1 when
// it is no number. Nothing for other requests.
std::optional<int> GrpcStatus(const Exchange& exchange);
// The same, whether the request is gRPC's or not.
std::optional<int> GrpcStatusOfAny(const Exchange& exchange);

// Names and values of a head, its start line as HTTP/2 would write it; 0 without one.
size_t RequestHeadBytes(const Exchange& exchange);
size_t ResponseHeadBytes(const Exchange& exchange);

class Operator;  // operator.h: a part of a format

class Format {
 public:
  struct Options {
    bool omit_empty = false;  // print nothing in place of "-"
    // Control characters in what peers sent become \xNN: for log lines.
    bool escape_controls = false;
    // Operators of the extension envoy.formatter.req_without_query.
    bool req_without_query = false;
  };
  static absl::StatusOr<Format> Parse(std::string_view text, const Options& options);
  // Text alone, no operators, printed as it is.
  static Format Literal(std::string text);
  Format(Format&&) noexcept;
  Format& operator=(Format&&) noexcept;
  ~Format();

  // The whole text when it needs no exchange; null otherwise.
  const std::string* constant() const;
  void AppendTo(std::string& out, const Exchange& exchange) const;
  // The format is one operator alone: its value, or nothing when there is none. For JSON nulls and
  // for headers that are left out without a value.
  bool single() const;
  bool AppendValueTo(std::string& out, const Exchange& exchange) const;
  // As a JSON value: a number, string, object, ... of the one operator, null without a value; a
  // string for everything else. False where it wrote null.
  bool AppendJsonTo(std::string& out, const Exchange& exchange) const;

 private:
  Format();
  bool AppendPart(const Operator& part, std::string& out, const Exchange& exchange) const;

  std::vector<Operator> parts_;
  bool omit_empty_ = false;
  bool escape_controls_ = false;
};

}  // namespace remora::formatter
