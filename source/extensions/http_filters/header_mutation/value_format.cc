#include "source/extensions/http_filters/header_mutation/value_format.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace remora::extensions {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

bool IsOperatorByte(char c) { return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_'; }

// `%NAME(parameters):length%` at the front of `text`.
struct Operator {
  std::string_view name;
  std::string_view parameters;
  bool has_parameters = false;
  std::optional<size_t> max_length;
  size_t size = 0;  // of the whole; 0: there is none
};

Operator ReadOperator(std::string_view text) {
  Operator found;
  size_t at = 1;
  while (at < text.size() && IsOperatorByte(text[at])) ++at;
  found.name = text.substr(1, at - 1);
  if (found.name.empty()) return {};
  if (at < text.size() && text[at] == '(') {
    const size_t close = text.find(')', at);
    if (close == std::string_view::npos) return {};
    found.has_parameters = true;
    found.parameters = text.substr(at + 1, close - at - 1);
    at = close + 1;
  }
  if (at < text.size() && text[at] == ':') {
    const size_t begin = ++at;
    while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
    uint64_t length;
    if (!absl::SimpleAtoi(ToAbsl(text.substr(begin, at - begin)), &length)) return {};
    found.max_length = length;
  }
  if (at >= text.size() || text[at] != '%') return {};
  found.size = at + 1;
  return found;
}

std::string_view RequestField(const http::RequestHead& head, std::string_view name) {
  if (name == ":path") return head.path;
  if (name == ":method") return head.method;
  if (name == ":authority" || name == "host") return head.authority;
  if (name == ":scheme") return head.scheme;
  const http::HeaderEntry* entry = head.headers.Find(name);
  return entry == nullptr ? std::string_view() : entry->value();
}

std::string ResponseField(const http::ResponseHead& head, std::string_view name) {
  if (name == ":status") return absl::StrCat(head.status);
  const http::HeaderEntry* entry = head.headers.Find(name);
  return entry == nullptr ? std::string() : std::string(entry->value());
}

}  // namespace

ValueFormat ValueFormat::Literal(std::string text) {
  ValueFormat format;
  Part part;
  part.text = std::move(text);
  format.parts_.push_back(std::move(part));
  return format;
}

absl::StatusOr<ValueFormat> ValueFormat::Parse(std::string_view text) {
  ValueFormat format;
  std::string literal;
  const auto finish_literal = [&] {
    if (literal.empty()) return;
    Part part;
    part.text = std::exchange(literal, {});
    format.parts_.push_back(std::move(part));
  };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      literal += text[at++];
      continue;
    }
    if (text.substr(at, 2) == "%%") {
      literal += '%';
      at += 2;
      continue;
    }
    const Operator found = ReadOperator(text.substr(at));
    if (found.size == 0) {
      return absl::InvalidArgumentError(absl::StrCat("Incorrect configuration: ", ToAbsl(text),
                                                     ". Couldn't find valid command at position ",
                                                     at));
    }
    absl::StatusOr<Part> part = ParseOperator(found.name, found.parameters);
    if (!part.ok()) return part.status();
    part->max_length = found.max_length;
    finish_literal();
    format.parts_.push_back(*std::move(part));
    at += found.size;
  }
  finish_literal();
  return format;
}

absl::StatusOr<ValueFormat::Part> ValueFormat::ParseOperator(std::string_view name,
                                                             std::string_view parameters) {
  Part part;
  if (name == "REQ" || name == "RESP") {
    part.kind = name == "REQ" ? Kind::kRequestField : Kind::kResponseField;
    if (parameters.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(ToAbsl(name), " requires parameters"));
    }
    const size_t question = parameters.find('?');
    part.text = absl::AsciiStrToLower(ToAbsl(parameters.substr(0, question)));
    if (question != std::string_view::npos) {
      part.alternative = absl::AsciiStrToLower(ToAbsl(parameters.substr(question + 1)));
    }
    return part;
  }
  static constexpr std::pair<std::string_view, Kind> kPlain[] = {
      {"PROTOCOL", Kind::kProtocol},
      {"RESPONSE_CODE", Kind::kResponseCode},
      {"RESPONSE_CODE_DETAILS", Kind::kResponseCodeDetails},
      {"ROUTE_NAME", Kind::kRouteName},
      {"UPSTREAM_CLUSTER", Kind::kUpstreamCluster},
  };
  for (const auto& [plain, kind] : kPlain) {
    if (name != plain) continue;
    if (!parameters.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(ToAbsl(name), " takes no parameters"));
    }
    part.kind = kind;
    return part;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the operator %", ToAbsl(name),
                   "% is not supported here; supported are REQ, RESP, PROTOCOL, RESPONSE_CODE, "
                   "RESPONSE_CODE_DETAILS, ROUTE_NAME and UPSTREAM_CLUSTER"));
}

void ValueFormat::AppendPart(const Part& part, const Facts& facts, std::string& out) {
  switch (part.kind) {
    case Kind::kLiteral:
      out += part.text;
      return;
    case Kind::kRequestField: {
      if (facts.request == nullptr) return;
      const std::string_view value = RequestField(*facts.request, part.text);
      out += value.empty() && !part.alternative.empty()
                 ? RequestField(*facts.request, part.alternative)
                 : value;
      return;
    }
    case Kind::kResponseField: {
      if (facts.response == nullptr) return;
      const std::string value = ResponseField(*facts.response, part.text);
      out += value.empty() && !part.alternative.empty()
                 ? ResponseField(*facts.response, part.alternative)
                 : value;
      return;
    }
    case Kind::kProtocol:
      out += http::VersionName(facts.info->version);
      return;
    case Kind::kResponseCode:
      absl::StrAppend(&out, facts.response != nullptr ? facts.response->status : 0);
      return;
    case Kind::kResponseCodeDetails:
      out += facts.info->response_code_details;
      return;
    case Kind::kRouteName:
      out += facts.info->route_name;
      return;
    case Kind::kUpstreamCluster:
      out += facts.cluster;
      return;
  }
}

std::string ValueFormat::Fill(const Facts& facts) const {
  std::string out;
  for (const Part& part : parts_) {
    const size_t begin = out.size();
    AppendPart(part, facts, out);
    if (part.max_length.has_value() && out.size() - begin > *part.max_length) {
      out.resize(begin + *part.max_length);
    }
  }
  return out;
}

}  // namespace remora::extensions
