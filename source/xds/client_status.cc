#include "source/xds/client_status.h"

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "google/protobuf/util/time_util.h"
#include "source/config/redact.h"
#include "source/event/clock.h"

namespace remora::xds {
namespace {

namespace admin = envoy::admin::v3;
using envoy::service::status::v3::ClientConfig;
using envoy::service::status::v3::ClientStatusResponse;
using google::protobuf::Timestamp;

// In milliseconds, as everywhere on the admin interface.
Timestamp ToTimestamp(int64_t wall) {
  return google::protobuf::util::TimeUtil::MillisecondsToTimestamp(wall / event::kMillisecond);
}

admin::ClientResourceStatus StatusOf(ResourceStatus::State state) {
  switch (state) {
    case ResourceStatus::State::kRequested:
      return admin::REQUESTED;
    case ResourceStatus::State::kMissing:
      return admin::DOES_NOT_EXIST;
    case ResourceStatus::State::kTaken:
      return admin::ACKED;
    case ResourceStatus::State::kRefused:
      return admin::NACKED;
  }
  return admin::UNKNOWN;
}

void Set(const ResourceStatus& resource, bool with_contents, ClientConfig::GenericXdsConfig& out) {
  const std::string url(TypeUrl(resource.type));
  out.set_type_url(url);
  out.set_name(resource.name);
  out.set_version_info(resource.version);
  if (with_contents && resource.bytes != nullptr) {
    out.mutable_xds_config()->set_type_url(url);
    out.mutable_xds_config()->set_value(*resource.bytes);
  }
  if (resource.taken_at != 0) *out.mutable_last_updated() = ToTimestamp(resource.taken_at);
  out.set_client_status(StatusOf(resource.state));
  if (!resource.refusal.has_value()) return;
  admin::UpdateFailureState& error = *out.mutable_error_state();
  *error.mutable_last_update_attempt() = ToTimestamp(resource.refusal->at);
  error.set_details(resource.refusal->message);
  error.set_version_info(resource.refusal->version);
}

}  // namespace

std::string ClientStatus(std::string_view node, const std::vector<ResourceStatus>& resources,
                         const ClientStatusQuery& query) {
  ClientStatusResponse response;
  ClientConfig& client = *response.add_config();
  // Bytes that we have made ourselves, of a message that we have read.
  client.mutable_node()->ParseFromString(std::string(node));
  for (const ResourceStatus& resource : resources) {
    Set(resource, !query.without_contents, *client.add_generic_xds_configs());
  }
  config::Redact(response);
  return query.binary ? response.SerializeAsString() : config::ToJson(response);
}

}  // namespace remora::xds
