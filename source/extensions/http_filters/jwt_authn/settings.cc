#include "source/extensions/http_filters/jwt_authn/settings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/http_uri.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "source/config/extension_values.h"
#include "source/http/header_map.h"

namespace remora::extensions {
namespace {

namespace proto = envoy::extensions::filters::http::jwt_authn::v3;
using Kind = JwtRequirement::Kind;

constexpr uint64_t kMaxKeySetSize = uint64_t{4} * 1024 * 1024;

std::string_view WithoutScheme(std::string_view name) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (name.starts_with(scheme)) name.remove_prefix(scheme.size());
  }
  if (name.ends_with('/')) name.remove_suffix(1);
  return name;
}

class Parser {
 public:
  Parser(JwtSettings& settings, config::ConfigContext& context)
      : settings_(settings), context_(context) {}

  void Providers(const proto::JwtAuthentication& message);
  void Requirements(const proto::JwtAuthentication& message);

 private:
  JwtProvider Provider(const std::string& name, const proto::JwtProvider& message);
  void Keys(const proto::JwtProvider& message, const std::string& field, JwtProvider& provider);
  RemoteKeys Remote(const proto::RemoteJwks& message, const std::string& field);
  void Uri(const std::string& uri, const std::string& field, RemoteKeys& remote);
  void Places(const proto::JwtProvider& message, const std::string& field, JwtProvider& provider);
  std::string HeaderName(const std::string& name, const std::string& field);

  JwtRequirement Requirement(const proto::JwtRequirement& message, const std::string& field,
                             const std::vector<size_t>& beside);
  JwtRequirement Any(const proto::JwtRequirementOrList& message, const std::string& field);
  JwtRequirement All(const proto::JwtRequirementAndList& message, const std::string& field);
  JwtRequirement OfProvider(const std::string& name, const std::string& field);
  JwtRequirement Allowed(Kind kind, const std::vector<size_t>& providers);
  JwtRequirement OfRule(const proto::RequirementRule& rule, const std::string& field);

  JwtSettings& settings_;
  config::ConfigContext& context_;
};

void Parser::Providers(const proto::JwtAuthentication& message) {
  std::map<std::string, const proto::JwtProvider*> ordered;
  for (const auto& [name, provider] : message.providers()) ordered[name] = &provider;
  for (const auto& [name, provider] : ordered) {
    settings_.providers.push_back(Provider(name, *provider));
  }
}

JwtProvider Parser::Provider(const std::string& name, const proto::JwtProvider& message) {
  const std::string field = absl::StrCat("providers[\"", name, "\"]");
  JwtProvider provider;
  provider.name = name;
  provider.issuer = message.issuer();
  provider.audiences = Audiences({message.audiences().begin(), message.audiences().end()});
  if (message.has_subjects()) {
    provider.subjects =
        config::ParseStringMatcher(message.subjects(), field + ".subjects", context_);
  }
  provider.require_expiration = message.require_expiration();
  if (message.has_max_lifetime()) {
    provider.max_lifetime =
        config::ParseExtensionDuration(message.max_lifetime(), field + ".max_lifetime", context_);
  }
  Keys(message, field, provider);
  Places(message, field, provider);
  provider.forward = message.forward();
  provider.pad_payload_header = message.pad_forward_payload_header();
  provider.payload_in_metadata = message.payload_in_metadata();
  provider.header_in_metadata = message.header_in_metadata();
  provider.failure_in_metadata = message.failed_status_in_metadata();
  const auto& split = message.normalize_payload_in_metadata().space_delimited_claims();
  provider.split_claims.assign(split.begin(), split.end());
  if (message.clock_skew_seconds() > 0) provider.clock_skew = message.clock_skew_seconds();
  if (message.has_jwt_cache_config()) {
    const uint32_t size = message.jwt_cache_config().jwt_cache_size();
    provider.cache_size = size > 0 ? size : JwtProvider::kDefaultCacheSize;
  }
  provider.reroute = message.clear_route_cache();
  return provider;
}

void Parser::Keys(const proto::JwtProvider& message, const std::string& field,
                  JwtProvider& provider) {
  if (message.has_remote_jwks()) {
    provider.remote = Remote(message.remote_jwks(), field + ".remote_jwks");
    return;
  }
  const std::string place = field + ".local_jwks";
  const size_t errors = context_.errors().size();
  const std::string text =
      config::ParseExtensionDataSource(message.local_jwks(), kMaxKeySetSize, place, context_);
  if (context_.errors().size() > errors) return;
  auto keys = KeySet::Parse(text);
  if (keys.ok()) {
    provider.keys = *std::move(keys);
    return;
  }
  const absl::string_view why = keys.status().message();
  context_.AddError(place, std::string_view(why.data(), why.size()));
}

RemoteKeys Parser::Remote(const proto::RemoteJwks& message, const std::string& field) {
  RemoteKeys remote;
  remote.cluster = message.http_uri().cluster();
  Uri(message.http_uri().uri(), field + ".http_uri.uri", remote);
  remote.timeout = config::ParseExtensionDuration(message.http_uri().timeout(),
                                                  field + ".http_uri.timeout", context_);
  if (message.has_cache_duration()) {
    remote.cache_duration = config::ParseExtensionDuration(message.cache_duration(),
                                                           field + ".cache_duration", context_);
  }
  remote.ahead = message.has_async_fetch();
  if (message.async_fetch().has_failed_refetch_duration()) {
    remote.failed_refetch =
        config::ParseExtensionDuration(message.async_fetch().failed_refetch_duration(),
                                       field + ".async_fetch.failed_refetch_duration", context_);
  }
  return remote;
}

// Which scheme it is does not matter: the connection is the cluster's business.
void Parser::Uri(const std::string& uri, const std::string& field, RemoteKeys& remote) {
  std::string_view rest = uri;
  const bool has_scheme = uri.starts_with("http://") || uri.starts_with("https://");
  if (has_scheme) rest.remove_prefix(rest.find("://") + 3);
  const size_t slash = std::min(rest.size(), rest.find_first_of("/?#"));
  remote.host = rest.substr(0, slash);
  remote.path = rest.substr(slash, rest.find('#') - slash);
  if (!remote.path.starts_with('/')) remote.path.insert(0, "/");
  const auto is_printable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!has_scheme || remote.host.empty() || !std::all_of(uri.begin(), uri.end(), is_printable)) {
    context_.AddError(field, absl::StrCat("\"", uri, "\" is no http URI with a host"));
  }
}

std::string Parser::HeaderName(const std::string& name, const std::string& field) {
  std::string lower = absl::AsciiStrToLower(name);
  if (!lower.empty() && !http::IsValidHeaderName(lower)) {
    context_.AddError(field, absl::StrCat("\"", name, "\" is no header name"));
  }
  return lower;
}

void Parser::Places(const proto::JwtProvider& message, const std::string& field,
                    JwtProvider& provider) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const proto::JwtHeader& header : message.from_headers()) {
    headers.emplace_back(header.name(), header.value_prefix());
  }
  provider.places.Add(message.issuer(), headers,
                      {message.from_params().begin(), message.from_params().end()},
                      {message.from_cookies().begin(), message.from_cookies().end()});
  provider.payload_header =
      HeaderName(message.forward_payload_header(), field + ".forward_payload_header");
  if (!provider.payload_header.empty()) provider.places.AddReserved(provider.payload_header);
  for (int i = 0; i < message.claim_to_headers_size(); ++i) {
    const proto::JwtClaimToHeader& claim = message.claim_to_headers(i);
    std::string name =
        HeaderName(claim.header_name(), absl::StrCat(field, ".claim_to_headers[", i, "]"));
    provider.places.AddReserved(name);
    provider.claim_headers.emplace_back(std::move(name), claim.claim_name());
  }
}

void Parser::Requirements(const proto::JwtAuthentication& message) {
  for (const auto& [name, requirement] : message.requirement_map()) {
    settings_.named[name] =
        Requirement(requirement, absl::StrCat("requirement_map[\"", name, "\"]"), {});
  }
  std::vector<const envoy::config::route::v3::RouteMatch*> matches;
  for (int i = 0; i < message.rules_size(); ++i) {
    const proto::RequirementRule& rule = message.rules(i);
    matches.push_back(&rule.match());
    settings_.rule_requirements.push_back(OfRule(rule, absl::StrCat("rules[", i, "]")));
  }
  if (!matches.empty()) settings_.rules = config::ParseRouteMatches(matches, "rules", context_);
}

JwtRequirement Parser::OfRule(const proto::RequirementRule& rule, const std::string& field) {
  if (rule.requirement_type_case() != proto::RequirementRule::kRequirementName) {
    return Requirement(rule.requires_(), field + ".requires", {});
  }
  const auto named = settings_.named.find(rule.requirement_name());
  if (named != settings_.named.end()) return named->second;
  context_.AddError(field + ".requirement_name",
                    absl::StrCat("Wrong requirement_name: ", rule.requirement_name(),
                                 ". It should be one of requirement_map"));
  return {};
}

JwtRequirement Parser::OfProvider(const std::string& name, const std::string& field) {
  JwtRequirement requirement;
  requirement.kind = Kind::kProvider;
  const auto found =
      std::find_if(settings_.providers.begin(), settings_.providers.end(),
                   [&name](const JwtProvider& provider) { return provider.name == name; });
  if (found == settings_.providers.end()) {
    context_.AddError(field, absl::StrCat("Required provider ['", name, "'] is not configured."));
  } else {
    requirement.provider = static_cast<size_t>(found - settings_.providers.begin());
  }
  return requirement;
}

JwtRequirement Parser::Allowed(Kind kind, const std::vector<size_t>& providers) {
  JwtRequirement requirement;
  requirement.kind = kind;
  auto places = std::make_unique<TokenPlaces>();
  if (providers.empty()) {
    for (const JwtProvider& provider : settings_.providers) places->Add(provider.places);
  }
  for (const size_t provider : providers) places->Add(settings_.providers[provider].places);
  requirement.places = std::move(places);
  return requirement;
}

JwtRequirement Parser::Requirement(const proto::JwtRequirement& message, const std::string& field,
                                   const std::vector<size_t>& beside) {
  switch (message.requires_type_case()) {
    case proto::JwtRequirement::kProviderName:
      return OfProvider(message.provider_name(), field + ".provider_name");
    case proto::JwtRequirement::kProviderAndAudiences: {
      const proto::ProviderWithAudiences& with = message.provider_and_audiences();
      JwtRequirement requirement =
          OfProvider(with.provider_name(), field + ".provider_and_audiences.provider_name");
      if (with.audiences_size() > 0) {
        requirement.audiences = Audiences({with.audiences().begin(), with.audiences().end()});
      }
      return requirement;
    }
    case proto::JwtRequirement::kRequiresAny:
      return Any(message.requires_any(), field + ".requires_any");
    case proto::JwtRequirement::kRequiresAll:
      return All(message.requires_all(), field + ".requires_all");
    case proto::JwtRequirement::kAllowMissingOrFailed:
      return Allowed(Kind::kAllowMissingOrFailed, beside);
    case proto::JwtRequirement::kAllowMissing:
      return Allowed(Kind::kAllowMissing, beside);
    case proto::JwtRequirement::REQUIRES_TYPE_NOT_SET:
      break;
  }
  return {};
}

JwtRequirement Parser::All(const proto::JwtRequirementAndList& message, const std::string& field) {
  JwtRequirement all;
  all.kind = Kind::kAll;
  for (int i = 0; i < message.requirements_size(); ++i) {
    all.parts.push_back(
        Requirement(message.requirements(i), absl::StrCat(field, ".requirements[", i, "]"), {}));
  }
  return all;
}

// What allows anything comes last, once, and stands for the providers beside it.
JwtRequirement Parser::Any(const proto::JwtRequirementOrList& message, const std::string& field) {
  JwtRequirement any;
  any.kind = Kind::kAny;
  Kind allowed = Kind::kNone;
  std::vector<size_t> beside;
  for (int i = 0; i < message.requirements_size(); ++i) {
    const proto::JwtRequirement& part = message.requirements(i);
    if (part.has_allow_missing_or_failed()) {
      allowed = Kind::kAllowMissingOrFailed;
    } else if (part.has_allow_missing()) {
      if (allowed == Kind::kNone) allowed = Kind::kAllowMissing;
    } else {
      any.parts.push_back(Requirement(part, absl::StrCat(field, ".requirements[", i, "]"), {}));
      if (any.parts.back().kind == Kind::kProvider) beside.push_back(any.parts.back().provider);
    }
  }
  // A provider that is not there has been told.
  std::erase_if(beside, [this](size_t index) { return index >= settings_.providers.size(); });
  if (allowed != Kind::kNone) any.parts.push_back(Allowed(allowed, beside));
  return any;
}

}  // namespace

Audiences::Audiences(const std::vector<std::string>& names) {
  for (const std::string& name : names) names_.emplace_back(WithoutScheme(name));
}

bool Audiences::Accept(const std::vector<std::string>& names) const {
  if (names_.empty()) return true;
  return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
    return std::find(names_.begin(), names_.end(), WithoutScheme(name)) != names_.end();
  });
}

const JwtProvider* JwtSettings::FindByIssuer(std::string_view issuer) const {
  const JwtProvider* any = nullptr;
  for (const JwtProvider& provider : providers) {
    if (provider.issuer == issuer) return &provider;
    if (provider.issuer.empty() && any == nullptr) any = &provider;
  }
  return any;
}

const JwtRequirement* JwtSettings::FindRule(const http::RequestHead& head, uint64_t random,
                                            const runtime::Snapshot& runtime,
                                            const http::Metadata* metadata) const {
  if (rules == nullptr) return nullptr;
  const route::MatchResult match = rules->Match(head, random, &runtime, metadata);
  if (match.route == nullptr) return nullptr;
  return &rule_requirements[static_cast<size_t>(match.route - match.virtual_host->routes().data())];
}

std::optional<JwtSettings> ParseJwtAuthn(const proto::JwtAuthentication& proto,
                                         config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  JwtSettings settings;
  settings.bypass_cors_preflight = proto.bypass_cors_preflight();
  settings.tell_nothing = proto.strip_failure_response();
  Parser parser(settings, context);
  parser.Providers(proto);
  parser.Requirements(proto);
  if (context.errors().size() > errors) return std::nullopt;
  return settings;
}

}  // namespace remora::extensions
