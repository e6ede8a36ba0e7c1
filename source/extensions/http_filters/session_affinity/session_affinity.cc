#include "source/extensions/http_filters/session_affinity/session_affinity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "openssl/digest.h"
#include "openssl/hmac.h"
#include "remora/extensions/filters/http/session_affinity/v1/session_affinity.pb.h"
#include "source/config/extension_values.h"
#include "source/http/route/hash_policy.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;

namespace {

using Proto = SessionAffinity::Proto;

std::string OrDefault(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

bool IsCookieName(const std::string& name) {
  return http::IsValidHeaderName(absl::AsciiStrToLower(name));
}

// Enough that no two addresses share it, and short enough for a cookie.
std::string KeyedHash(const std::string& key, std::string_view address) {
  constexpr size_t kBytes = 16;
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(address.data()),
       address.size(), hash, &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), kBytes));
}

std::shared_ptr<const http::HostIdentity> ParseIdentity(const Proto::InstanceId& proto,
                                                        config::ConfigContext& context) {
  constexpr uint64_t kMostKeyBytes = 4096;
  auto identity = std::make_shared<http::HostIdentity>();
  identity->metadata = {OrDefault(proto.metadata_namespace(), "remora.affinity"),
                        OrDefault(proto.metadata_key(), "instance_id")};
  if (proto.has_hash_key()) {
    const size_t errors = context.errors().size();
    std::string key = config::ParseExtensionDataSource(proto.hash_key(), kMostKeyBytes,
                                                       "instance_id.hash_key", context);
    if (key.empty() && context.errors().size() == errors) {
      context.AddError("instance_id.hash_key", "is empty");
    }
    identity->hash = [key = std::move(key)](std::string_view address) {
      return KeyedHash(key, address);
    };
  }
  return identity;
}

// The scheme of credentials or of a challenge.
bool IsNegotiate(std::string_view value) {
  return absl::StartsWithIgnoreCase(absl::string_view(value.data(), value.size()), "negotiate");
}

bool AsksToNegotiate(const http::ResponseHead& head) {
  bool asks = false;
  head.headers.ForEach([&asks](const http::HeaderEntry& entry) {
    asks |= entry.name() == "www-authenticate" && IsNegotiate(entry.value());
  });
  return asks;
}

}  // namespace

std::optional<SessionAffinity::Config> SessionAffinity::Parse(const Proto& proto,
                                                              config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.session_cookies.assign(proto.session_cookies().begin(), proto.session_cookies().end());
  if (config.session_cookies.empty()) config.session_cookies = {"JSESSIONID"};
  for (size_t i = 0; i < config.session_cookies.size(); ++i) {
    if (IsCookieName(config.session_cookies[i])) continue;
    context.AddError(absl::StrCat("session_cookies[", i, "]"), "is no name of a cookie");
  }
  config.instance_cookie = OrDefault(proto.instance_cookie(), "__VCAP_ID__");
  if (!IsCookieName(config.instance_cookie)) {
    context.AddError("instance_cookie", "is no name of a cookie");
  }
  const auto& cookies = config.session_cookies;
  if (std::find(cookies.begin(), cookies.end(), config.instance_cookie) != cookies.end()) {
    context.AddError("instance_cookie", "is one of the application's session cookies");
  }
  config.identity = ParseIdentity(proto.instance_id(), context);
  config.path = OrDefault(proto.path(), "/");
  if (!config.path.starts_with('/') || !http::IsValidHeaderValue(config.path) ||
      config.path.find(';') != std::string::npos) {
    context.AddError("path", "is no path of a cookie: it begins with / and has no ;");
  }
  config.always_secure = proto.secure() == Proto::ALWAYS;
  config.negotiate = proto.negotiate();
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<SessionAffinity::RouteConfig> SessionAffinity::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  RouteConfig route;
  if (proto.disabled()) return route;
  config::ConfigContext inner(context.errors(), context.path() + ".session_affinity",
                              context.around());
  route.affinity = Parse(proto.session_affinity(), inner);
  if (!route.affinity.has_value()) return std::nullopt;
  return route;
}

http::FilterPtr SessionAffinity::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<SessionAffinityFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> SessionAffinity::CreateWorkerState(
    const Config&, const http::WorkerSetup& setup) {
  return std::make_unique<SessionAffinityState>(setup);
}

bool SessionAffinityFilter::IsSessionCookie(std::string_view name) const {
  const std::vector<std::string>& names = affinity_->session_cookies;
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool SessionAffinityFilter::HasSession(const http::RequestHead& head) const {
  const std::vector<std::string>& names = affinity_->session_cookies;
  return std::any_of(names.begin(), names.end(), [&head](const std::string& name) {
    return route::FindCookie(head, name).has_value();
  });
}

Answer SessionAffinityFilter::OnRequestHead(http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<SessionAffinity::RouteConfig>();
  affinity_ = route == nullptr              ? &config_
              : route->affinity.has_value() ? &*route->affinity
                                            : nullptr;
  if (affinity_ == nullptr || !head.headers.Has(HeaderId::kCookie)) return Answer::kContinue;
  const std::optional<std::string_view> instance =
      route::FindCookie(head, affinity_->instance_cookie);
  if (!instance.has_value() || instance->empty()) return Answer::kContinue;
  const bool login =
      affinity_->negotiate && IsNegotiate(head.headers.Get(HeaderId::kAuthorization));
  // The instance cookie alone is what remains of a session that has ended.
  if (!login && !HasSession(head)) return Answer::kContinue;
  wanted_ = {
      .name = *instance, .identity = &affinity_->identity, .strict = login, .every_try = login};
  context_.stream_info().override_host = &wanted_;
  return Answer::kContinue;
}

Answer SessionAffinityFilter::OnResponseHead(http::ResponseHead& head) {
  if (affinity_ == nullptr) return Answer::kContinue;
  const http::StreamInfo& info = context_.stream_info();
  if (wanted_.strict && info.upstream_host.empty() &&
      info.flags.Has(http::ResponseFlag::kNoHealthyUpstream)) {
    stats().refused.Inc();
  }
  // What the proxy itself answers says nothing of an instance.
  if (info.response_code_details != "via_upstream") return Answer::kContinue;
  const bool login = affinity_->negotiate && AsksToNegotiate(head);
  // Most responses belong to no session and begin none: no name is computed for them.
  if (wanted_.name.empty() && !login && !SetsSession(head)) return Answer::kContinue;
  std::string made;
  const std::string_view id =
      affinity_->identity->Of(info.upstream_host_metadata, info.upstream_host, made);
  if (!wanted_.name.empty()) {
    (id == wanted_.name ? static_cast<const stats::Counter&>(stats().routed) : stats().moved).Inc();
  }
  if (!id.empty() && IsCookieValue(id)) GiveCookie(id, login, head);
  return Answer::kContinue;
}

bool SessionAffinityFilter::SetsSession(const http::ResponseHead& head) const {
  bool sets = false;
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    sets |= entry.id == HeaderId::kSetCookie && IsSessionCookie(SetCookie(entry.value()).name);
  });
  return sets;
}

void SessionAffinityFilter::GiveCookie(std::string_view id, bool login,
                                       http::ResponseHead& head) const {
  SetCookie session("");  // of the application
  bool has_session = false;
  bool given = false;  // by the application
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.id != HeaderId::kSetCookie) return;
    const SetCookie cookie(entry.value());
    given |= cookie.name == affinity_->instance_cookie;
    if (has_session || !IsSessionCookie(cookie.name)) return;
    session = cookie;
    has_session = true;
  });
  const bool news = (login || !wanted_.name.empty()) && id != wanted_.name;
  // A login's cookie lasts as long as the login.
  if (given || (!news && (login || !has_session))) return;
  const std::string text = CookieText(id, login, login ? SetCookie("") : session);
  if (head.headers.Add(HeaderId::kSetCookie, text)) stats().cookies.Inc();
}

std::string SessionAffinityFilter::CookieText(std::string_view id, bool login,
                                              const SetCookie& session) const {
  std::string text =
      absl::StrCat(affinity_->instance_cookie, "=", absl::string_view(id.data(), id.size()),
                   "; Path=", affinity_->path);
  const auto add = [&text](const char* name, std::string_view value) {
    if (!value.empty()) absl::StrAppend(&text, name, absl::string_view(value.data(), value.size()));
  };
  add("; Expires=", session.expires);
  add("; Max-Age=", login ? "60" : session.deletes ? "0" : "");
  text += "; HttpOnly";
  if (affinity_->always_secure || session.secure) text += "; Secure";
  add("; SameSite=", login ? "Strict" : session.same_site);
  if (session.partitioned) text += "; Partitioned";
  return text;
}

}  // namespace remora::extensions
