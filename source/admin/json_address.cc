#include "source/admin/json_address.h"

namespace remora::admin {

void WriteAddress(const net::Address& address, JsonWriter& json) {
  json.BeginObject();
  if (address.is_ip()) {
    json.Key("socket_address");
    json.BeginObject();
    json.StringField("address", address.IpString());
    json.NumberField("port_value", address.port());
    json.EndObject();
  } else if (address.kind() == net::Address::Kind::kUnix) {
    json.Key("pipe");
    json.BeginObject();
    json.StringField("path", address.path());
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace remora::admin
