#include "source/extensions/http_filters/jwt_authn/jwt_authn.h"

#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;
using http::MetadataValue;

namespace {

constexpr const char* kMetadataName = "envoy.filters.http.jwt_authn";
constexpr uint16_t kUnauthorized = 401;
constexpr uint16_t kForbidden = 403;

bool IsCorsPreflight(const http::RequestHead& head) {
  if (head.method_id != http::Method::kOptions || head.headers.Get(HeaderId::kOrigin).empty()) {
    return false;
  }
  const http::HeaderEntry* wish = head.headers.Find("access-control-request-method");
  return wish != nullptr && !wish->value().empty();
}

// The request's URI, as `www-authenticate` names it.
std::string OriginalUri(const http::RequestHead& head) {
  constexpr size_t kMaxPath = 256;
  const std::string_view original = head.headers.Get(HeaderId::kXEnvoyOriginalPath);
  const std::string_view path = original.empty() ? head.path : original;
  return absl::StrCat(std::string(head.scheme), "://", std::string(head.authority),
                      std::string(path.substr(0, kMaxPath)));
}

// One word, for logs.
std::string DetailsOf(std::string_view text) {
  return absl::StrCat("jwt_authn_access_denied{",
                      absl::StrReplaceAll(std::string(text), {{" ", "_"}}), "}");
}

std::string NumberText(double number) {
  constexpr double kEnd = 18446744073709551616.0;  // 2^64
  if (number >= 0 && number < kEnd && std::trunc(number) == number) {
    return std::to_string(static_cast<uint64_t>(number));
  }
  return std::to_string(number);
}

// A claim as a header field has it: lists and structs are base64 of JSON. Empty: it has none.
std::string ClaimText(const MetadataValue& claim) {
  switch (claim.kind) {
    case MetadataValue::Kind::kString:
      return claim.text;
    case MetadataValue::Kind::kNumber:
      return NumberText(claim.number);
    case MetadataValue::Kind::kBoolean:
      return claim.boolean ? "true" : "false";
    case MetadataValue::Kind::kList:
    case MetadataValue::Kind::kStruct: {
      std::string json;
      claim.AppendJson(json);
      return absl::Base64Escape(json);
    }
    case MetadataValue::Kind::kNull:
      break;
  }
  return {};
}

MetadataValue TextValue(std::string_view text) {
  MetadataValue value;
  value.kind = MetadataValue::Kind::kString;
  value.text = text;
  return value;
}

MetadataValue FailureValue(JwtFailure failure) {
  MetadataValue value;
  value.kind = MetadataValue::Kind::kStruct;
  MetadataValue& code = value.fields["code"];
  code.kind = MetadataValue::Kind::kNumber;
  code.number = static_cast<double>(failure);
  value.fields["message"] = TextValue(FailureText(failure));
  return value;
}

MetadataValue NormalizedPayload(const JwtProvider& provider, const MetadataValue& payload) {
  MetadataValue normalized = payload;
  for (const std::string& claim : provider.split_claims) {
    const auto found = normalized.fields.find(claim);
    if (found == normalized.fields.end() || found->second.kind != MetadataValue::Kind::kString) {
      continue;
    }
    MetadataValue list;
    list.kind = MetadataValue::Kind::kList;
    for (const absl::string_view word :
         absl::StrSplit(found->second.text, ' ', absl::SkipEmpty())) {
      list.items.push_back(TextValue({word.data(), word.size()}));
    }
    // A text without words stays, as in Envoy.
    if (!list.items.empty()) found->second = std::move(list);
  }
  return normalized;
}

}  // namespace

std::optional<JwtAuthn::Config> JwtAuthn::Parse(const Proto& proto,
                                                config::ConfigContext& context) {
  return ParseJwtAuthn(proto, context);
}

std::optional<JwtAuthn::RouteConfig> JwtAuthn::ParseRoute(const RouteProto& proto,
                                                          config::ConfigContext&) {
  // The other choice is `disabled`, which is true by its rule.
  RouteConfig config;
  if (!proto.disabled()) config.requirement = proto.requirement_name();
  return config;
}

http::FilterPtr JwtAuthn::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<JwtAuthnFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> JwtAuthn::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<JwtState>(config, setup);
}

bool JwtAuthnFilter::FindRequirement(const http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<JwtAuthn::RouteConfig>();
  if (route == nullptr) {
    requirement_ = settings_.FindRule(head, context_.random().Next(), context_.runtime(),
                                      context_.stream_info().dynamic_metadata);
    return true;
  }
  if (route->requirement.empty()) return true;
  const auto named = settings_.named.find(route->requirement);
  if (named != settings_.named.end()) {
    requirement_ = &named->second;
    return true;
  }
  const std::string why = absl::StrCat(
      "Wrong requirement_name: ", route->requirement, ". It should be one of [",
      absl::StrJoin(settings_.named, ",",
                    [](std::string* out, const auto& entry) { out->append(entry.first); }),
      "]");
  state().stats.denied.Inc();
  http::LocalReply reply;
  reply.status = kForbidden;
  if (!settings_.tell_nothing) reply.body = absl::StrCat("Failed JWT authentication: ", why);
  reply.details = context_.arena().Copy(DetailsOf(why));
  context_.SendLocalReply(std::move(reply));
  return false;
}

Answer JwtAuthnFilter::OnRequestHead(http::RequestHead& head) {
  if (settings_.bypass_cors_preflight && IsCorsPreflight(head)) {
    state().stats.cors_preflight_bypassed.Inc();
    state().stats.allowed.Inc();
    return Answer::kContinue;
  }
  if (!FindRequirement(head)) return Answer::kContinue;
  if (requirement_ == nullptr) {
    state().stats.allowed.Inc();
    return Answer::kContinue;
  }
  head_ = &head;
  const int64_t now = context_.dispatcher().wall_now() / event::kSecond;
  check_.emplace(settings_, state(), head, static_cast<uint64_t>(now));
  return Check() ? Answer::kContinue : Answer::kPause;
}

bool JwtAuthnFilter::Check() {
  while (true) {
    const TokenCheck::Outcome outcome = check_->Run(*requirement_);
    if (!outcome.waits) {
      Finish(outcome.failure);
      return true;
    }
    awaited_ = check_->needed();
    if (state().FetchKeys(*awaited_, context_.clusters(), *this)) return false;
    check_->AddKeys(*awaited_, nullptr);
  }
}

void JwtAuthnFilter::OnKeys(std::shared_ptr<const KeySet> keys) {
  check_->AddKeys(*awaited_, std::move(keys));
  if (Check()) context_.ResumeRequest();
}

void JwtAuthnFilter::Finish(JwtFailure failure) {
  CarryOut();
  if (failure != JwtFailure::kNone) return Refuse(failure);
  state().stats.allowed.Inc();
  if (reroute_) context_.Reroute();
}

void JwtAuthnFilter::CarryOut() {
  MetadataValue told;
  for (const TokenCheck::Finding& finding : check_->findings()) CarryOut(finding, told);
  if (!told.fields.empty()) {
    metadata_.Merge(context_.stream_info(), kMetadataName, std::move(told));
  }
}

void JwtAuthnFilter::CarryOut(const TokenCheck::Finding& finding, MetadataValue& told) {
  switch (finding.kind) {
    case TokenCheck::Finding::Kind::kLooked:
      for (const std::string& name : finding.places->reserved()) head_->headers.Remove(name);
      return;
    case TokenCheck::Finding::Kind::kFailed:
      if (!finding.provider->failure_in_metadata.empty()) {
        told.fields[finding.provider->failure_in_metadata] = FailureValue(finding.failure);
      }
      return;
    case TokenCheck::Finding::Kind::kVerified:
      break;
  }
  const JwtProvider& provider = *finding.provider;
  AddClaims(provider, *finding.token);
  if (!provider.forward && finding.found.place == FoundToken::Place::kHeader) {
    head_->headers.Remove(finding.found.name);
  } else if (!provider.forward && finding.found.place == FoundToken::Place::kParameter) {
    head_->path = head_->arena().Copy(WithoutParameter(head_->path, finding.found.name));
  }
  if (!provider.header_in_metadata.empty()) {
    told.fields[provider.header_in_metadata] = finding.token->header;
  }
  if (!provider.payload_in_metadata.empty()) {
    told.fields[provider.payload_in_metadata] = NormalizedPayload(provider, finding.token->payload);
    reroute_ = reroute_ || provider.reroute;
  }
}

void JwtAuthnFilter::AddClaims(const JwtProvider& provider, const JwtToken& token) {
  if (!provider.payload_header.empty()) {
    std::string payload(token.payload_text());
    constexpr size_t kGroup = 4;
    while (provider.pad_payload_header && payload.size() % kGroup != 0) payload += '=';
    head_->headers.Add(provider.payload_header, payload);
  }
  for (const auto& [header, claim] : provider.claim_headers) {
    const std::vector<std::string> path = absl::StrSplit(claim, '.');
    const MetadataValue* value = token.payload.Find(path);
    const std::string text = value != nullptr ? ClaimText(*value) : std::string();
    // A claim that is not valid in a field is left out.
    if (text.empty() || !head_->headers.Add(header, text)) continue;
    reroute_ = reroute_ || provider.reroute;
  }
}

void JwtAuthnFilter::Refuse(JwtFailure failure) {
  state().stats.denied.Inc();
  http::LocalReply reply;
  reply.status = failure == JwtFailure::kAudienceNotAllowed ? kForbidden : kUnauthorized;
  reply.details = context_.arena().Copy(DetailsOf(FailureText(failure)));
  if (!settings_.tell_nothing) {
    reply.body = FailureText(failure);
    reply.fields.emplace_back(
        "www-authenticate",
        absl::StrCat("Bearer realm=\"", OriginalUri(*head_), "\"",
                     failure == JwtFailure::kMissing ? "" : ", error=\"invalid_token\""));
  }
  context_.SendLocalReply(std::move(reply));
}

}  // namespace remora::extensions
