#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

using explain::Explanation;
using explain::Fact;
using explain::Loser;
using explain::Origin;
using explain::Outcome;
using explain::Question;
using explain::ShownFilter;
using explain::Step;

// --- the question ---

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// With each piece of `text` between `separator`s that is not blank.
template <class Use>
void ForEachPiece(std::string_view text, char separator, const Use& use) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
    if (!Trim(piece).empty()) use(Trim(piece));
  }
}

template <class Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// An address, whose port may be left out where `needs_port` is false.
bool ReadAddress(std::string_view text, bool needs_port, std::optional<net::Address>& address) {
  absl::StatusOr<net::Address> read = net::Address::IpPort(text);
  if (!read.ok() && !needs_port) read = net::Address::Ip(text, 0);
  if (!read.ok()) return false;
  address = *std::move(read);
  return true;
}

// Empty: it was taken.
std::string SetHeaders(std::string_view text, Question& question) {
  std::string wrong;
  ForEachPiece(text, '\n', [&](std::string_view line) {
    const size_t colon = line.find(':', 1);
    if (colon == std::string_view::npos) {
      wrong = Concat("header: '", line, "' is not name:value");
      return;
    }
    question.headers.emplace_back(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
  });
  return wrong;
}

std::string Set(std::string_view name, const std::string& value, Question& question) {
  const auto wrong = [&](std::string_view what) {
    return Concat(name, ": '", value, "' is not ", what);
  };
  if (name == "listener") {
    question.listener = value;
  } else if (name == "destination") {
    if (!ReadAddress(value, true, question.destination)) return wrong("an address with a port");
  } else if (name == "source") {
    if (!ReadAddress(value, false, question.source)) return wrong("an address");
  } else if (name == "tls") {
    question.tls = value != "false" && value != "0";
  } else if (name == "sni") {
    question.server_name = value;
    question.tls = true;
  } else if (name == "alpn") {
    ForEachPiece(value, ',', [&](std::string_view protocol) {
      question.application_protocols.emplace_back(protocol);
    });
    question.tls = true;
  } else if (name == "method") {
    question.method = value;
  } else if (name == "host") {
    question.authority = value;
  } else if (name == "path") {
    if (value[0] != '/' && value[0] != '*') return wrong("a path: it begins with no /");
    question.path = value;
  } else if (name == "header") {
    return SetHeaders(value, question);
  } else if (name == "random") {
    uint64_t random = 0;
    if (!ReadNumber(value, random)) return wrong("a number");
    question.random = random;
  } else if (name == "worker") {
    if (!ReadNumber(value, question.worker)) return wrong("a number");
  } else if (name != "format") {
    return Concat(name, " is no parameter of /explain");
  }
  return {};
}

// --- as text ---

std::string_view NameOf(Origin::Type type) {
  switch (type) {
    case Origin::Type::kNone:
      break;
    case Origin::Type::kListener:
      return "listener";
    case Origin::Type::kRoutes:
      return "route configuration";
    case Origin::Type::kCluster:
      return "cluster";
    case Origin::Type::kEndpoints:
      return "endpoints of cluster";
  }
  return {};
}

// The lines of a pretty-printed value, further to the right.
void AppendJson(std::string_view name, std::string_view json, std::string& out) {
  if (json.empty()) return;
  Append(out, "     ", name, ": ");
  std::string_view margin;
  while (!json.empty()) {
    const std::string_view line = json.substr(0, json.find('\n'));
    json.remove_prefix(std::min(json.size(), line.size() + 1));
    Append(out, margin, line, "\n");
    margin = "     ";
  }
}

void AppendStep(const Step& step, std::string& out) {
  Append(out, step.what, ": ", step.chosen.empty() ? "none" : step.chosen, "\n");
  for (const Fact& fact : step.facts) Append(out, "  ", fact.name, ": ", fact.text, "\n");
  if (!step.origin.text.empty()) {
    Append(out, "  from: ", NameOf(step.origin.type), " '", step.origin.name, "' of ",
           step.origin.text, "\n");
  }
  for (const Loser& loser : step.losers) {
    Append(out, "  not ", loser.name, ": ", loser.reason, "\n");
  }
  if (step.more_losers > 0) Append(out, "  and ", step.more_losers, " more\n");
}

void AppendFilter(size_t number, const ShownFilter& filter, std::string& out) {
  Append(out, "  ", number, ". ", filter.name);
  if (!filter.type_url.empty()) Append(out, " (", filter.type_url, ")");
  Append(out, filter.runs ? "" : ": does not run", "\n");
  AppendJson("config", filter.config, out);
  if (filter.level != config::RouteLevel::kNone && filter.route_config.empty()) {
    Append(out, "     of the ", config::RouteLevelName(filter.level), ": configured there\n");
  }
  AppendJson(Concat("of the ", config::RouteLevelName(filter.level)), filter.route_config, out);
}

std::string Text(const Explanation& explanation) {
  const Outcome& outcome = explanation.outcome;
  std::string out = Concat("outcome: ", outcome.text, "\n");
  if (!outcome.forwarded && outcome.status != 0) {
    Append(out, "  status: ", uint64_t{outcome.status}, "\n  response flags: ", outcome.flags,
           "\n  response code details: ", outcome.details, "\n");
  }
  for (const Step& step : explanation.steps) {
    out += '\n';
    AppendStep(step, out);
  }
  if (explanation.filters.empty()) return out;
  out += "\nfilters, in order (each may answer or change the request):\n";
  for (size_t i = 0; i < explanation.filters.size(); ++i) {
    AppendFilter(i + 1, explanation.filters[i], out);
  }
  return out;
}

// --- as JSON ---

void WriteStep(const Step& step, JsonWriter& json) {
  json.BeginObject();
  json.StringField("step", step.what);
  if (!step.chosen.empty()) json.StringField("chosen", step.chosen);
  json.Key("facts");
  json.BeginArray();
  for (const Fact& fact : step.facts) {
    json.BeginObject();
    json.StringField("name", fact.name);
    json.StringField("value", fact.text);
    json.EndObject();
  }
  json.EndArray();
  if (!step.origin.text.empty()) {
    json.Key("resource");
    json.BeginObject();
    json.StringField("type", NameOf(step.origin.type));
    json.StringField("name", step.origin.name);
    json.StringField("from", step.origin.text);
    json.EndObject();
  }
  json.Key("not_chosen");
  json.BeginArray();
  for (const Loser& loser : step.losers) {
    json.BeginObject();
    json.StringField("name", loser.name);
    json.StringField("reason", loser.reason);
    json.EndObject();
  }
  json.EndArray();
  if (step.more_losers > 0) json.NumberField("not_named", step.more_losers);
  json.EndObject();
}

void WriteConfig(std::string_view key, std::string_view text, JsonWriter& json) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return;
  json.Key(key);
  json.Embed(text);
}

void WriteFilter(const ShownFilter& filter, JsonWriter& json) {
  json.BeginObject();
  json.StringField("name", filter.name);
  json.StringField("type_url", filter.type_url);
  json.Key("runs");
  json.Bool(filter.runs);
  WriteConfig("config", filter.config, json);
  if (filter.level != config::RouteLevel::kNone) {
    json.StringField("configured_by", config::RouteLevelName(filter.level));
  }
  WriteConfig("route_config", filter.route_config, json);
  json.EndObject();
}

std::string JsonText(const Explanation& explanation) {
  const Outcome& outcome = explanation.outcome;
  JsonWriter json;
  json.BeginObject();
  json.Key("outcome");
  json.BeginObject();
  json.Key("forwarded");
  json.Bool(outcome.forwarded);
  json.StringField("text", outcome.text);
  if (outcome.status != 0) {
    json.NumberField("status", outcome.status);
    json.StringField("response_flags", outcome.flags);
    json.StringField("response_code_details", outcome.details);
  }
  json.EndObject();
  json.Key("steps");
  json.BeginArray();
  for (const Step& step : explanation.steps) WriteStep(step, json);
  json.EndArray();
  json.Key("filters");
  json.BeginArray();
  for (const ShownFilter& filter : explanation.filters) WriteFilter(filter, json);
  json.EndArray();
  json.EndObject();
  return json.TakeText() + "\n";
}

Response Show(const absl::StatusOr<Explanation>& explanation, bool json) {
  if (explanation.ok())
    return json ? Json(JsonText(*explanation)) : admin::Text(Text(*explanation));
  const bool wrong = explanation.status().code() == absl::StatusCode::kInvalidArgument;
  return Error(wrong ? 400 : 503, Concat(std::string(explanation.status().message()), "\n"));
}

Response Explain(const EndpointTable& table, const Request& request) {
  const size_t query = request.target.find('?');
  const Parameters parameters =
      query == std::string::npos
          ? request.parameters
          : ParseParameters(std::string_view(request.target).substr(query + 1), true);
  Question question;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;  // a form names all of them
    const std::string wrong = Set(name, value, question);
    if (!wrong.empty()) return Error(400, Concat(wrong, "\n"));
  }
  if (!table.environment().explain) return Error(503, "nobody is there to ask\n");
  const std::string* format = FindParameter(parameters, "format");
  const bool json = format != nullptr && *format == "json";
  Response response;
  response.later = std::make_shared<LaterResponse>();
  table.environment().explain(question, [later = response.later, json](const auto& explanation) {
    later->Set(Show(explanation, json));
  });
  return response;
}

}  // namespace

void AddExplainEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back(
      {"/explain",
       "print where a request would go now, and why: nothing is sent and nothing changes",
       &Explain,
       false,
       {{Kind::kText, "listener", "The listener's name, address or port"},
        {Kind::kText, "destination", "Where the client wants to go (ip:port), if redirected"},
        {Kind::kText, "source", "The client's address (127.0.0.1)"},
        {Kind::kFlag, "tls", "The client speaks TLS"},
        {Kind::kText, "sni", "The server name that it asks for"},
        {Kind::kText, "alpn", "The protocols that it offers, separated by commas"},
        {Kind::kText, "method", "The request's method (GET)"},
        {Kind::kText, "host", "Its host (where it wants to go)"},
        {Kind::kText, "path", "Its path with the query (/)"},
        {Kind::kLines, "header", "Its header fields, name:value, one a line"},
        {Kind::kText, "random", "A number in the place of chance"},
        {Kind::kText, "worker", "Whose view (0)"},
        {Kind::kChoice, "format", "The format of the output", {"text", "json"}}}});
}

}  // namespace remora::admin
