#include "source/config/local_reply_config.h"

#include <utility>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/access_log_config.h"
#include "source/config/format_config.h"
#include "source/config/header_changes_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace core = envoy::config::core::v3;

// A file as large as that is no text for a client.
constexpr uint64_t kMaxBody = 4 * 1024 * 1024;

std::optional<http::BodyFormat> ParseBodyFormat(const core::SubstitutionFormatString& proto,
                                                const FieldPath& path, Translation& translation) {
  std::optional<FormatString> format =
      ParseFormatString(proto, FormatUse::kBody, path, translation);
  if (!format.has_value()) return std::nullopt;
  return http::BodyFormat{std::move(format->text), std::move(format->content_type)};
}

std::unique_ptr<const route::HeaderChanges> ParseHeaders(const hcm::ResponseMapper& proto,
                                                         const FieldPath& path,
                                                         Translation& translation) {
  route::HeaderChangesConfig config;
  config.add =
      ParseHeaderAdditions(proto.headers_to_add(), path.Field("headers_to_add"), translation);
  // Faults come with the place behind "..._to_": "add[0].header.key".
  const std::string stem = Concat(path.ToString(), ".headers_to_");
  return route::HeaderChanges::Compile(std::move(config),
                                       [&](std::string_view field, std::string_view message) {
                                         translation.errors.Add(Concat(stem, field), message);
                                       });
}

http::LocalReplyMapper ParseMapper(const hcm::ResponseMapper& proto, const FieldPath& path,
                                   Translation& translation) {
  http::LocalReplyMapper mapper;
  std::optional<access_log::Filter> filter =
      ParseAccessLogFilter(proto.filter(), path.Field("filter"), translation);
  if (filter.has_value()) mapper.filter = *std::move(filter);
  if (proto.has_status_code()) mapper.status = proto.status_code().value();
  if (proto.has_body()) {
    mapper.body = ParseDataSource(proto.body(), kMaxBody, path.Field("body"), translation);
  }
  if (proto.has_body_format_override()) {
    mapper.format = ParseBodyFormat(proto.body_format_override(),
                                    path.Field("body_format_override"), translation);
  }
  mapper.headers = ParseHeaders(proto, path, translation);
  return mapper;
}

}  // namespace

std::shared_ptr<const http::LocalReplyRules> ParseLocalReplies(const hcm::LocalReplyConfig& proto,
                                                               const FieldPath& path,
                                                               Translation& translation) {
  auto rules = std::make_shared<http::LocalReplyRules>();
  const FieldPath mappers = path.Field("mappers");
  for (int i = 0; i < proto.mappers_size(); ++i) {
    rules->mappers.push_back(
        ParseMapper(proto.mappers(i), mappers.Index(static_cast<size_t>(i)), translation));
  }
  if (proto.has_body_format()) {
    rules->format = ParseBodyFormat(proto.body_format(), path.Field("body_format"), translation);
  }
  return rules;
}

}  // namespace remora::config
