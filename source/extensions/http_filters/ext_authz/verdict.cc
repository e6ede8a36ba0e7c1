#include "source/extensions/http_filters/ext_authz/verdict.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "source/config/format_config.h"
#include "source/http/request_part.h"

namespace remora::extensions {
namespace {

namespace auth = envoy::service::auth::v3;
using Action = FieldChange::Action;
using Option = envoy::config::core::v3::HeaderValueOption;
using Options = google::protobuf::RepeatedPtrField<Option>;

// --- reading

FieldChange ChangeOf(const Option& option, Action action) {
  return {absl::AsciiStrToLower(option.header().key()), option.header().value(), action};
}

// The deprecated `append` alone counts, and what it joins to is what all the others have left.
std::vector<FieldChange> ReadRequestFields(const Options& options) {
  std::vector<FieldChange> changes;
  for (const bool joins : {false, true}) {
    for (const Option& option : options) {
      if (option.append().value() != joins) continue;
      changes.push_back(ChangeOf(option, joins ? Action::kJoin : Action::kSet));
    }
  }
  return changes;
}

std::optional<Action> ResponseActionOf(const Option& option) {
  if (option.has_append()) return option.append().value() ? Action::kAdd : Action::kSet;
  switch (option.append_action()) {
    case Option::APPEND_IF_EXISTS_OR_ADD:
      return Action::kAdd;
    case Option::ADD_IF_ABSENT:
      return Action::kAddIfAbsent;
    case Option::OVERWRITE_IF_EXISTS_OR_ADD:
      return Action::kSet;
    case Option::OVERWRITE_IF_EXISTS:
      return Action::kSetIfPresent;
    default:
      return std::nullopt;
  }
}

// By action, as Envoy makes them.
std::vector<FieldChange> ReadResponseFields(const Options& options, bool& bad_value) {
  std::vector<FieldChange> changes;
  for (const Action action :
       {Action::kAdd, Action::kSet, Action::kAddIfAbsent, Action::kSetIfPresent}) {
    for (const Option& option : options) {
      const std::optional<Action> asked = ResponseActionOf(option);
      if (!asked.has_value()) bad_value = true;
      if (asked == action) changes.push_back(ChangeOf(option, action));
    }
  }
  return changes;
}

// Whatever the action, but not what is to be joined to others: there are none.
void ReadReplyFields(const Options& options, Verdict& verdict) {
  for (const Option& option : options) {
    if (option.append().value()) continue;
    verdict.reply_fields.emplace_back(absl::AsciiStrToLower(option.header().key()),
                                      option.header().value());
  }
}

void ReadReply(const auth::DeniedHttpResponse& reply, Verdict& verdict) {
  const int status = reply.status().code();
  if (status >= 200 && status <= 599) {
    verdict.status = static_cast<uint16_t>(status);
  } else {
    verdict.bad_value = status != 0;
  }
  verdict.body = reply.body();
  ReadReplyFields(reply.headers(), verdict);
}

void ReadAllowed(const auth::OkHttpResponse& allowed, Verdict& verdict) {
  verdict.request_fields = ReadRequestFields(allowed.headers());
  verdict.response_fields =
      ReadResponseFields(allowed.response_headers_to_add(), verdict.bad_value);
  for (const std::string& name : allowed.headers_to_remove()) {
    verdict.remove_fields.push_back(absl::AsciiStrToLower(name));
  }
  for (const auto& parameter : allowed.query_parameters_to_set()) {
    verdict.set_parameters.emplace_back(parameter.key(), parameter.value());
  }
  verdict.remove_parameters.assign(allowed.query_parameters_to_remove().begin(),
                                   allowed.query_parameters_to_remove().end());
}

// --- validity

bool IsValidField(std::string_view name, std::string_view value) {
  return (http::IsValidHeaderName(name) || http::FindRequestPart(name).has_value()) &&
         http::IsValidHeaderValue(value);
}

// Fit to stand in a query as it is.
bool IsValidParameter(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '&' && c != '=' && c != '#';
  });
}

// --- changing

void Join(const FieldChange& change, http::HeaderMap& headers) {
  std::vector<std::string> values;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() == change.name) values.emplace_back(entry.value());
  });
  // As in Envoy: nothing is joined to what is not there.
  if (values.empty()) return;
  values.front() += "," + change.value;
  if (!headers.Set(change.name, values.front())) return;
  for (size_t i = 1; i < values.size(); ++i) headers.Add(change.name, values[i]);
}

void ApplyOne(const FieldChange& change, http::HeaderMap& headers) {
  const bool present = headers.Find(change.name) != nullptr;
  switch (change.action) {
    case Action::kAdd:
      headers.Add(change.name, change.value);
      break;
    case Action::kAddIfAbsent:
      if (!present) headers.Add(change.name, change.value);
      break;
    case Action::kSet:
      headers.Set(change.name, change.value);
      break;
    case Action::kSetIfPresent:
      if (present) headers.Set(change.name, change.value);
      break;
    case Action::kJoin:
      Join(change, headers);
      break;
  }
}

// --- the query: parameters come out grouped by name, names in order, as Envoy writes them

using Parameters = std::map<std::string, std::vector<std::string>, std::less<>>;

Parameters SplitQuery(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    parameters[std::string(pair.substr(0, equals))].emplace_back(value);
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return parameters;
}

void ApplyParameters(const Verdict& verdict, http::RequestHead& head) {
  if (verdict.set_parameters.empty() && verdict.remove_parameters.empty()) return;
  const size_t question = std::min(head.path.find('?'), head.path.size());
  Parameters parameters = SplitQuery(head.path.substr(std::min(question + 1, head.path.size())));
  for (const auto& [name, value] : verdict.set_parameters) {
    if (IsValidParameter(name) && IsValidParameter(value)) parameters[name] = {value};
  }
  for (const std::string& name : verdict.remove_parameters) parameters.erase(name);
  std::string path(head.path.substr(0, question));
  char separator = '?';
  for (const auto& [name, values] : parameters) {
    for (const std::string& value : values) {
      path += std::exchange(separator, '&');
      path += name;
      path += '=';
      path += value;
    }
  }
  head.path = head.arena().Copy(path);
}

}  // namespace

std::optional<Verdict> ReadVerdict(std::string_view message) {
  auth::CheckResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return std::nullopt;
  }
  Verdict verdict;
  if (response.status().code() == 0) {
    verdict.kind = Verdict::Kind::kAllowed;
    ReadAllowed(response.ok_response(), verdict);
  } else if (response.has_error_response()) {
    verdict.kind = Verdict::Kind::kFailed;
    ReadReply(response.error_response(), verdict);
  } else {
    verdict.kind = Verdict::Kind::kDenied;
    ReadReply(response.denied_response(), verdict);
  }
  const bool own = response.ok_response().has_dynamic_metadata();
  const auto& metadata =
      own ? response.ok_response().dynamic_metadata() : response.dynamic_metadata();
  if (!metadata.fields().empty()) verdict.metadata = config::ToMetadataValue(metadata);
  return verdict;
}

bool IsValid(const Verdict& verdict) {
  const auto valid = [](const std::vector<FieldChange>& changes) {
    return std::all_of(changes.begin(), changes.end(), [](const FieldChange& change) {
      return IsValidField(change.name, change.value);
    });
  };
  return !verdict.bad_value && valid(verdict.request_fields) && valid(verdict.response_fields) &&
         std::all_of(verdict.reply_fields.begin(), verdict.reply_fields.end(),
                     [](const auto& field) { return IsValidField(field.first, field.second); }) &&
         std::all_of(verdict.set_parameters.begin(), verdict.set_parameters.end(),
                     [](const auto& parameter) {
                       return IsValidParameter(parameter.first) &&
                              IsValidParameter(parameter.second);
                     });
}

bool ChangesRequest(const Verdict& verdict) {
  return !verdict.request_fields.empty() || !verdict.remove_fields.empty() ||
         !verdict.set_parameters.empty() || !verdict.remove_parameters.empty();
}

void ApplyToRequest(const Verdict& verdict, http::RequestHead& head) {
  for (const FieldChange& change : verdict.request_fields) {
    const std::optional<http::RequestPart> part = http::FindRequestPart(change.name);
    if (!part.has_value()) {
      ApplyOne(change, head.headers);
    } else if (change.action == Action::kSet || change.action == Action::kSetIfPresent) {
      // All of them are always there, and what is not valid is left out.
      http::SetPart(head, *part, change.value);
    }
  }
  // Names of parts of the request line are none of fields: those stay.
  for (const std::string& name : verdict.remove_fields) head.headers.Remove(name);
  ApplyParameters(verdict, head);
}

void ApplyChanges(const std::vector<FieldChange>& changes, http::HeaderMap& headers) {
  for (const FieldChange& change : changes) ApplyOne(change, headers);
}

}  // namespace remora::extensions
