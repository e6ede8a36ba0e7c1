#include "source/config/failure_policy_config.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/route_match_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace routes = envoy::config::route::v3;
using Mirrors = google::protobuf::RepeatedPtrField<routes::RouteAction::RequestMirrorPolicy>;
using envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;

// As Envoy, which counts in milliseconds.
constexpr event::Duration kShortestInterval = event::kMillisecond;

uint32_t ParseRetryOnWords(const std::string& words, const FieldPath& path,
                           Translation& translation) {
  uint32_t bits = 0;
  std::string_view rest = words;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    bool known = false;
    bool known_grpc = false;
    bits |= route::ParseRetryOn(word, known) | route::ParseRetryGrpcOn(word, known_grpc);
    if (!known && !known_grpc) {
      translation.warnings.Add(path, Concat("'", word, "' is no word of retry_on; it is ignored"));
    }
  }
  if (bits & route::kRetryOnHttp3PostConnectFailure) {
    translation.warnings.Add(path,
                             "http3-post-connect-failure has no effect: HTTP/3 is not spoken");
  }
  return bits;
}

void ParseBackOff(const routes::RetryPolicy& proto, const FieldPath& path, Translation& translation,
                  route::RetryPolicy& policy) {
  if (proto.has_retry_back_off()) {
    const routes::RetryPolicy::RetryBackOff& given = proto.retry_back_off();
    const FieldPath back_off = path.Field("retry_back_off");
    policy.base_interval = std::max(
        kShortestInterval,
        ParseDuration(given.base_interval(), back_off.Field("base_interval"), translation));
    policy.max_interval = policy.base_interval * 10;
    if (given.has_max_interval()) {
      policy.max_interval = std::max(
          kShortestInterval,
          ParseDuration(given.max_interval(), back_off.Field("max_interval"), translation));
    }
    if (policy.max_interval < policy.base_interval) {
      translation.errors.Add(
          back_off, "retry_policy.max_interval must greater than or equal to the base_interval");
    }
  }
  const routes::RetryPolicy::RateLimitedRetryBackOff& limited = proto.rate_limited_retry_back_off();
  for (const routes::RetryPolicy::ResetHeader& header : limited.reset_headers()) {
    const bool time = header.format() == routes::RetryPolicy::UNIX_TIMESTAMP;
    policy.reset_headers.push_back(
        {absl::AsciiStrToLower(header.name()),
         time ? route::ResetHeader::Format::kUnixTimestamp : route::ResetHeader::Format::kSeconds});
  }
  if (limited.has_max_interval()) {
    const FieldPath field = path.Field("rate_limited_retry_back_off");
    policy.reset_max_interval =
        ParseDuration(limited.max_interval(), field.Field("max_interval"), translation);
  }
}

void ParseHostPredicates(const routes::RetryPolicy& proto, const FieldPath& path,
                         Translation& translation, route::RetryPolicy& policy) {
  constexpr std::string_view kPreviousHosts = "envoy.retry_host_predicates.previous_hosts";
  const FieldPath list = path.Field("retry_host_predicate");
  for (int i = 0; i < proto.retry_host_predicate_size(); ++i) {
    const routes::RetryPolicy::RetryHostPredicate& predicate = proto.retry_host_predicate(i);
    const bool known = predicate.has_typed_config()
                           ? predicate.typed_config().Is<PreviousHostsPredicate>()
                           : predicate.name() == kPreviousHosts;
    if (known) {
      policy.avoid_previous_hosts = true;
    } else {
      AddNoImplementation(predicate.name(), predicate.typed_config().type_url(),
                          list.Index(static_cast<size_t>(i)), translation);
    }
  }
  // As Envoy, which takes 0 for "not set".
  if (proto.host_selection_retry_max_attempts() > 0) {
    policy.more_picks = static_cast<uint32_t>(
        std::min<int64_t>(proto.host_selection_retry_max_attempts(), UINT32_MAX - 1));
  }
}

void ParseConditions(const routes::RetryPolicy& proto, const FieldPath& path,
                     Translation& translation, route::RetryPolicy& policy) {
  if (proto.retriable_headers().empty() && proto.retriable_request_headers().empty()) return;
  auto headers = std::make_shared<route::RetryHeaders>();
  const FieldPath response = path.Field("retriable_headers");
  for (int i = 0; i < proto.retriable_headers_size(); ++i) {
    headers->response.push_back(ParseHeaderMatch(
        proto.retriable_headers(i), response.Index(static_cast<size_t>(i)), translation));
  }
  const FieldPath request = path.Field("retriable_request_headers");
  for (int i = 0; i < proto.retriable_request_headers_size(); ++i) {
    headers->request.push_back(ParseHeaderMatch(
        proto.retriable_request_headers(i), request.Index(static_cast<size_t>(i)), translation));
  }
  policy.headers = std::move(headers);
}

std::shared_ptr<route::RetryPolicy> ParseRetryPolicy(const routes::RetryPolicy& proto,
                                                     const FieldPath& path,
                                                     Translation& translation) {
  auto policy = std::make_shared<route::RetryPolicy>();
  policy->retry_on = ParseRetryOnWords(proto.retry_on(), path.Field("retry_on"), translation);
  if (proto.has_num_retries()) policy->num_retries = proto.num_retries().value();
  if (proto.has_per_try_timeout()) {
    policy->per_try_timeout =
        ParseDuration(proto.per_try_timeout(), path.Field("per_try_timeout"), translation);
  }
  if (proto.has_per_try_idle_timeout()) {
    policy->per_try_idle_timeout = ParseDuration(proto.per_try_idle_timeout(),
                                                 path.Field("per_try_idle_timeout"), translation);
  }
  policy->status_codes.assign(proto.retriable_status_codes().begin(),
                              proto.retriable_status_codes().end());
  ParseBackOff(proto, path, translation, *policy);
  ParseHostPredicates(proto, path, translation, *policy);
  ParseConditions(proto, path, translation, *policy);
  return policy;
}

uint32_t Denominator(const envoy::type::v3::FractionalPercent& proto) {
  switch (proto.denominator()) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      return 10'000;
    case envoy::type::v3::FractionalPercent::MILLION:
      return 1'000'000;
    default:
      return 100;
  }
}

std::vector<route::MirrorPolicy> ParseMirrors(const Mirrors& protos, bool validate_clusters,
                                              const FieldPath& list, Translation& translation) {
  std::vector<route::MirrorPolicy> mirrors;
  for (int i = 0; i < protos.size(); ++i) {
    const routes::RouteAction::RequestMirrorPolicy& proto = protos.Get(i);
    const FieldPath path = list.Index(static_cast<size_t>(i));
    route::MirrorPolicy mirror;
    mirror.cluster = proto.cluster();
    mirror.cluster_header = absl::AsciiStrToLower(proto.cluster_header());
    if (!mirror.cluster.empty() && !mirror.cluster_header.empty()) {
      translation.errors.Add(
          path, Concat("Only one of cluster '", mirror.cluster, "' or cluster_header '",
                       mirror.cluster_header, "' in request mirror policy can be specified"));
    } else if (mirror.cluster.empty() && mirror.cluster_header.empty()) {
      translation.errors.Add(path,
                             "Exactly one of cluster or cluster_header in request mirror "
                             "policy need to be specified");
    } else if (validate_clusters && !mirror.cluster.empty() && !translation.Knows(mirror.cluster)) {
      translation.errors.Add(path.Field("cluster"),
                             Concat("route: unknown shadow cluster '", mirror.cluster, "'"));
    }
    if (proto.has_runtime_fraction()) {
      const envoy::type::v3::FractionalPercent& share = proto.runtime_fraction().default_value();
      mirror.fraction = {proto.runtime_fraction().runtime_key(),
                         {share.numerator(), Denominator(share)}};
    }
    mirror.host_suffix = !proto.disable_shadow_host_suffix_append();
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

// The newer field has precedence, as in Envoy.
template <class Proto>
std::optional<uint64_t> ParseBodyLimit(const Proto& proto) {
  if (proto.has_request_body_buffer_limit()) return proto.request_body_buffer_limit().value();
  if (proto.has_per_request_buffer_limit_bytes()) {
    return proto.per_request_buffer_limit_bytes().value();
  }
  return std::nullopt;
}

}  // namespace

route::FailureSettings ParseRouteFailure(const routes::Route& proto, bool validate_clusters,
                                         const FieldPath& path, Translation& translation) {
  route::FailureSettings settings;
  const FieldPath action = path.Field("route");
  if (proto.route().has_retry_policy()) {
    settings.retry =
        ParseRetryPolicy(proto.route().retry_policy(), action.Field("retry_policy"), translation);
  }
  settings.mirrors = ParseMirrors(proto.route().request_mirror_policies(), validate_clusters,
                                  action.Field("request_mirror_policies"), translation);
  settings.body_limit = ParseBodyLimit(proto);
  return settings;
}

route::FailureSettings ParseVirtualHostFailure(const routes::VirtualHost& proto,
                                               bool validate_clusters, const FieldPath& path,
                                               Translation& translation) {
  route::FailureSettings settings;
  if (proto.has_retry_policy()) {
    settings.retry =
        ParseRetryPolicy(proto.retry_policy(), path.Field("retry_policy"), translation);
  }
  settings.mirrors = ParseMirrors(proto.request_mirror_policies(), validate_clusters,
                                  path.Field("request_mirror_policies"), translation);
  settings.body_limit = ParseBodyLimit(proto);
  settings.count_attempts_in_request = proto.include_request_attempt_count();
  settings.count_attempts_in_response = proto.include_attempt_count_in_response();
  settings.mark_timeout_retries = proto.include_is_timeout_retry_header();
  return settings;
}

route::FailureSettings ParseTableFailure(const routes::RouteConfiguration& proto,
                                         bool validate_clusters, const FieldPath& path,
                                         Translation& translation) {
  route::FailureSettings settings;
  settings.mirrors = ParseMirrors(proto.request_mirror_policies(), validate_clusters,
                                  path.Field("request_mirror_policies"), translation);
  return settings;
}

}  // namespace remora::config
