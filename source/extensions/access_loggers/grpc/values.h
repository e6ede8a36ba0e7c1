#pragma once

// Our values as messages of Envoy's API, for records: addresses, times, certificates, metadata.
//
// For the .cc files of this folder, which alone see protobuf. Pure functions; any thread; `to` is
// the caller's. Nothing fails: a value without a place in the message is left out.
// Source: Envoy source/extensions/access_loggers/grpc/grpc_access_log_utils.cc.

#include "source/event/clock.h"
#include "source/http/metadata.h"
#include "source/net/address.h"
#include "source/net/tls_facts.h"

namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class Address;
class Metadata;
}  // namespace envoy::config::core::v3
namespace envoy::data::accesslog::v3 {
class TLSProperties;
}

namespace remora::extensions {

void SetDuration(event::Duration from, google::protobuf::Duration& to);
// `from`: nanoseconds since the Unix epoch.
void SetTimestamp(int64_t from, google::protobuf::Timestamp& to);
void SetAddress(const net::Address& from, envoy::config::core::v3::Address& to);
void SetMetadata(const http::Metadata& from, envoy::config::core::v3::Metadata& to);
void SetTls(const net::TlsFacts& from, std::string_view server_name,
            envoy::data::accesslog::v3::TLSProperties& to);

}  // namespace remora::extensions
