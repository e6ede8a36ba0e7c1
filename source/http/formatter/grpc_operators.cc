#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/http/formatter/operator_table.h"

namespace remora::formatter {
namespace {

enum GrpcForm : uint8_t { kCamel, kSnake, kNumber };

constexpr std::string_view kGrpcCamel[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};
constexpr std::string_view kGrpcSnake[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

std::optional<int> StatusField(const http::HeaderMap& headers) {
  const http::HeaderEntry* entry = headers.Find(http::HeaderId::kGrpcStatus);
  if (entry == nullptr || entry->value().empty()) return std::nullopt;
  int status;
  // Envoy's code for what is no number.
  return absl::SimpleAtoi(ToAbsl(entry->value()), &status) && status >= 0 ? status : -1;
}

bool AppendGrpcStatus(const Operator& self, const Exchange& exchange, std::string& out) {
  const std::optional<int> status = GrpcStatus(exchange);
  if (!status.has_value()) return false;
  const bool named = *status >= 0 && *status <= 16 && self.choice != kNumber;
  if (named) {
    out += self.choice == kCamel ? kGrpcCamel[*status] : kGrpcSnake[*status];
  } else {
    AppendNumber(*status, out);
  }
  return true;
}

absl::Status PrepareGrpc(std::string_view arguments, Operator& self) {
  if (arguments == "SNAKE_STRING") {
    self.choice = kSnake;
  } else if (arguments == "NUMBER") {
    self.choice = kNumber;
    self.number = true;
  } else if (!arguments.empty() && arguments != "CAMEL_STRING") {
    return absl::InvalidArgumentError(
        absl::StrCat("GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. "
                     "Got: ",
                     ToAbsl(arguments)));
  }
  return absl::OkStatus();
}

absl::Status PrepareGrpcNumber(std::string_view, Operator& self) {
  self.choice = kNumber;
  return absl::OkStatus();
}

}  // namespace

std::optional<int> GrpcStatus(const Exchange& exchange) {
  if (exchange.request == nullptr) return std::nullopt;
  const std::string_view type = exchange.request->headers.Get(http::HeaderId::kContentType);
  static constexpr std::string_view kGrpc = "application/grpc";
  if (type.substr(0, kGrpc.size()) != kGrpc) return std::nullopt;
  if (type.size() > kGrpc.size() && type[kGrpc.size()] != '+') return std::nullopt;
  return GrpcStatusOfAny(exchange);
}

std::optional<int> GrpcStatusOfAny(const Exchange& exchange) {
  if (exchange.response_trailers != nullptr) {
    if (const auto status = StatusField(*exchange.response_trailers)) return status;
  }
  if (exchange.response != nullptr) {
    if (const auto status = StatusField(exchange.response->headers)) return status;
  }
  // Source: gRPC docs, "HTTP to gRPC status code mapping".
  switch (exchange.info.response_code) {
    case 0:
      return std::nullopt;
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

std::span<const OperatorEntry> GrpcOperators() {
  using enum Arguments;
  static constexpr OperatorEntry kTable[] = {
      {"GRPC_STATUS", kOptional, &AppendGrpcStatus, false, false, &PrepareGrpc},
      {"GRPC_STATUS_NUMBER", kNone, &AppendGrpcStatus, true, false, &PrepareGrpcNumber},
  };
  return kTable;
}

}  // namespace remora::formatter
