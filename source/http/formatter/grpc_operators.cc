#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "source/http/formatter/operator_table.h"
#include "source/http/grpc_status.h"

namespace remora::formatter {
namespace {

enum GrpcForm : uint8_t { kCamel, kSnake, kNumber };

constexpr std::string_view kGrpcCamel[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};
bool AppendGrpcStatus(const Operator& self, const Exchange& exchange, std::string& out) {
  const std::optional<int> status = GrpcStatus(exchange);
  if (!status.has_value()) return false;
  const bool named = *status >= 0 && *status <= 16 && self.choice != kNumber;
  if (named) {
    out += self.choice == kCamel ? kGrpcCamel[*status]
                                 : http::GrpcCodeName(static_cast<http::GrpcCode>(*status));
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
  if (exchange.request == nullptr || !http::IsGrpcRequest(*exchange.request)) return std::nullopt;
  return GrpcStatusOfAny(exchange);
}

std::optional<int> GrpcStatusOfAny(const Exchange& exchange) {
  if (exchange.response_trailers != nullptr) {
    if (const auto status = http::FindGrpcStatus(*exchange.response_trailers)) return status;
  }
  if (exchange.response != nullptr) {
    if (const auto status = http::FindGrpcStatus(exchange.response->headers)) return status;
  }
  if (exchange.info.response_code == 0) return std::nullopt;
  return static_cast<int>(http::GrpcCodeOfHttp(exchange.info.response_code));
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
