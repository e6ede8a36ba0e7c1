#include "source/config/format_config.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "envoy/extensions/formatter/metadata/v3/metadata.pb.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb.h"
#include "google/protobuf/struct.pb.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
namespace extensions = envoy::extensions::formatter;

// No format is this long; a file that is, is the wrong one.
constexpr uint64_t kMaxFormatBytes = 1024 * 1024;

http::MetadataValue ToMetadataValue(const google::protobuf::Value& proto) {
  http::MetadataValue value;
  switch (proto.kind_case()) {
    case google::protobuf::Value::kBoolValue:
      value.kind = http::MetadataValue::Kind::kBoolean;
      value.boolean = proto.bool_value();
      break;
    case google::protobuf::Value::kNumberValue:
      value.kind = http::MetadataValue::Kind::kNumber;
      value.number = proto.number_value();
      break;
    case google::protobuf::Value::kStringValue:
      value.kind = http::MetadataValue::Kind::kString;
      value.text = proto.string_value();
      break;
    case google::protobuf::Value::kListValue:
      value.kind = http::MetadataValue::Kind::kList;
      for (const auto& item : proto.list_value().values()) {
        value.items.push_back(ToMetadataValue(item));
      }
      break;
    case google::protobuf::Value::kStructValue:
      return config::ToMetadataValue(proto.struct_value());
    case google::protobuf::Value::kNullValue:
    case google::protobuf::Value::KIND_NOT_SET:
      break;
  }
  return value;
}

formatter::Format::Options OptionsFor(FormatUse use) {
  formatter::Format::Options options;
  options.escape_controls = use == FormatUse::kLog;
  return options;
}

// Adds what the extensions allow.
void ReadFormatters(const core::SubstitutionFormatString& proto, const FieldPath& path,
                    Translation& translation, formatter::Format::Options& options) {
  const FieldPath formatters = path.Field("formatters");
  for (int i = 0; i < proto.formatters_size(); ++i) {
    const core::TypedExtensionConfig& extension = proto.formatters(i);
    if (extension.typed_config().Is<extensions::req_without_query::v3::ReqWithoutQuery>()) {
      options.req_without_query = true;
    } else if (!extension.typed_config().Is<extensions::metadata::v3::Metadata>()) {
      AddNoImplementation(extension.name(), extension.typed_config().type_url(),
                          formatters.Index(static_cast<size_t>(i)), translation);
    }
  }
}

std::optional<formatter::Format> ParseText(std::string_view text,
                                           const formatter::Format::Options& options,
                                           const FieldPath& path, Translation& translation) {
  absl::StatusOr<formatter::Format> format = formatter::Format::Parse(text, options);
  if (format.ok()) return *std::move(format);
  translation.errors.Add(path, std::string(format.status().message()));
  return std::nullopt;
}

}  // namespace

http::MetadataValue ToMetadataValue(const google::protobuf::Struct& proto) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kStruct;
  for (const auto& [name, field] : proto.fields()) {
    value.fields.emplace(name, ToMetadataValue(field));
  }
  return value;
}

std::shared_ptr<const http::Metadata> ParseMetadata(const core::Metadata& proto) {
  if (proto.filter_metadata().empty()) return nullptr;
  http::Metadata metadata;
  for (const auto& [name, value] : proto.filter_metadata()) {
    metadata.emplace(name, ToMetadataValue(value));
  }
  return std::make_shared<const http::Metadata>(std::move(metadata));
}

std::optional<formatter::Format> ParseFormat(std::string_view text, FormatUse use,
                                             const FieldPath& path, Translation& translation) {
  return ParseText(text, OptionsFor(use), path, translation);
}

std::optional<formatter::JsonFormat> ParseJsonFormat(const google::protobuf::Struct& proto,
                                                     const formatter::Format::Options& options,
                                                     const FieldPath& path,
                                                     Translation& translation) {
  absl::StatusOr<formatter::JsonFormat> format =
      formatter::JsonFormat::Parse(ToMetadataValue(proto), options);
  if (format.ok()) return *std::move(format);
  translation.errors.Add(path, std::string(format.status().message()));
  return std::nullopt;
}

std::optional<FormatString> ParseFormatString(const core::SubstitutionFormatString& proto,
                                              FormatUse use, const FieldPath& path,
                                              Translation& translation) {
  formatter::Format::Options options = OptionsFor(use);
  options.omit_empty = proto.omit_empty_values();
  const size_t errors_before = translation.errors.size();
  ReadFormatters(proto, path, translation, options);
  if (translation.errors.size() != errors_before) return std::nullopt;
  const auto content_type = [&proto](std::string_view otherwise) {
    return proto.content_type().empty() ? std::string(otherwise) : proto.content_type();
  };
  const auto text = [&](std::string_view format,
                        const FieldPath& field) -> std::optional<FormatString> {
    std::optional<formatter::Format> parsed = ParseText(format, options, field, translation);
    if (!parsed.has_value()) return std::nullopt;
    return FormatString{formatter::Template(*std::move(parsed)), content_type("text/plain")};
  };
  switch (proto.format_case()) {
    case core::SubstitutionFormatString::kTextFormat:
      return text(proto.text_format(), path.Field("text_format"));
    case core::SubstitutionFormatString::kTextFormatSource: {
      const size_t errors = translation.errors.size();
      const FieldPath source = path.Field("text_format_source");
      const std::string format =
          ParseDataSource(proto.text_format_source(), kMaxFormatBytes, source, translation);
      if (translation.errors.size() > errors) return std::nullopt;
      return text(format, source);
    }
    case core::SubstitutionFormatString::kJsonFormat: {
      std::optional<formatter::JsonFormat> json =
          ParseJsonFormat(proto.json_format(), options, path.Field("json_format"), translation);
      if (!json.has_value()) return std::nullopt;
      return FormatString{formatter::Template(*std::move(json)), content_type("application/json")};
    }
    case core::SubstitutionFormatString::FORMAT_NOT_SET:
      break;
  }
  translation.errors.Add(path, "a format is required");
  return std::nullopt;
}

}  // namespace remora::config
