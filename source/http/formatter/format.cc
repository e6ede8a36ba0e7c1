#include "source/http/formatter/format.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/http/escape.h"
#include "source/http/formatter/operator.h"

namespace remora::formatter {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

bool IsNameByte(char c) {
  return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
}

OperatorText ReadOperator(std::string_view text) {
  OperatorText found;
  size_t at = 1;
  while (at < text.size() && IsNameByte(text[at])) ++at;
  found.name = text.substr(1, at - 1);
  if (found.name.empty()) return {};
  if (at < text.size() && text[at] == '(') {
    const size_t close = text.find(')', at);
    if (close == std::string_view::npos) return {};
    found.arguments = text.substr(at + 1, close - at - 1);
    at = close + 1;
  }
  if (at < text.size() && text[at] == ':') {
    const size_t begin = ++at;
    while (at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) ++at;
    uint64_t length;
    if (!absl::SimpleAtoi(ToAbsl(text.substr(begin, at - begin)), &length)) return {};
    found.length = length;
  }
  if (at >= text.size() || text[at] != '%') return {};
  found.size = at + 1;
  return found;
}

// Adds `text` to the literal that ends `parts`, or a new one.
void AddLiteral(std::string_view text, std::vector<Operator>& parts) {
  if (parts.empty() || parts.back().append != nullptr) parts.emplace_back();
  parts.back().text += text;
}

}  // namespace

std::string_view LogTypeName(LogType type) {
  switch (type) {
    case LogType::kNotSet:
      return "NotSet";
    case LogType::kTcpConnectionStart:
      return "TcpConnectionStart";
    case LogType::kTcpUpstreamConnected:
      return "TcpUpstreamConnected";
    case LogType::kTcpPeriodic:
      return "TcpPeriodic";
    case LogType::kTcpConnectionEnd:
      return "TcpConnectionEnd";
    case LogType::kDownstreamStart:
      return "DownstreamStart";
    case LogType::kDownstreamPeriodic:
      return "DownstreamPeriodic";
    case LogType::kDownstreamEnd:
      return "DownstreamEnd";
    case LogType::kUpstreamPoolReady:
      return "UpstreamPoolReady";
    case LogType::kUpstreamEnd:
      return "UpstreamEnd";
    case LogType::kUpstreamPeriodic:
      return "UpstreamPeriodic";
    case LogType::kDownstreamTunnelSuccessfullyEstablished:
      return "DownstreamTunnelSuccessfullyEstablished";
  }
  return "NotSet";
}

Format::Format() = default;
Format::Format(Format&&) noexcept = default;
Format& Format::operator=(Format&&) noexcept = default;
Format::~Format() = default;

Format Format::Literal(std::string text) {
  Format format;
  format.parts_.emplace_back();
  format.parts_.back().text = std::move(text);
  return format;
}

absl::StatusOr<Format> Format::Parse(std::string_view text, const Options& options) {
  Format format;
  format.omit_empty_ = options.omit_empty;
  format.escape_controls_ = options.escape_controls;
  for (size_t at = 0; at < text.size();) {
    const size_t percent = std::min(text.find('%', at), text.size());
    if (percent > at) AddLiteral(text.substr(at, percent - at), format.parts_);
    at = percent;
    if (at == text.size()) break;
    if (text.substr(at, 2) == "%%") {
      AddLiteral("%", format.parts_);
      at += 2;
      continue;
    }
    const OperatorText found = ReadOperator(text.substr(at));
    if (found.size == 0) {
      return absl::InvalidArgumentError(absl::StrCat("Incorrect configuration: ", ToAbsl(text),
                                                     ". Couldn't find valid command at position ",
                                                     at));
    }
    absl::StatusOr<Operator> part = MakeOperator(found, options);
    if (!part.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(part.status().message(), " (at position ", at, " of the format)"));
    }
    if (part->append == nullptr) {
      AddLiteral(part->text, format.parts_);
    } else {
      format.parts_.push_back(*std::move(part));
    }
    at += found.size;
  }
  if (format.parts_.empty()) format.parts_.emplace_back();
  return format;
}

const std::string* Format::constant() const {
  return parts_.size() == 1 && parts_[0].append == nullptr ? &parts_[0].text : nullptr;
}

bool Format::single() const { return parts_.size() == 1 && parts_[0].append != nullptr; }

bool Format::AppendPart(const Operator& part, std::string& out, const Exchange& exchange) const {
  const size_t begin = out.size();
  if (!part.append(part, exchange, out)) return false;
  if (out.size() - begin > part.max_length) out.resize(begin + part.max_length);
  return true;
}

void Format::AppendTo(std::string& out, const Exchange& exchange) const {
  for (const Operator& part : parts_) {
    if (part.append == nullptr) {
      out += part.text;
      continue;
    }
    const size_t begin = out.size();
    if (!AppendPart(part, out, exchange)) {
      if (!omit_empty_) out += '-';
    } else if (part.from_peer && escape_controls_) {
      http::EscapeControls(out, begin);
    }
  }
}

bool Format::AppendValueTo(std::string& out, const Exchange& exchange) const {
  if (!single()) {
    AppendTo(out, exchange);
    return true;
  }
  const size_t begin = out.size();
  if (!AppendPart(parts_[0], out, exchange)) return false;
  if (parts_[0].from_peer && escape_controls_) http::EscapeControls(out, begin);
  return true;
}

bool Format::AppendJsonTo(std::string& out, const Exchange& exchange) const {
  const size_t begin = out.size();
  const Operator& first = parts_[0];
  if (single() && (first.number || first.append_json != nullptr)) {
    const bool found =
        first.number ? AppendPart(first, out, exchange) : first.append_json(first, exchange, out);
    if (!found) out += "null";
    return found;
  }
  out += '"';
  for (const Operator& part : parts_) {
    const size_t at = out.size();
    if (part.append == nullptr) {
      out += part.text;
    } else if (!AppendPart(part, out, exchange)) {
      if (single()) {
        out.resize(begin);
        out += "null";
        return false;
      }
      if (!omit_empty_) out += '-';
      continue;
    }
    http::EscapeJson(out, at);
  }
  out += '"';
  return true;
}

}  // namespace remora::formatter
