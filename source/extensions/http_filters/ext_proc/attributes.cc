#include "source/extensions/http_filters/ext_proc/attributes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/proto_values.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

struct KnownAttribute {
  std::string_view name;
  std::string_view format;
  AttributeKind kind = AttributeKind::kText;
};

constexpr KnownAttribute kKnown[] = {
    {"request.path", "%REQ(:PATH)%"},
    {"request.url_path", "%PATH(NQ:PATH)%"},
    {"request.query", "%QUERY_PARAMS(ORIG)%"},
    {"request.host", "%REQ(:AUTHORITY)%"},
    {"request.scheme", "%REQ(:SCHEME)%"},
    {"request.method", "%REQ(:METHOD)%"},
    {"request.referer", "%REQ(REFERER)%"},
    {"request.useragent", "%REQ(USER-AGENT)%"},
    {"request.id", "%REQ(X-REQUEST-ID)%"},
    {"request.protocol", "%PROTOCOL%"},
    {"response.code", "%RESP(:STATUS)%", AttributeKind::kNumber},
    {"response.code_details", "%RESPONSE_CODE_DETAILS%"},
    {"source.address", "%DOWNSTREAM_REMOTE_ADDRESS%"},
    {"source.port", "%DOWNSTREAM_REMOTE_PORT%", AttributeKind::kNumber},
    {"destination.address", "%DOWNSTREAM_LOCAL_ADDRESS%"},
    {"destination.port", "%DOWNSTREAM_LOCAL_PORT%", AttributeKind::kNumber},
    {"connection.id", "%CONNECTION_ID%", AttributeKind::kNumber},
    {"connection.requested_server_name", "%REQUESTED_SERVER_NAME%"},
    {"connection.tls_version", "%DOWNSTREAM_TLS_VERSION%"},
    {"connection.subject_local_certificate", "%DOWNSTREAM_LOCAL_SUBJECT%"},
    {"connection.subject_peer_certificate", "%DOWNSTREAM_PEER_SUBJECT%"},
    {"connection.sha256_peer_certificate_digest", "%DOWNSTREAM_PEER_FINGERPRINT_256%"},
    {"connection.termination_details", "%CONNECTION_TERMINATION_DETAILS%"},
    {"upstream.address", "%UPSTREAM_REMOTE_ADDRESS%"},
    {"upstream.port", "%UPSTREAM_REMOTE_PORT%", AttributeKind::kNumber},
    {"upstream.local_address", "%UPSTREAM_LOCAL_ADDRESS%"},
    {"upstream.tls_version", "%UPSTREAM_TLS_VERSION%"},
    {"upstream.transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
    {"upstream.request_attempt_count", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", AttributeKind::kNumber},
    {"xds.cluster_name", "%UPSTREAM_CLUSTER_RAW%"},
    {"xds.route_name", "%ROUTE_NAME%"},
    {"xds.virtual_host_name", "%VIRTUAL_HOST_NAME%"},
    {"xds.filter_chain_name", "%FILTER_CHAIN_NAME%"},
};

}  // namespace

AttributeList ParseAttributes(const std::vector<std::string>& names, std::string_view field,
                              config::ConfigContext& context) {
  AttributeList attributes;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto* const known =
        std::find_if(std::begin(kKnown), std::end(kKnown),
                     [&](const KnownAttribute& attribute) { return attribute.name == names[i]; });
    if (known == std::end(kKnown)) {
      context.AddError(config::Concat(field, "[", i, "]"),
                       config::Concat("not supported: attribute \"", names[i], "\""));
      continue;
    }
    formatter::Format::Options options;
    options.omit_empty = true;
    absl::StatusOr<formatter::Format> format = formatter::Format::Parse(known->format, options);
    if (!format.ok()) {
      context.AddError(config::Concat(field, "[", i, "]"), std::string(format.status().message()));
      continue;
    }
    attributes.push_back(
        {names[i], known->kind, std::make_shared<const formatter::Format>(*std::move(format))});
  }
  return attributes;
}

void FillAttributes(const AttributeList& attributes, const formatter::Exchange& exchange,
                    google::protobuf::Struct& out) {
  for (const Attribute& attribute : attributes) {
    std::string text;
    attribute.format->AppendTo(text, exchange);
    if (text.empty()) continue;
    google::protobuf::Value value;
    if (double number = 0; attribute.kind == AttributeKind::kText) {
      value.set_string_value(config::ToUtf8(text));
    } else if (absl::SimpleAtod(text, &number)) {
      value.set_number_value(number);
    }
    (*out.mutable_fields())[attribute.name] = std::move(value);
  }
}

}  // namespace remora::extensions
