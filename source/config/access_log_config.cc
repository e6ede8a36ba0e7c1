#include "source/config/access_log_config.h"

#include <memory>
#include <string>
#include <utility>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "source/base/check.h"
#include "source/config/format_config.h"
#include "source/config/metadata_match_config.h"
#include "source/config/route_match_config.h"
#include "source/config/text.h"
#include "source/http/route/conditions.h"
#include "source/http/route/metadata_matcher.h"

namespace remora::config {
namespace {

namespace accesslog = envoy::config::accesslog::v3;
namespace loggers = envoy::extensions::access_loggers;
using access_log::Filter;
using FilterList = google::protobuf::RepeatedPtrField<accesslog::AccessLogFilter>;

// --- filters

void ParseComparison(const accesslog::ComparisonFilter& proto, Filter& filter) {
  switch (proto.op()) {
    case accesslog::ComparisonFilter::GE:
      filter.comparison = Filter::Comparison::kAtLeast;
      break;
    case accesslog::ComparisonFilter::LE:
      filter.comparison = Filter::Comparison::kAtMost;
      break;
    default:
      filter.comparison = Filter::Comparison::kEqual;
  }
  filter.value = proto.value().default_value();
  filter.runtime_key = proto.value().runtime_key();
}

void ParseChildren(const FilterList& protos, const FieldPath& path, Translation& translation,
                   Filter& filter) {
  for (int i = 0; i < protos.size(); ++i) {
    std::optional<Filter> child =
        ParseAccessLogFilter(protos[i], path.Index(static_cast<size_t>(i)), translation);
    if (child.has_value()) filter.children.push_back(*std::move(child));
  }
}

uint32_t DenominatorOf(envoy::type::v3::FractionalPercent::DenominatorType type) {
  switch (type) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      return 10'000;
    case envoy::type::v3::FractionalPercent::MILLION:
      return 1'000'000;
    default:
      return 100;
  }
}

void ParseRuntimeFilter(const accesslog::RuntimeFilter& proto, Filter& filter) {
  filter.fraction.key = proto.runtime_key();
  filter.fraction.fallback = {proto.percent_sampled().numerator(),
                              DenominatorOf(proto.percent_sampled().denominator())};
  filter.independent = proto.use_independent_randomness();
}

void ParseHeaderFilter(const accesslog::HeaderFilter& proto, const FieldPath& path,
                       Translation& translation, Filter& filter) {
  const FieldPath field = path.Field("header");
  absl::StatusOr<route::HeaderMatcher> matcher =
      route::HeaderMatcher::Compile(ParseHeaderMatch(proto.header(), field, translation),
                                    translation.max_regex_program_size.value_or(
                                        route::RouteTableConfig::kDefaultMaxRegexProgramSize));
  if (!matcher.ok()) {
    translation.errors.Add(field, std::string(matcher.status().message()));
    return;
  }
  // Shared, because a function has to be copyable.
  auto shared = std::make_shared<const route::HeaderMatcher>(*std::move(matcher));
  base::ArenaPool pool;
  base::Arena arena(pool);
  filter.header_without_request = shared->Matches(http::RequestHead(arena));
  filter.header = [shared](const http::RequestHead& head) { return shared->Matches(head); };
}

// As Envoy, which asks the value alone: `invert` says nothing here.
void ParseMetadataFilter(const accesslog::MetadataFilter& proto, const FieldPath& path,
                         Translation& translation, Filter& filter) {
  filter.metadata_otherwise =
      !proto.has_match_if_key_not_found() || proto.match_if_key_not_found().value();
  if (!proto.has_matcher()) return;
  const FieldPath field = path.Field("matcher");
  if (proto.matcher().invert()) {
    translation.warnings.Add(field.Field("invert"), "without effect on an access log's filter");
  }
  absl::StatusOr<route::MetadataMatcher> matcher =
      route::MetadataMatcher::Compile(ParseMetadataMatch(proto.matcher(), field, translation),
                                      translation.max_regex_program_size.value_or(
                                          route::RouteTableConfig::kDefaultMaxRegexProgramSize));
  if (!matcher.ok()) {
    translation.errors.Add(field, std::string(matcher.status().message()));
    return;
  }
  auto shared = std::make_shared<const route::MetadataMatcher>(*std::move(matcher));
  filter.metadata = [shared](const http::Metadata* metadata) -> std::optional<bool> {
    const http::MetadataValue* value = shared->Find(metadata);
    if (value == nullptr) return std::nullopt;
    return shared->value().Matches(*value);
  };
}

std::optional<formatter::LogType> LogTypeOf(envoy::data::accesslog::v3::AccessLogType type) {
  const std::string& name = envoy::data::accesslog::v3::AccessLogType_Name(type);
  for (int i = 0; i <= static_cast<int>(formatter::LogType::kLast); ++i) {
    const auto known = static_cast<formatter::LogType>(i);
    if (formatter::LogTypeName(known) == name) return known;
  }
  return std::nullopt;  // of UDP and TCP proxies, which there are none of
}

// --- formats

std::optional<formatter::Template> ParseLogFormat(
    const envoy::config::core::v3::SubstitutionFormatString& proto, const FieldPath& path,
    Translation& translation) {
  std::optional<FormatString> format = ParseFormatString(proto, FormatUse::kLog, path, translation);
  if (!format.has_value()) return std::nullopt;
  return std::move(format->text);
}

std::optional<formatter::Template> ParseTextFormat(std::string_view text, const FieldPath& path,
                                                   Translation& translation) {
  std::optional<formatter::Format> format = ParseFormat(text, FormatUse::kLog, path, translation);
  if (!format.has_value()) return std::nullopt;
  return formatter::Template(*std::move(format));
}

formatter::Template DefaultFormat() {
  absl::StatusOr<formatter::Format> format =
      formatter::Format::Parse(access_log::kDefaultFormat, {.escape_controls = true});
  CHECK(format.ok());
  return formatter::Template(*std::move(format));
}

std::optional<formatter::Template> ParseFileFormat(const loggers::file::v3::FileAccessLog& proto,
                                                   const FieldPath& path,
                                                   Translation& translation) {
  using File = loggers::file::v3::FileAccessLog;
  const auto json = [&](const google::protobuf::Struct& object,
                        const FieldPath& field) -> std::optional<formatter::Template> {
    std::optional<formatter::JsonFormat> format = ParseJsonFormat(object, {}, field, translation);
    if (!format.has_value()) return std::nullopt;
    return formatter::Template(*std::move(format));
  };
  switch (proto.access_log_format_case()) {
    case File::kFormat:
      // Envoy takes an empty one as none.
      if (proto.format().empty()) return DefaultFormat();
      return ParseTextFormat(proto.format(), path.Field("format"), translation);
    case File::kJsonFormat:
      return json(proto.json_format(), path.Field("json_format"));
    case File::kTypedJsonFormat:
      return json(proto.typed_json_format(), path.Field("typed_json_format"));
    case File::kLogFormat:
      return ParseLogFormat(proto.log_format(), path.Field("log_format"), translation);
    case File::ACCESS_LOG_FORMAT_NOT_SET:
      break;
  }
  return DefaultFormat();
}

// For the messages of both standard streams.
template <class Proto>
std::optional<access_log::Logger> ParseStream(const Proto& proto, const char* name,
                                              const FieldPath& path, Translation& translation) {
  std::optional<formatter::Template> text =
      proto.has_log_format()
          ? ParseLogFormat(proto.log_format(), path.Field("log_format"), translation)
          : std::optional(DefaultFormat());
  if (!text.has_value()) return std::nullopt;
  return access_log::Logger{name, *std::move(text), std::nullopt};
}

std::optional<access_log::Logger> ParseLogger(const accesslog::AccessLog& proto,
                                              const FieldPath& path, Translation& translation) {
  const google::protobuf::Any& any = proto.typed_config();
  const FieldPath config = path.Field("typed_config");
  loggers::file::v3::FileAccessLog file;
  loggers::stream::v3::StdoutAccessLog standard_output;
  loggers::stream::v3::StderrAccessLog standard_error;
  if (any.UnpackTo(&file)) {
    std::optional<formatter::Template> text = ParseFileFormat(file, config, translation);
    if (!text.has_value()) return std::nullopt;
    return access_log::Logger{file.path(), *std::move(text), std::nullopt};
  }
  if (any.UnpackTo(&standard_output)) {
    return ParseStream(standard_output, "/dev/stdout", config, translation);
  }
  if (any.UnpackTo(&standard_error)) {
    return ParseStream(standard_error, "/dev/stderr", config, translation);
  }
  const AccessLoggerEntry* const entry = translation.registry.FindAccessLogger(any.type_url());
  if (entry == nullptr) {
    AddNoImplementation(proto.name(), any.type_url(), path, translation);
    return std::nullopt;
  }
  ConfigContext context(translation.errors, config.ToString(), &translation);
  std::shared_ptr<const access_log::ServiceLog> service = entry->parse(any, context);
  if (service == nullptr) return std::nullopt;
  return access_log::Logger{
      {}, formatter::Template(formatter::Format::Literal({})), std::nullopt, std::move(service)};
}

}  // namespace

std::optional<Filter> ParseAccessLogFilter(const accesslog::AccessLogFilter& proto,
                                           const FieldPath& path, Translation& translation) {
  using Proto = accesslog::AccessLogFilter;
  Filter filter;
  switch (proto.filter_specifier_case()) {
    case Proto::kStatusCodeFilter:
      filter.kind = Filter::Kind::kStatusCode;
      ParseComparison(proto.status_code_filter().comparison(), filter);
      break;
    case Proto::kDurationFilter:
      filter.kind = Filter::Kind::kDuration;
      ParseComparison(proto.duration_filter().comparison(), filter);
      break;
    case Proto::kNotHealthCheckFilter:
      filter.kind = Filter::Kind::kNotHealthCheck;
      break;
    case Proto::kTraceableFilter:
      filter.kind = Filter::Kind::kNever;
      break;
    case Proto::kRuntimeFilter:
      filter.kind = Filter::Kind::kRuntime;
      ParseRuntimeFilter(proto.runtime_filter(), filter);
      break;
    case Proto::kAndFilter: {
      filter.kind = Filter::Kind::kAnd;
      const FieldPath field = path.Field("and_filter");
      ParseChildren(proto.and_filter().filters(), field.Field("filters"), translation, filter);
      break;
    }
    case Proto::kOrFilter: {
      filter.kind = Filter::Kind::kOr;
      const FieldPath field = path.Field("or_filter");
      ParseChildren(proto.or_filter().filters(), field.Field("filters"), translation, filter);
      break;
    }
    case Proto::kHeaderFilter:
      filter.kind = Filter::Kind::kHeader;
      ParseHeaderFilter(proto.header_filter(), path.Field("header_filter"), translation, filter);
      break;
    case Proto::kResponseFlagFilter:
      filter.kind = Filter::Kind::kResponseFlag;
      for (const std::string& word : proto.response_flag_filter().flags()) {
        const http::ResponseFlag flag = http::FlagOfWord(word);
        if (flag != http::ResponseFlag::kNone) filter.flags |= 1u << static_cast<unsigned>(flag);
      }
      break;
    case Proto::kGrpcStatusFilter:
      filter.kind = Filter::Kind::kGrpcStatus;
      filter.exclude = proto.grpc_status_filter().exclude();
      for (const int status : proto.grpc_status_filter().statuses()) filter.grpc |= 1u << status;
      break;
    case Proto::kMetadataFilter:
      filter.kind = Filter::Kind::kMetadata;
      ParseMetadataFilter(proto.metadata_filter(), path.Field("metadata_filter"), translation,
                          filter);
      break;
    case Proto::kLogTypeFilter:
      filter.kind = Filter::Kind::kLogType;
      filter.exclude = proto.log_type_filter().exclude();
      for (const int type : proto.log_type_filter().types()) {
        const auto known = LogTypeOf(static_cast<envoy::data::accesslog::v3::AccessLogType>(type));
        if (known.has_value()) filter.types |= 1u << static_cast<unsigned>(*known);
      }
      break;
    case Proto::FILTER_SPECIFIER_NOT_SET:
      translation.errors.Add(path, "a filter is required");
      return std::nullopt;
  }
  return filter;
}

std::shared_ptr<const access_log::Logger> DefaultFileLog(const std::string& path) {
  return std::make_shared<const access_log::Logger>(
      access_log::Logger{path, DefaultFormat(), std::nullopt});
}

access_log::LoggerList ParseAccessLogs(
    const google::protobuf::RepeatedPtrField<accesslog::AccessLog>& protos, const FieldPath& path,
    Translation& translation) {
  access_log::LoggerList list;
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath at = path.Index(static_cast<size_t>(i));
    std::optional<access_log::Logger> logger = ParseLogger(protos[i], at, translation);
    if (protos[i].has_filter()) {
      std::optional<Filter> filter =
          ParseAccessLogFilter(protos[i].filter(), at.Field("filter"), translation);
      if (logger.has_value()) logger->filter = std::move(filter);
    }
    if (logger.has_value()) {
      list.push_back(std::make_shared<const access_log::Logger>(*std::move(logger)));
    }
  }
  return list;
}

}  // namespace remora::config
