#include "examples/control_plane/api.h"

#include <vector>

#include "absl/strings/str_split.h"
#include "examples/control_plane/table_text.h"
#include "source/config/text.h"
#include "source/net/address.h"

namespace remora::control_plane {
namespace {

using config::Concat;

ApiResponse Refuse(int status, const std::string& reason) {
  v1::Fault fault;
  fault.set_reason(reason);
  return {status, ToJson(fault, Defaults::kLeftOut), ""};
}

ApiResponse Refuse(const absl::Status& status) {
  const std::string reason(status.message());
  if (absl::IsNotFound(status)) return Refuse(404, reason);
  return Refuse(absl::IsInvalidArgument(status) ? 400 : 500, reason);
}

ApiResponse RefuseMethod(std::string_view method, const std::string& allow) {
  ApiResponse response = Refuse(405, Concat(method, " is not for this path"));
  response.allow = allow;
  return response;
}

ApiResponse Show(int status, const google::protobuf::Message& message,
                 Defaults defaults = Defaults::kLeftOut) {
  return {status, ToJson(message, defaults), ""};
}

}  // namespace

ApiResponse Api::Handle(std::string_view method, std::string_view path, const std::string& body) {
  path = path.substr(0, path.find('?'));
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::vector<std::string> parts = absl::StrSplit(config::ToAbsl(path), '/');
  if (parts.size() == 1 && parts[0] == "sidecars") {
    if (method != "GET") return RefuseMethod(method, "GET");
    return Show(200, describe_(), Defaults::kPrinted);
  }
  if (parts[0] == "routes") {
    if (parts.size() == 1) {
      if (method != "GET") return RefuseMethod(method, "GET");
      return Show(200, table_.ToMessage());
    }
    if (parts.size() == 2) return HandleRoute(method, parts[1], body);
    if (parts.size() == 4 && parts[2] == "instances") {
      return HandleInstance(method, parts[1], parts[3], body);
    }
  }
  return Refuse(404, Concat("there is no /", path,
                            "; there are /routes, /routes/NAME, "
                            "/routes/NAME/instances/ADDRESS:PORT and /sidecars"));
}

ApiResponse Api::HandleRoute(std::string_view method, std::string_view name,
                             const std::string& body) {
  const v1::Route* const found = table_.Find(name);
  if (method == "GET") {
    if (found != nullptr) return Show(200, *found);
    return Refuse(404, Concat("there is no route \"", name, "\""));
  }
  if (method == "DELETE") {
    const absl::Status status = Change([&](RouteTable& table) { return table.Remove(name); });
    return status.ok() ? ApiResponse{204, "", ""} : Refuse(status);
  }
  if (method != "PUT") return RefuseMethod(method, "GET, PUT, DELETE");
  v1::Route route;
  absl::Status status = ReadBody(body, route);
  if (!status.ok()) return Refuse(status);
  if (!route.name().empty() && route.name() != name) {
    return Refuse(
        400, Concat("the body is about \"", route.name(), "\", the path about \"", name, "\""));
  }
  route.set_name(std::string(name));
  const int made = found == nullptr ? 201 : 200;
  status = Change([&](RouteTable& table) { return table.Put(route); });
  return status.ok() ? Show(made, *table_.Find(name)) : Refuse(status);
}

ApiResponse Api::HandleInstance(std::string_view method, std::string_view route,
                                std::string_view endpoint, const std::string& body) {
  if (method == "DELETE") {
    const absl::Status status =
        Change([&](RouteTable& table) { return table.RemoveInstance(route, endpoint); });
    return status.ok() ? ApiResponse{204, "", ""} : Refuse(status);
  }
  if (method != "PUT") return RefuseMethod(method, "PUT, DELETE");
  const auto address = net::Address::IpPort(endpoint);
  if (!address.ok() || address->port() == 0) {
    return Refuse(400, Concat("\"", endpoint, "\" is no ADDRESS:PORT"));
  }
  v1::InstanceSettings settings;
  absl::Status status = ReadBody(body, settings);
  if (!status.ok()) return Refuse(status);
  v1::Instance instance;
  instance.set_address(address->IpString());
  instance.set_port(address->port());
  if (settings.has_weight()) *instance.mutable_weight() = settings.weight();
  status = Change([&](RouteTable& table) { return table.PutInstance(route, instance); });
  return status.ok() ? Show(200, *table_.Find(route)) : Refuse(status);
}

absl::Status Api::Change(const std::function<absl::Status(RouteTable&)>& change) {
  RouteTable changed = table_;
  absl::Status status = change(changed);
  if (status.ok()) status = commit_(changed);
  if (status.ok()) table_ = std::move(changed);
  return status;
}

}  // namespace remora::control_plane
