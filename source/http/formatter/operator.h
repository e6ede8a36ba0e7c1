#pragma once

// Operator: one part of a compiled format: a literal, or `%NAME(arguments):length%`.
//
// A plain struct with a function: a format is an array of them, run one after the other. Made by
// MakeOperator while the configuration is read, immutable then; any thread. Private to the folder.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/formatter/format.h"
#include "source/http/formatter/time_format.h"
#include "source/http/header_id.h"

namespace remora::formatter {

// A field of a head: a part of the start line, or a header.
struct HeaderSource {
  enum class Kind : uint8_t { kNone, kMethod, kPath, kAuthority, kScheme, kStatus, kHeader };
  Kind kind = Kind::kNone;
  http::HeaderId id = http::HeaderId::kOther;
  std::string name;  // lower-case
};

class Operator {
 public:
  // Appends the value; false (and nothing appended) when there is none.
  using Append = bool (*)(const Operator& self, const Exchange& exchange, std::string& out);
  static constexpr size_t kNoLimit = ~size_t{0};

  Append append = nullptr;       // null: the text alone
  Append append_json = nullptr;  // for values that are neither text nor number
  bool number = false;           // in JSON a number
  bool from_peer = false;        // may hold bytes that a peer chose
  uint8_t choice = 0;            // what the arguments chose, by operator
  uint8_t second_choice = 0;
  uint8_t mask = 0;  // of an address, in bits plus one; 0: none
  size_t max_length = kNoLimit;
  std::string text;  // the literal, or a name among the arguments
  HeaderSource header;
  HeaderSource other_header;
  // What few operators have.
  struct Rest {
    std::vector<std::string> path;
    TimeFormat time;
    std::vector<Operator> alternatives;
  };
  std::unique_ptr<const Rest> rest;
};

// `%NAME(arguments):length%`. An error has no position.
struct OperatorText {
  std::string_view name;
  std::string_view arguments;
  size_t length = Operator::kNoLimit;
  size_t size = 0;  // of the whole; 0: there is none
};
absl::StatusOr<Operator> MakeOperator(const OperatorText& text, const Format::Options& options);
// %COALESCE(...)%: the first of several operators that has a value.
absl::StatusOr<Operator> MakeCoalesce(const OperatorText& text, const Format::Options& options);
bool IsOperator(std::string_view name);

}  // namespace remora::formatter
