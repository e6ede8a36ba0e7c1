#include "source/extensions/access_loggers/grpc/values.h"

#include <string>
#include <utility>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "source/extensions/access_loggers/grpc/record.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;
using Tls = envoy::data::accesslog::v3::TLSProperties;

// IANA's numbers of the suites that BoringSSL has, by OpenSSL's names.
constexpr std::pair<std::string_view, uint32_t> kCiphers[] = {
    {"TLS_AES_128_GCM_SHA256", 0x1301},
    {"TLS_AES_256_GCM_SHA384", 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c},
    {"ECDHE-RSA-AES128-GCM-SHA256", 0xc02f},
    {"ECDHE-RSA-AES256-GCM-SHA384", 0xc030},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9},
    {"ECDHE-RSA-CHACHA20-POLY1305", 0xcca8},
    {"ECDHE-ECDSA-AES128-SHA", 0xc009},
    {"ECDHE-ECDSA-AES256-SHA", 0xc00a},
    {"ECDHE-RSA-AES128-SHA", 0xc013},
    {"ECDHE-RSA-AES256-SHA", 0xc014},
    {"AES128-GCM-SHA256", 0x009c},
    {"AES256-GCM-SHA384", 0x009d},
    {"AES128-SHA", 0x002f},
    {"AES256-SHA", 0x0035},
};

Tls::TLSVersion VersionOf(std::string_view name) {
  if (name == "TLSv1.3") return Tls::TLSv1_3;
  if (name == "TLSv1.2") return Tls::TLSv1_2;
  if (name == "TLSv1.1") return Tls::TLSv1_1;
  if (name == "TLSv1") return Tls::TLSv1;
  return Tls::VERSION_UNSPECIFIED;
}

void SetCertificate(const net::CertificateFacts& from, Tls::CertificateProperties& to) {
  for (const std::string& uri : from.uri_sans) to.add_subject_alt_name()->set_uri(ToUtf8(uri));
  for (const std::string& name : from.dns_sans) to.add_subject_alt_name()->set_dns(ToUtf8(name));
  to.set_subject(ToUtf8(from.subject));
}

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
  for (const auto& [name, value] : from) {
    SetStruct(value, (*to.mutable_filter_metadata())[ToUtf8(name)]);
  }
}

void SetTls(const net::TlsFacts& from, std::string_view server_name, Tls& to) {
  to.set_tls_version(VersionOf(from.version()));
  for (const auto& [name, number] : kCiphers) {
    if (name == from.cipher()) to.mutable_tls_cipher_suite()->set_value(number);
  }
  to.set_tls_sni_hostname(ToUtf8(server_name));
  to.set_tls_session_id(from.session_id());
  if (from.local() != nullptr) {
    SetCertificate(*from.local(), *to.mutable_local_certificate_properties());
  }
  if (from.peer() != nullptr) {
    SetCertificate(*from.peer(), *to.mutable_peer_certificate_properties());
    to.mutable_peer_certificate_properties()->set_issuer(ToUtf8(from.peer()->issuer));
  }
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

}  // namespace remora::extensions
