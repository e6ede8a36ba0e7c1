#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_address.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

std::string ListenersText(const std::vector<ListenerStatus>& listeners) {
  std::string text;
  for (const ListenerStatus& listener : listeners) {
    for (const net::Address& address : listener.addresses) {
      Append(text, listener.name, "::", address.ToString(), "\n");
    }
  }
  return text;
}

void WriteListener(const ListenerStatus& listener, JsonWriter& json) {
  json.BeginObject();
  json.StringField("name", listener.name);
  if (!listener.addresses.empty()) {
    json.Key("local_address");
    WriteAddress(listener.addresses.front(), json);
  }
  if (listener.addresses.size() > 1) {
    json.Key("additional_local_addresses");
    json.BeginArray();
    for (size_t i = 1; i < listener.addresses.size(); ++i) {
      WriteAddress(listener.addresses[i], json);
    }
    json.EndArray();
  }
  json.EndObject();
}

// envoy.admin.v3.Listeners.
std::string ListenersJson(const std::vector<ListenerStatus>& listeners) {
  JsonWriter json;
  json.BeginObject();
  if (!listeners.empty()) {
    json.Key("listener_statuses");
    json.BeginArray();
    for (const ListenerStatus& listener : listeners) WriteListener(listener, json);
    json.EndArray();
  }
  json.EndObject();
  return json.TakeText() + "\n";
}

Response Listeners(const EndpointTable& table, const Request& request) {
  const std::vector<ListenerStatus> listeners = table.environment().listeners();
  const std::string* format = FindParameter(request.parameters, "format");
  if (format != nullptr && *format == "json") return Json(ListenersJson(listeners));
  return Text(ListenersText(listeners));
}

}  // namespace

void AddListenerEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back(
      {"/listeners",
       "print listener info",
       &Listeners,
       false,
       {{Parameter::Kind::kChoice, "format", "File format to use", {"text", "json"}}}});
}

}  // namespace remora::admin
