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
  kTcpConnectionEnd,
  kDownstreamStart,
  kDownstreamPeriodic,
  kDownstreamEnd,
  kUpstreamPoolReady,
  kUpstreamEnd,
};

// What there is to print. Heads may be null: before they exist, or when there were none.
struct Exchange {
  const http::StreamInfo& info;
  const http::RequestHead* request = nullptr;
  const http::ResponseHead* response = nullptr;
  const http::HeaderMap* response_trailers = nullptr;
  std::string_view local_reply_body = {};
  LogType log_type = LogType::kNotSet;
};

class Operator;  // in the .cc: one per kind

class Format {
 public:
  struct Options {
    bool omit_empty = false;  // print nothing in place of "-"
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

 private:
  Format();
  std::vector<std::unique_ptr<const Operator>> parts_;
  bool omit_empty_ = false;
};

}  // namespace remora::formatter
