#pragma once

// Translators of envoy.config.core.v3.SubstitutionFormatString and of metadata, to compiled
// templates and plain values.
//
// Pure but for what ParseDataSource and %ENVIRONMENT% read (main thread, at start). Faults go to
// Translation::errors with the field's path. The values own all they need; the protos can go.
// Source: Envoy source/common/formatter/substitution_format_string.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/core_config.h"
#include "source/http/formatter/template.h"
#include "source/http/metadata.h"

namespace google::protobuf {
class Struct;
}
namespace envoy::config::core::v3 {
class Metadata;
class SubstitutionFormatString;
}  // namespace envoy::config::core::v3

namespace remora::config {

struct FormatString {
  formatter::Template text;
  std::string content_type;  // never empty
};

// What the text is for.
enum class FormatUse : uint8_t { kLog, kBody };

std::optional<FormatString> ParseFormatString(
    const envoy::config::core::v3::SubstitutionFormatString& proto, FormatUse use,
    const FieldPath& path, Translation& translation);

// One text with operators, for messages that have it as a plain string.
std::optional<formatter::Format> ParseFormat(std::string_view text, FormatUse use,
                                             const FieldPath& path, Translation& translation);
// A JSON object with operators.
std::optional<formatter::JsonFormat> ParseJsonFormat(const google::protobuf::Struct& proto,
                                                     const formatter::Format::Options& options,
                                                     const FieldPath& path,
                                                     Translation& translation);

http::MetadataValue ToMetadataValue(const google::protobuf::Struct& proto);
// Null when there is none. typed_filter_metadata is for extensions that ask for it, and there are
// none.
std::shared_ptr<const http::Metadata> ParseMetadata(const envoy::config::core::v3::Metadata& proto);

}  // namespace remora::config
