#pragma once

// The operators that there are, by family: one table each, joined in operators.cc.
//
// An entry says what an operator may be followed by, how its value is appended, and how its
// arguments are read (Prepare: an error is a configuration error, without a position). Constant
// data, any thread. Private to the folder.

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "source/http/formatter/operator.h"

namespace remora::formatter {

enum class Arguments : uint8_t {
  kNone,      // neither arguments nor a length
  kOptional,  // no length
  kRequired,  // no length
  kOptionalOrLength,
  kRequiredOrLength,
};

struct OperatorEntry {
  std::string_view name;
  Arguments arguments = Arguments::kNone;
  Operator::Append append = nullptr;
  bool number = false;
  bool from_peer = false;
  absl::Status (*prepare)(std::string_view arguments, Operator& self) = nullptr;
};

std::span<const OperatorEntry> HeaderOperators();  // heads and trailers
std::span<const OperatorEntry> GrpcOperators();
std::span<const OperatorEntry> ExchangeOperators();  // facts, times, sizes
std::span<const OperatorEntry> AddressOperators();
std::span<const OperatorEntry> MetadataOperators();
std::span<const OperatorEntry> TlsOperators();  // they have no value without TLS

// For what never has a value.
bool AppendNothing(const Operator& self, const Exchange& exchange, std::string& out);
// A date format in UTC.
absl::Status PrepareUtcTime(std::string_view arguments, Operator& self);
// The decimal digits of `number`.
void AppendNumber(int64_t number, std::string& out);
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace remora::formatter
