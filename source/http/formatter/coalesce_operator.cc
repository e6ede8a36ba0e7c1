#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/http/escape.h"
#include "source/http/formatter/json_reader.h"
#include "source/http/formatter/operator_table.h"

namespace remora::formatter {
namespace {

using http::MetadataValue;

bool AppendOne(const Operator& part, const Exchange& exchange, std::string& out) {
  if (part.append == nullptr) {
    out += part.text;
    return true;
  }
  const size_t begin = out.size();
  if (!part.append(part, exchange, out)) return false;
  if (out.size() - begin > part.max_length) out.resize(begin + part.max_length);
  return true;
}

bool AppendFirst(const Operator& self, const Exchange& exchange, std::string& out) {
  for (const Operator& part : self.rest->alternatives) {
    if (AppendOne(part, exchange, out)) return true;
  }
  return false;
}

// The first value as what it is.
bool AppendFirstJson(const Operator& self, const Exchange& exchange, std::string& out) {
  for (const Operator& part : self.rest->alternatives) {
    if (part.append_json != nullptr) {
      if (part.append_json(part, exchange, out)) return true;
      continue;
    }
    std::string value;
    if (!AppendOne(part, exchange, value)) continue;
    if (value.size() > self.max_length) value.resize(self.max_length);
    if (part.number) {
      out += value;
    } else {
      out += '"';
      const size_t at = out.size();
      out += value;
      http::EscapeJson(out, at);
      out += '"';
    }
    return true;
  }
  return false;
}

// One entry: a name, or an object with `command`, `param` and `max_length`. Envoy's texts.
absl::StatusOr<Operator> MakeAlternative(const MetadataValue& entry,
                                         const Format::Options& options) {
  OperatorText text;
  if (entry.kind == MetadataValue::Kind::kString) {
    text.name = entry.text;
  } else if (entry.kind == MetadataValue::Kind::kStruct) {
    const MetadataValue* command = entry.Find({"command"});
    if (command == nullptr || command->kind != MetadataValue::Kind::kString) {
      return absl::InvalidArgumentError("operator object must have 'command' field");
    }
    text.name = command->text;
    const MetadataValue* param = entry.Find({"param"});
    if (param != nullptr && param->kind == MetadataValue::Kind::kString) {
      text.arguments = param->text;
    }
    const MetadataValue* length = entry.Find({"max_length"});
    if (length != nullptr && length->kind == MetadataValue::Kind::kNumber) {
      if (length->number <= 0 || length->number != std::floor(length->number)) {
        return absl::InvalidArgumentError("'max_length' must be a positive integer");
      }
      text.length = static_cast<size_t>(length->number);
    }
  } else {
    return absl::InvalidArgumentError(
        "operator entry must be either a string (command name) or an object with 'command' field");
  }
  if (!IsOperator(text.name)) {
    return absl::InvalidArgumentError(absl::StrCat("unknown command: '", ToAbsl(text.name), "'"));
  }
  return MakeOperator(text, options);
}

}  // namespace

absl::StatusOr<Operator> MakeCoalesce(const OperatorText& text, const Format::Options& options) {
  if (text.arguments.empty()) {
    return absl::InvalidArgumentError("COALESCE requires parameters");
  }
  const std::optional<MetadataValue> json = ReadJson(text.arguments);
  if (!json.has_value()) {
    return absl::InvalidArgumentError("COALESCE: failed to parse JSON configuration");
  }
  const MetadataValue* list = json->Find({"operators"});
  if (list == nullptr) {
    return absl::InvalidArgumentError(
        "COALESCE: JSON configuration must contain 'operators' array");
  }
  if (list->kind != MetadataValue::Kind::kList) {
    return absl::InvalidArgumentError("COALESCE: 'operators' must be an array");
  }
  if (list->items.empty()) {
    return absl::InvalidArgumentError("COALESCE: 'operators' array must not be empty");
  }
  auto rest = std::make_unique<Operator::Rest>();
  Operator made;
  for (size_t i = 0; i < list->items.size(); ++i) {
    absl::StatusOr<Operator> part = MakeAlternative(list->items[i], options);
    if (!part.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("COALESCE: failed to parse operator at index ",
                                                     i, ": ", part.status().message()));
    }
    made.from_peer |= part->from_peer;
    rest->alternatives.push_back(*std::move(part));
  }
  made.append = &AppendFirst;
  made.append_json = &AppendFirstJson;
  made.max_length = text.length;
  made.rest = std::move(rest);
  return made;
}

}  // namespace remora::formatter
