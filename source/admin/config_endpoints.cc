#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

Response ConfigDump(const EndpointTable& table, const Request& request) {
  absl::StatusOr<std::string> dump = table.environment().config_dump(request.parameters);
  if (dump.ok()) return Json(*std::move(dump));
  const uint16_t status = dump.status().code() == absl::StatusCode::kNotFound ? 404 : 400;
  return {status, "text/plain", std::string(dump.status().message()), nullptr};
}

void WriteNames(std::string_view key, const JournalEntry::Names& names, JsonWriter& json) {
  if (names.count == 0) return;
  json.Key(key);
  json.BeginObject();
  json.NumberField("count", names.count);
  json.Key("names");
  json.BeginArray();
  for (const std::string& name : names.names) json.String(name);
  json.EndArray();
  json.EndObject();
}

void WriteEntry(const JournalEntry& entry, JsonWriter& json) {
  json.BeginObject();
  const absl::Time at = absl::FromUnixNanos(entry.at);
  json.StringField("time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone()));
  json.StringField("type", entry.type);
  json.StringField("version", entry.version);
  if (entry.from_snapshot) json.StringField("source", "snapshot");
  json.StringField("milliseconds",
                   absl::StrFormat("%.3f", static_cast<double>(entry.took) / event::kMillisecond));
  WriteNames("added", entry.added, json);
  WriteNames("changed", entry.changed, json);
  WriteNames("removed", entry.removed, json);
  if (!entry.refused.empty()) {
    json.Key("refused");
    json.BeginArray();
    for (const JournalEntry::Refusal& refusal : entry.refused) {
      json.BeginObject();
      json.StringField("name", refusal.name);
      json.StringField("reason", refusal.reason);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

Response ConfigJournal(const EndpointTable& table, const Request&) {
  JsonWriter json;
  json.BeginObject();
  json.Key("updates");
  json.BeginArray();
  const auto& journal = table.environment().journal;
  if (journal != nullptr) {
    for (const JournalEntry& entry : journal()) WriteEntry(entry, json);
  }
  json.EndArray();
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

constexpr std::string_view kProtobuf = "application/x-protobuf";

Response ClientStatus(const EndpointTable& table, const Request& request) {
  const std::string* format = FindParameter(request.parameters, "format");
  if (format != nullptr && *format != "json" && *format != "binary") {
    return Error(400, "usage: /client_status?format=json|binary\n");
  }
  ClientStatusRequest asked;
  asked.binary = format != nullptr && *format == "binary";
  asked.without_contents =
      FindParameter(request.parameters, "exclude_resource_contents") != nullptr;
  const auto& client_status = table.environment().client_status;
  std::string body = asked.binary ? "" : "{}\n";
  if (client_status) body = client_status(asked);
  return {200, asked.binary ? kProtobuf : kJson, std::move(body), nullptr};
}

}  // namespace

void AddConfigEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back(
      {"/config_dump",
       "dump current Envoy configs",
       &ConfigDump,
       false,
       {{Kind::kText, "resource", "The resource to dump"},
        {Kind::kText, "mask",
         "The mask to apply. When both resource and mask are specified, the mask is applied to "
         "every element in the desired repeated field so that only a subset of fields are "
         "returned. The mask is parsed as a Protobuf::FieldMask"},
        {Kind::kText, "name_regex",
         "Dump only the currently loaded configurations whose names match the specified regex. "
         "Can be used with both resource and mask query parameters."},
        {Kind::kFlag, "include_eds",
         "Dump currently loaded configuration including EDS. See the response definition for more "
         "information"}}});
  endpoints.push_back(
      {"/client_status",
       "print what has become of each resource of a source, as a ClientStatusResponse",
       &ClientStatus,
       false,
       {{Kind::kChoice, "format", "The format of the output", {"json", "binary"}},
        {Kind::kFlag, "exclude_resource_contents", "Leave out the resources themselves"}}});
  endpoints.push_back({"/config_journal",
                       "print the last updates of resources, and what was refused",
                       &ConfigJournal,
                       false,
                       {}});
}

}  // namespace remora::admin
