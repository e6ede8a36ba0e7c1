#include "source/config/http1_options_config.h"

#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"

namespace remora::config {

using envoy::config::core::v3::Http1ProtocolOptions;
using envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

http::NameCase ParseNameCase(const Http1ProtocolOptions& proto, const FieldPath& path,
                             Translation& translation) {
  if (!proto.has_header_key_format()) return http::NameCase::kLower;
  const Http1ProtocolOptions::HeaderKeyFormat& format = proto.header_key_format();
  if (format.has_proper_case_words()) return http::NameCase::kProper;
  const FieldPath format_path = path.Field("header_key_format");
  const FieldPath formatter = format_path.Field("stateful_formatter");
  const auto& typed_config = format.stateful_formatter().typed_config();
  PreserveCaseFormatterConfig config;
  if (!typed_config.Is<PreserveCaseFormatterConfig>()) {
    AddNoImplementation(format.stateful_formatter().name(), typed_config.type_url(), formatter,
                        translation);
  } else if (!typed_config.UnpackTo(&config)) {
    translation.errors.Add(formatter.Field("typed_config"), "cannot be read");
  }
  // What else its fields may hold is refused when they are read.
  static_cast<void>(config.forward_reason_phrase());
  static_cast<void>(config.formatter_type_on_envoy_headers());
  return http::NameCase::kAsReceived;
}

}  // namespace remora::config
