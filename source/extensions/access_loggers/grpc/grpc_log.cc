#include "source/extensions/access_loggers/grpc/grpc_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "envoy/service/accesslog/v3/als.pb.h"
#include "source/config/extension_values.h"
#include "source/config/grpc_service_config.h"

namespace remora::extensions {
namespace {

namespace proto = envoy::extensions::access_loggers::grpc::v3;
using envoy::service::accesslog::v3::StreamAccessLogsMessage;

std::string IdentifierOf(const std::string& log_name, const config::ConfigContext& context) {
  StreamAccessLogsMessage message;
  message.mutable_identifier()->set_log_name(log_name);
  message.mutable_identifier()->mutable_node()->ParseFromString(config::NodeOf(context));
  return message.SerializeAsString();
}

std::vector<std::string> LowerNames(const config::Repeated<std::string>& names) {
  std::vector<std::string> lower;
  for (const std::string& name : names) lower.push_back(absl::AsciiStrToLower(name));
  return lower;
}

std::shared_ptr<const access_log::ServiceLog> ParseCommon(
    const proto::CommonGrpcAccessLogConfig& common, bool tcp, RecordFields fields,
    config::ConfigContext& context) {
  std::optional<grpc::Service> service =
      config::ParseGrpcService(common.grpc_service(), "common_config.grpc_service", context);
  if (!service.has_value()) return nullptr;
  GrpcLogSettings settings;
  settings.service = *std::move(service);
  if (common.grpc_service().has_timeout()) {
    context.AddWarning("common_config.grpc_service.timeout",
                       "the stream of an access log has no end: accepted without effect");
    settings.service.timeout = 0;
  }
  // Its answers are empty.
  settings.service.max_message_bytes =
      std::min<uint64_t>(settings.service.max_message_bytes, 64 * 1024);
  settings.identifier = IdentifierOf(common.log_name(), context);
  settings.tcp = tcp;
  if (common.has_buffer_flush_interval()) {
    settings.flush_interval = config::ParseExtensionDuration(
        common.buffer_flush_interval(), "common_config.buffer_flush_interval", context);
  }
  if (common.has_buffer_size_bytes()) {
    settings.buffer_bytes = common.buffer_size_bytes().value();
  }
  std::string destination = (tcp ? "tcp" : "http") + common.SerializeAsString();
  return std::make_shared<const GrpcLog>(std::move(settings), std::move(destination),
                                         std::move(fields));
}

}  // namespace

std::unique_ptr<access_log::ServiceSink> GrpcLog::MakeSink(
    const access_log::ServiceSetup& setup) const {
  return std::make_unique<StreamSink>(settings_, setup);
}

void GrpcLog::Append(const formatter::Exchange& exchange, std::string& out) const {
  if (settings_.tcp) {
    AppendTcpRecord(exchange, out);
  } else {
    AppendHttpRecord(exchange, fields_, out);
  }
}

std::shared_ptr<const access_log::ServiceLog> HttpGrpcLog::Parse(const Proto& proto,
                                                                 config::ConfigContext& context) {
  RecordFields fields{LowerNames(proto.additional_request_headers_to_log()),
                      LowerNames(proto.additional_response_headers_to_log()),
                      LowerNames(proto.additional_response_trailers_to_log())};
  return ParseCommon(proto.common_config(), false, std::move(fields), context);
}

std::shared_ptr<const access_log::ServiceLog> TcpGrpcLog::Parse(const Proto& proto,
                                                                config::ConfigContext& context) {
  return ParseCommon(proto.common_config(), true, {}, context);
}

}  // namespace remora::extensions
