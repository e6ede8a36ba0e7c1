#include <algorithm>

#include "source/admin/endpoint_table.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

constexpr std::string_view kUsage =
    "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
    "       or send the parameters as form values\n"
    "use an empty value to remove a previously added override";

std::string_view TextIn(const runtime::Snapshot::Layer& layer, std::string_view key) {
  const auto found = layer.values.find(absl::string_view(key.data(), key.size()));
  return found == layer.values.end() ? std::string_view() : std::string_view(found->second.text);
}

void WriteEntry(const runtime::Snapshot& snapshot, std::string_view key, JsonWriter& json) {
  json.Key(key);
  json.BeginObject();
  json.StringField("final_value", snapshot.Find(key)->text);
  json.Key("layer_values");
  json.BeginArray();
  for (const runtime::Snapshot::Layer& layer : snapshot.layers()) json.String(TextIn(layer, key));
  json.EndArray();
  json.EndObject();
}

Response Runtime(const EndpointTable& table, const Request&) {
  const std::shared_ptr<const runtime::Snapshot> snapshot = table.environment().runtime();
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : snapshot->values()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  JsonWriter json;
  json.BeginObject();
  json.Key("layers");
  json.BeginArray();
  for (const runtime::Snapshot::Layer& layer : snapshot->layers()) json.String(layer.name);
  json.EndArray();
  json.Key("entries");
  json.BeginObject();
  for (const std::string_view key : keys) WriteEntry(*snapshot, key, json);
  json.EndObject();
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

Response ModifyRuntime(const EndpointTable& table, const Request& request) {
  if (request.parameters.empty()) return Error(400, std::string(kUsage));
  const absl::Status status = table.environment().modify_runtime(request.parameters);
  return status.ok() ? Text("OK\n") : Error(503, std::string(status.message()));
}

}  // namespace

void AddRuntimeEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back({"/runtime", "print runtime values", &Runtime});
  endpoints.push_back(
      {"/runtime_modify",
       "Adds or modifies runtime values as passed in query parameters. To delete a previously "
       "added key, use an empty string as the value. Note that deletion only applies to overrides "
       "added via this endpoint; values loaded from disk can be modified via override but not "
       "deleted. E.g. ?key1=value1&key2=value2...",
       &ModifyRuntime, true});
}

}  // namespace remora::admin
