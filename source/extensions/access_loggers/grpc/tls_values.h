#pragma once

// What there is to say of a TLS connection, as a message of records.
//
// For the .cc files of this folder, which alone see protobuf. Pure; any thread; `to` is the
// caller's. Nothing fails: a value without a place in the message is left out.
// Source: Envoy source/extensions/access_loggers/grpc/grpc_access_log_utils.cc.

#include <string_view>

#include "source/net/tls_facts.h"

namespace envoy::data::accesslog::v3 {
class TLSProperties;
}

namespace remora::extensions {

void SetTls(const net::TlsFacts& from, std::string_view server_name,
            envoy::data::accesslog::v3::TLSProperties& to);

}  // namespace remora::extensions
