#include "source/config/proto_values.h"

#include <cstdint>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace remora::config {
namespace {

using http::MetadataValue;

void SetStruct(const MetadataValue& from, google::protobuf::Struct& to);

void SetValue(const MetadataValue& from, google::protobuf::Value& to) {
  switch (from.kind) {
    case MetadataValue::Kind::kNull:
      to.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case MetadataValue::Kind::kBoolean:
      to.set_bool_value(from.boolean);
      break;
    case MetadataValue::Kind::kNumber:
      to.set_number_value(from.number);
      break;
    case MetadataValue::Kind::kString:
      to.set_string_value(ToUtf8(from.text));
      break;
    case MetadataValue::Kind::kList:
      to.mutable_list_value();
      for (const MetadataValue& item : from.items) {
        SetValue(item, *to.mutable_list_value()->add_values());
      }
      break;
    case MetadataValue::Kind::kStruct:
      SetStruct(from, *to.mutable_struct_value());
      break;
  }
}

void SetStruct(const MetadataValue& from, google::protobuf::Struct& to) {
  for (const auto& [name, value] : from.fields) {
    SetValue(value, (*to.mutable_fields())[ToUtf8(name)]);
  }
}

// Bytes of the UTF-8 sequence at the front of `text`; 0: there is none.
size_t SequenceSize(std::string_view text) {
  const auto byte = [&text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto follows = [&byte](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead < 0xf0) {
    // No overlong form, no surrogate.
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    if (lead == 0xed && byte(1) > 0x9f) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead < 0xf5) {
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void SetDuration(event::Duration from, google::protobuf::Duration& to) {
  to.set_seconds(from / event::kSecond);
  to.set_nanos(static_cast<int32_t>(from % event::kSecond));
}

void SetTimestamp(int64_t from, google::protobuf::Timestamp& to) {
  to.set_seconds(from / event::kSecond);
  to.set_nanos(static_cast<int32_t>(from % event::kSecond));
}

void SetAddress(const net::Address& from, envoy::config::core::v3::Address& to) {
  if (from.kind() == net::Address::Kind::kUnix) {
    to.mutable_pipe()->set_path(from.path());
  } else if (from.is_ip()) {
    to.mutable_socket_address()->set_address(from.IpString());
    to.mutable_socket_address()->set_port_value(from.port());
  }
}

void SetMetadata(const http::Metadata& from, envoy::config::core::v3::Metadata& to) {
  for (const auto& [name, value] : from) SetMetadata(name, value, to);
}

void SetMetadata(std::string_view name, const MetadataValue& from,
                 envoy::config::core::v3::Metadata& to) {
  SetStruct(from, (*to.mutable_filter_metadata())[ToUtf8(name)]);
}

std::string ToUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t size = SequenceSize(text);
    if (size == 0) {
      out += '!';
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

}  // namespace remora::config
