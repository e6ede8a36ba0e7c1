#pragma once

// Our values as messages of Envoy's API, for what services are told: addresses, times, metadata.
//
// For .cc files that see protobuf. Pure functions; any thread; `to` is the caller's. Nothing fails:
// a value without a place in the message is left out, and text that is no UTF-8, which a proto
// cannot carry, has `!` for each wrong byte, as in Envoy.
// Source: Envoy source/common/network/utility.cc, source/common/protobuf/utility.cc.

#include <string>
#include <string_view>

#include "source/event/clock.h"
#include "source/http/metadata.h"
#include "source/net/address.h"

namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class Address;
class Metadata;
}  // namespace envoy::config::core::v3

namespace remora::config {

void SetDuration(event::Duration from, google::protobuf::Duration& to);
// `from`: nanoseconds since the Unix epoch.
void SetTimestamp(int64_t from, google::protobuf::Timestamp& to);
void SetAddress(const net::Address& from, envoy::config::core::v3::Address& to);
void SetMetadata(const http::Metadata& from, envoy::config::core::v3::Metadata& to);
// One name of them.
void SetMetadata(std::string_view name, const http::MetadataValue& from,
                 envoy::config::core::v3::Metadata& to);

// `text` with `!` for every byte that is part of no UTF-8.
std::string ToUtf8(std::string_view text);

}  // namespace remora::config
