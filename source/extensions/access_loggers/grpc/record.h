#pragma once

// Records of the access log service: what is known of an exchange as envoy.data.accesslog.v3
// messages.
//
// Pure but for asking a TLS connection about its certificates; any thread. Nothing fails: what is
// not known is not set. Text that is no UTF-8, which a proto cannot carry, has `!` for each wrong
// byte, as in Envoy.
// Source: Envoy source/extensions/access_loggers/grpc/{http_grpc_access_log_impl,
// grpc_access_log_utils}.cc.

#include <string>
#include <vector>

#include "source/http/formatter/format.h"

namespace remora::extensions {

// Fields that a record has besides those that it always has; lower-case.
struct RecordFields {
  std::vector<std::string> request;
  std::vector<std::string> response;
  std::vector<std::string> trailers;
};

// Appends a serialized HTTPAccessLogEntry.
void AppendHttpRecord(const formatter::Exchange& exchange, const RecordFields& fields,
                      std::string& out);
// Appends a serialized TCPAccessLogEntry.
void AppendTcpRecord(const formatter::Exchange& exchange, std::string& out);

}  // namespace remora::extensions
