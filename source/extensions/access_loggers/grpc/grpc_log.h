#pragma once

// envoy.access_loggers.http_grpc and tcp_grpc: access logs that go to a service over gRPC.
//
// GrpcLog is the configured value: what a record has, where records go. Parse: main thread, at
// load; faults go to the context. The value is immutable and shared by the workers; each has a
// StreamSink of it (stream_sink.h).

#include <memory>
#include <string>

#include "source/config/registry.h"
#include "source/extensions/access_loggers/grpc/record.h"
#include "source/extensions/access_loggers/grpc/stream_sink.h"

namespace envoy::extensions::access_loggers::grpc::v3 {
class HttpGrpcAccessLogConfig;
class TcpGrpcAccessLogConfig;
}  // namespace envoy::extensions::access_loggers::grpc::v3

namespace remora::extensions {

class GrpcLog final : public access_log::ServiceLog {
 public:
  GrpcLog(GrpcLogSettings settings, std::string destination, RecordFields fields)
      : settings_(std::move(settings)),
        destination_(std::move(destination)),
        fields_(std::move(fields)) {}

  const GrpcLogSettings& settings() const { return settings_; }

  // access_log::ServiceLog
  const std::string& destination() const override { return destination_; }
  std::unique_ptr<access_log::ServiceSink> MakeSink(
      const access_log::ServiceSetup& setup) const override;
  void Append(const formatter::Exchange& exchange, std::string& out) const override;

 private:
  GrpcLogSettings settings_;
  std::string destination_;
  RecordFields fields_;
};

struct HttpGrpcLog {
  using Proto = envoy::extensions::access_loggers::grpc::v3::HttpGrpcAccessLogConfig;
  static std::shared_ptr<const access_log::ServiceLog> Parse(const Proto& proto,
                                                             config::ConfigContext& context);
};

struct TcpGrpcLog {
  using Proto = envoy::extensions::access_loggers::grpc::v3::TcpGrpcAccessLogConfig;
  static std::shared_ptr<const access_log::ServiceLog> Parse(const Proto& proto,
                                                             config::ConfigContext& context);
};

}  // namespace remora::extensions
