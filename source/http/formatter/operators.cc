#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "source/http/formatter/operator_table.h"

namespace remora::formatter {
namespace {

constexpr std::string_view kCoalesce = "COALESCE";

const OperatorEntry* FindEntry(std::string_view name) {
  for (const auto table : {HeaderOperators(), ExchangeOperators(), GrpcOperators(),
                           AddressOperators(), MetadataOperators(), TlsOperators()}) {
    for (const OperatorEntry& entry : table) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

// Envoy's texts.
absl::Status CheckSyntax(const OperatorEntry& entry, const OperatorText& text) {
  const bool has_length = text.length != Operator::kNoLimit;
  const absl::string_view name = ToAbsl(text.name);
  switch (entry.arguments) {
    case Arguments::kNone:
      if (!text.arguments.empty() || has_length) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " does not take any parameters or length"));
      }
      return absl::OkStatus();
    case Arguments::kRequired:
    case Arguments::kRequiredOrLength:
      if (text.arguments.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(name, " requires parameters"));
      }
      break;
    case Arguments::kOptional:
    case Arguments::kOptionalOrLength:
      break;
  }
  const bool takes_length = entry.arguments == Arguments::kOptionalOrLength ||
                            entry.arguments == Arguments::kRequiredOrLength;
  if (has_length && !takes_length) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " does not allow length to be specified."));
  }
  return absl::OkStatus();
}

}  // namespace

void AppendNumber(int64_t number, std::string& out) {
  char text[20];
  const auto end = std::to_chars(text, text + sizeof(text), number);
  out.append(text, static_cast<size_t>(end.ptr - text));
}

bool IsOperator(std::string_view name) { return name == kCoalesce || FindEntry(name) != nullptr; }

absl::StatusOr<Operator> MakeOperator(const OperatorText& text, const Format::Options& options) {
  if (text.name == kCoalesce) return MakeCoalesce(text, options);
  const OperatorEntry* entry = FindEntry(text.name);
  if (entry == nullptr || (text.name == "REQ_WITHOUT_QUERY" && !options.req_without_query)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Not supported field in StreamInfo: ", ToAbsl(text.name)));
  }
  if (absl::Status status = CheckSyntax(*entry, text); !status.ok()) return status;
  Operator made;
  made.append = entry->append;
  made.number = entry->number;
  made.from_peer = entry->from_peer;
  made.max_length = text.length;
  if (entry->prepare != nullptr) {
    if (absl::Status status = entry->prepare(text.arguments, made); !status.ok()) return status;
  }
  return made;
}

}  // namespace remora::formatter
