#include "source/extensions/http_filters/ext_authz/check_request.h"

#include <algorithm>

#include "envoy/service/auth/v3/external_auth.pb.h"
#include "source/config/proto_values.h"
#include "source/http/escape.h"
#include "source/http/header_id.h"
#include "source/net/tls_facts.h"

namespace remora::extensions {
namespace {

using config::ToUtf8;
using envoy::service::auth::v3::AttributeContext;
using http::HeaderId;

std::string PrincipalOf(const net::CertificateFacts& certificate) {
  if (!certificate.uri_sans.empty()) return ToUtf8(certificate.uri_sans.front());
  if (!certificate.dns_sans.empty()) return ToUtf8(certificate.dns_sans.front());
  return ToUtf8(certificate.subject);
}

void SetSource(const CheckContent& content, const CheckSubject& subject,
               AttributeContext::Peer& source) {
  source.mutable_address();
  source.set_service(ToUtf8(subject.head.headers.Get(HeaderId::kXEnvoyDownstreamServiceCluster)));
  const http::ConnectionFacts* const connection = subject.info.connection;
  if (connection == nullptr) return;
  if (connection->remote != nullptr) {
    config::SetAddress(*connection->remote, *source.mutable_address());
  }
  const net::CertificateFacts* const peer =
      connection->tls != nullptr ? connection->tls->peer() : nullptr;
  if (peer == nullptr) return;
  source.set_principal(PrincipalOf(*peer));
  if (content.peer_certificate) {
    http::AppendUrlEncodedPem(peer->pem, *source.mutable_certificate());
  }
}

void SetDestination(const CheckContent& content, const CheckSubject& subject,
                    AttributeContext::Peer& destination) {
  destination.mutable_address();
  for (const auto& [name, value] : content.labels) (*destination.mutable_labels())[name] = value;
  const http::ConnectionFacts* const connection = subject.info.connection;
  if (connection == nullptr) return;
  if (const net::Address* const local = connection->FindLocal(); local != nullptr) {
    config::SetAddress(*local, *destination.mutable_address());
  }
  const net::CertificateFacts* const own =
      connection->tls != nullptr ? connection->tls->local() : nullptr;
  if (own != nullptr) destination.set_principal(PrincipalOf(*own));
}

void AddField(const CheckContent& content, std::string_view name, std::string_view value,
              AttributeContext::HttpRequest& request) {
  if (content.raw_fields) {
    auto& field = *request.mutable_header_map()->add_headers();
    field.set_key(std::string(name));
    field.set_raw_value(std::string(value));
    return;
  }
  const auto [place, is_new] =
      request.mutable_headers()->try_emplace(std::string(name), ToUtf8(value));
  if (!is_new) place->second += "," + ToUtf8(value);
}

void SetFields(const CheckContent& content, const http::RequestHead& head,
               AttributeContext::HttpRequest& request) {
  const auto add = [&](std::string_view name, std::string_view value) {
    if (content.Tells(name)) AddField(content, name, value, request);
  };
  add(":authority", head.authority);
  add(":path", head.path);
  add(":method", head.method);
  add(":scheme", head.scheme);
  head.headers.ForEach([&](const http::HeaderEntry& entry) { add(entry.name(), entry.value()); });
}

void SetBody(const CheckContent& content, const CheckSubject& subject,
             AttributeContext::HttpRequest& request) {
  if (subject.body == nullptr) return;
  if (content.body_as_bytes) {
    request.set_raw_body(subject.BodyText());
  } else {
    request.set_body(ToUtf8(subject.BodyText()));
  }
  AddField(content, kPartialBody, subject.partial() ? "true" : "false", request);
}

void SetRequest(const CheckContent& content, const CheckSubject& subject,
                AttributeContext::Request& to) {
  config::SetTimestamp(subject.info.start_wall, *to.mutable_time());
  AttributeContext::HttpRequest& request = *to.mutable_http();
  const http::RequestHead& head = subject.head;
  request.set_id(std::to_string(subject.id));
  request.set_method(ToUtf8(head.method));
  request.set_path(ToUtf8(head.path));
  request.set_host(ToUtf8(head.authority));
  request.set_scheme(ToUtf8(head.scheme));
  request.set_size(static_cast<int64_t>(subject.info.bytes_received));
  request.set_protocol(std::string(http::VersionName(subject.info.version)));
  SetFields(content, head, request);
  SetBody(content, subject, request);
}

void SetNamed(const std::vector<std::string>& names, const http::Metadata* from,
              envoy::config::core::v3::Metadata& to) {
  if (from == nullptr) return;
  for (const std::string& name : names) {
    const auto found = from->find(name);
    if (found != from->end()) config::SetMetadata(name, found->second, to);
  }
}

}  // namespace

bool CheckContent::Tells(std::string_view name) const {
  return name != kPartialBody && (allowed.empty() || AnyMatches(allowed, name)) &&
         !AnyMatches(disallowed, name);
}

size_t CheckSubject::body_size() const {
  return body == nullptr ? 0 : std::min<uint64_t>(body->length(), max_body);
}

std::string CheckSubject::BodyText() const {
  std::string text(body_size(), '\0');
  if (!text.empty()) body->CopyOut(0, text.size(), text.data());
  return text;
}

std::string MakeCheckRequest(const CheckContent& content, const CheckSubject& subject) {
  envoy::service::auth::v3::CheckRequest check;
  AttributeContext& attributes = *check.mutable_attributes();
  SetSource(content, subject, *attributes.mutable_source());
  SetDestination(content, subject, *attributes.mutable_destination());
  SetRequest(content, subject, *attributes.mutable_request());
  for (const auto& [name, value] : subject.context_extensions) {
    (*attributes.mutable_context_extensions())[name] = value;
  }
  SetNamed(content.metadata, subject.info.dynamic_metadata, *attributes.mutable_metadata_context());
  SetNamed(content.route_metadata, subject.info.route_metadata,
           *attributes.mutable_route_metadata_context());
  const http::ConnectionFacts* const connection = subject.info.connection;
  if (content.tls_session && connection != nullptr && connection->tls != nullptr) {
    attributes.mutable_tls_session()->set_sni(ToUtf8(connection->requested_server_name));
  }
  return check.SerializeAsString();
}

}  // namespace remora::extensions
