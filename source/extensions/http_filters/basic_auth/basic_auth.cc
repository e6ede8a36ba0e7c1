#include "source/extensions/http_filters/basic_auth/basic_auth.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {
namespace {

using http::HeaderId;

constexpr uint64_t kMaxUsersSize = uint64_t{16} * 1024 * 1024;
constexpr std::string_view kScheme = "Basic ";
constexpr std::string_view kSha = "{SHA}";

std::string Sha1(std::string_view text) {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  SHA1(reinterpret_cast<const uint8_t*>(text.data()), text.size(),
       reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

BasicAuthUsers ReadUsers(const envoy::config::core::v3::DataSource& proto,
                         config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  const std::string text = config::ParseExtensionDataSource(proto, kMaxUsersSize, "users", context);
  if (context.errors().size() > errors) return {};
  return ParseUsers(text, "users", context);
}

// The credentials; all values of the field, joined.
std::optional<std::string> FindCredentials(const http::HeaderMap& headers, std::string_view name) {
  std::optional<std::string> found;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() != name) return;
    found = found.has_value() ? absl::StrCat(*found, ",", std::string(entry.value()))
                              : std::string(entry.value());
  });
  return found;
}

bool IsValid(const BasicAuthUsers& users, std::string_view name, std::string_view password) {
  static const std::string kNobody(SHA_DIGEST_LENGTH, '\0');
  const auto user = users.find(name);
  const std::string& known = user != users.end() ? user->second : kNobody;
  const std::string given = Sha1(password);
  return CRYPTO_memcmp(known.data(), given.data(), SHA_DIGEST_LENGTH) == 0 && user != users.end();
}

}  // namespace

BasicAuthUsers ParseUsers(std::string_view text, std::string_view field,
                          config::ConfigContext& context) {
  BasicAuthUsers users;
  const auto fail = [&](std::string_view why) {
    context.AddError(field, absl::StrCat("basic auth: ", std::string(why)));
    return BasicAuthUsers();
  };
  for (const absl::string_view each : absl::StrSplit(std::string(text), '\n')) {
    const std::string_view line(each.data(), each.size());
    if (line.empty() || line.starts_with('#')) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return fail("invalid htpasswd format, username:password is expected");
    }
    const std::string_view name = line.substr(0, colon);
    std::string_view hash = line.substr(colon + 1);
    if (name.empty() || hash.empty()) return fail("empty user name or password");
    if (users.contains(name)) return fail("duplicate users");
    if (!hash.starts_with(kSha)) {
      return fail("unsupported htpasswd format: please use {SHA}");
    }
    hash.remove_prefix(kSha.size());
    std::string digest;
    if (!absl::Base64Unescape(std::string(hash), &digest) || digest.size() != SHA_DIGEST_LENGTH ||
        absl::Base64Escape(digest) != hash) {
      return fail("invalid htpasswd format, invalid SHA hash length");
    }
    users.emplace(name, std::move(digest));
  }
  return users;
}

std::optional<BasicAuth::Config> BasicAuth::Parse(const Proto& proto,
                                                  config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.users = ReadUsers(proto.users(), context);
  config.name_header = absl::AsciiStrToLower(proto.forward_username_header());
  config.header = proto.authentication_header().empty()
                      ? "authorization"
                      : absl::AsciiStrToLower(proto.authentication_header());
  for (const auto& [name, field] : {std::pair(config.name_header, "forward_username_header"),
                                    std::pair(config.header, "authentication_header")}) {
    if (!name.empty() && !http::IsValidHeaderName(name)) {
      context.AddError(field, absl::StrCat("\"", name, "\" is no header name"));
    }
  }
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<BasicAuth::RouteConfig> BasicAuth::ParseRoute(const RouteProto& proto,
                                                            config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  RouteConfig config{ReadUsers(proto.users(), context)};
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

http::FilterPtr BasicAuth::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<BasicAuthFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> BasicAuth::CreateWorkerState(
    const Config&, const http::WorkerSetup& setup) {
  return std::make_unique<BasicAuthState>(setup);
}

http::Answer BasicAuthFilter::OnRequestHead(http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<BasicAuth::RouteConfig>();
  const BasicAuthUsers& users = route != nullptr ? route->users : config_.users;
  const auto credentials = FindCredentials(head.headers, config_.header);
  std::string text;
  if (!credentials.has_value()) {
    Refuse(head, "Missing username and password.", "no_credential_for_basic_auth");
    return http::Answer::kContinue;
  }
  if (!credentials->starts_with(kScheme)) {
    Refuse(head, "Expected 'Basic' authentication scheme.", "invalid_scheme_for_basic_auth");
    return http::Answer::kContinue;
  }
  const std::string encoded = credentials->substr(kScheme.size());
  // Padding is part of it: what decodes to the same and is written otherwise is refused.
  const bool is_base64 =
      absl::Base64Unescape(encoded, &text) && absl::Base64Escape(text) == encoded;
  const size_t colon = text.find(':');
  if (!is_base64 || colon == std::string::npos) {
    Refuse(head, "Invalid basic credential format.", "invalid_format_for_basic_auth");
    return http::Answer::kContinue;
  }
  const std::string_view name = std::string_view(text).substr(0, colon);
  if (!IsValid(users, name, std::string_view(text).substr(colon + 1))) {
    Refuse(head, "Invalid username/password combination.", "invalid_credential_for_basic_auth");
    return http::Answer::kContinue;
  }
  context_.worker_state<BasicAuthState>().stats.allowed.Inc();
  if (!config_.name_header.empty()) {
    // A name that is not valid in a field is not told, and the client's own is not passed on.
    head.headers.Remove(config_.name_header);
    head.headers.Add(config_.name_header, name);
  }
  return http::Answer::kContinue;
}

void BasicAuthFilter::Refuse(const http::RequestHead& head, std::string_view why,
                             std::string_view details) {
  constexpr size_t kMaxPath = 256;
  context_.worker_state<BasicAuthState>().stats.denied.Inc();
  http::LocalReply reply;
  reply.status = 401;
  reply.body = absl::StrCat("User authentication failed. ", std::string(why));
  reply.details = details;
  const std::string_view original = head.headers.Get(HeaderId::kXEnvoyOriginalPath);
  const std::string_view path = original.empty() ? head.path : original;
  reply.fields.emplace_back(
      "www-authenticate",
      absl::StrCat("Basic realm=\"", std::string(head.scheme), "://", std::string(head.authority),
                   std::string(path.substr(0, kMaxPath)), "\""));
  context_.SendLocalReply(std::move(reply));
}

}  // namespace remora::extensions
