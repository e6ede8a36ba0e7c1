#include "source/extensions/http_filters/header_mutation/mutations.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "source/base/check.h"

namespace remora::extensions {
namespace {

using http::HeaderMap;

// What to do with a value when the name is there (or not): nothing, add one, or replace all.
enum class Step : uint8_t { kNothing, kAdd, kReplace };

Step StepFor(AppendAction action, bool exists) {
  switch (action) {
    case AppendAction::kAppendIfExistsOrAdd:
      return Step::kAdd;
    case AppendAction::kAddIfAbsent:
      return exists ? Step::kNothing : Step::kAdd;
    case AppendAction::kOverwriteIfExistsOrAdd:
      return Step::kReplace;
    case AppendAction::kOverwriteIfExists:
      return exists ? Step::kReplace : Step::kNothing;
  }
  return Step::kNothing;
}

void Apply(const RemoveField& mutation, const ValueFormat::Facts&, HeaderMap& headers) {
  headers.Remove(mutation.name);
}

void Apply(const RemoveMatchingFields& mutation, const ValueFormat::Facts&, HeaderMap& headers) {
  std::vector<std::string> names;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (mutation.name_matches(entry.name())) names.emplace_back(entry.name());
  });
  for (const std::string& name : names) headers.Remove(name);
}

void Apply(const AddField& mutation, const ValueFormat::Facts& facts, HeaderMap& headers) {
  const std::string value = mutation.value.Fill(facts);
  if (value.empty() && !mutation.keep_empty) return;
  bool valid = true;
  switch (StepFor(mutation.action, headers.Find(mutation.name) != nullptr)) {
    case Step::kNothing:
      break;
    case Step::kAdd:
      valid = headers.Add(mutation.name, value);
      break;
    case Step::kReplace:
      valid = headers.Set(mutation.name, value);
      break;
  }
  // Literals were checked at load, what operators give was checked by the codecs.
  DCHECK(valid);
}

// RFC 3986 section 2.3: everything but unreserved bytes.
std::string PercentEncode(std::string_view text, bool (*keep)(char)) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (keep(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
         c == '~';
}
// Names go out as they are written, but for what would break the request line or the query.
bool IsFitForName(char c) {
  return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '&' && c != '=' && c != '#';
}

using Parameters = std::map<std::string, std::vector<std::string>, std::less<>>;

Parameters Split(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    parameters[std::string(pair.substr(0, equals))].emplace_back(value);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return parameters;
}

void Apply(const RemoveParameter& mutation, const ValueFormat::Facts&, Parameters& parameters) {
  parameters.erase(mutation.name);
}

void Apply(const AddParameter& mutation, const ValueFormat::Facts& facts, Parameters& parameters) {
  const auto found = parameters.find(mutation.name);
  const Step step = StepFor(mutation.action, found != parameters.end());
  if (step == Step::kNothing) return;
  std::vector<std::string>& values = parameters[mutation.name];
  if (step == Step::kReplace) values.clear();
  values.push_back(PercentEncode(mutation.value.Fill(facts), &IsUnreserved));
}

}  // namespace

void ApplyFieldMutations(const std::vector<FieldMutation>& mutations,
                         const ValueFormat::Facts& facts, http::HeaderMap& headers) {
  for (const FieldMutation& mutation : mutations) {
    std::visit([&](const auto& kind) { Apply(kind, facts, headers); }, mutation);
  }
}

std::string ApplyParameterMutations(const std::vector<ParameterMutation>& mutations,
                                    const ValueFormat::Facts& facts, std::string_view path) {
  const size_t question = path.find('?');
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : path.substr(question + 1);
  Parameters parameters = Split(query);
  for (const ParameterMutation& mutation : mutations) {
    std::visit([&](const auto& kind) { Apply(kind, facts, parameters); }, mutation);
  }
  std::string out(path.substr(0, question));
  char separator = '?';
  for (const auto& [name, values] : parameters) {
    for (const std::string& value : values) {
      out += std::exchange(separator, '&');
      out += PercentEncode(name, &IsFitForName);
      out += '=';
      out += value;
    }
  }
  return out;
}

}  // namespace remora::extensions
