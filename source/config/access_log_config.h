#pragma once

// Translators of envoy.config.accesslog.v3: access logs and their filters, to immutable values.
//
// Pure but for what formats read (format_config.h); main thread, at start. Faults go to
// Translation::errors with the field's path. Files are opened by the server, not here.
// Source: Envoy source/common/access_log/access_log_impl.cc, source/extensions/access_loggers.

#include <memory>
#include <optional>
#include <string>

#include "source/access_log/logger.h"
#include "source/config/core_config.h"

namespace google::protobuf {
template <typename T>
class RepeatedPtrField;
}
namespace envoy::config::accesslog::v3 {
class AccessLog;
class AccessLogFilter;
}  // namespace envoy::config::accesslog::v3

namespace remora::config {

access_log::LoggerList ParseAccessLogs(
    const google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>& protos,
    const FieldPath& path, Translation& translation);

// A file in Envoy's default format.
std::shared_ptr<const access_log::Logger> DefaultFileLog(const std::string& path);

// Also for what else chooses requests by their end, such as local_reply_config.
std::optional<access_log::Filter> ParseAccessLogFilter(
    const envoy::config::accesslog::v3::AccessLogFilter& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
