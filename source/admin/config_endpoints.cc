#include "source/admin/endpoint_table.h"

namespace remora::admin {
namespace {

Response ConfigDump(const EndpointTable& table, const Request& request) {
  absl::StatusOr<std::string> dump = table.environment().config_dump(request.parameters);
  if (dump.ok()) return Json(*std::move(dump));
  const uint16_t status = dump.status().code() == absl::StatusCode::kNotFound ? 404 : 400;
  return {status, "text/plain", std::string(dump.status().message()), nullptr};
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
}

}  // namespace remora::admin
