#include "source/http/route/retry_policy.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "source/http/route/conditions.h"

namespace remora::route {
namespace {

struct Word {
  std::string_view text;
  uint32_t bit;
};

constexpr Word kWords[] = {
    {"5xx", kRetryOn5xx},
    {"gateway-error", kRetryOnGatewayError},
    {"connect-failure", kRetryOnConnectFailure},
    {"envoy-ratelimited", kRetryOnEnvoyRateLimited},
    {"retriable-4xx", kRetryOnRetriable4xx},
    {"refused-stream", kRetryOnRefusedStream},
    {"retriable-status-codes", kRetryOnStatusCodes},
    {"retriable-headers", kRetryOnHeaders},
    {"reset", kRetryOnReset},
    {"reset-before-request", kRetryOnResetBeforeRequest},
    {"http3-post-connect-failure", kRetryOnHttp3PostConnectFailure},
};

constexpr Word kGrpcWords[] = {
    {"cancelled", kRetryOnGrpcCancelled},     {"deadline-exceeded", kRetryOnGrpcDeadlineExceeded},
    {"internal", kRetryOnGrpcInternal},       {"resource-exhausted", kRetryOnGrpcResourceExhausted},
    {"unavailable", kRetryOnGrpcUnavailable},
};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <size_t kCount>
uint32_t ParseWords(std::string_view list, const Word (&words)[kCount], bool& known) {
  uint32_t bits = 0;
  known = true;
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    const std::string_view text = Trim(part);
    if (text.empty()) continue;
    const Word* found = std::find_if(std::begin(words), std::end(words),
                                     [text](const Word& word) { return word.text == text; });
    if (found == std::end(words)) {
      known = false;
    } else {
      bits |= found->bit;
    }
  }
  return bits;
}

}  // namespace

uint32_t ParseRetryOn(std::string_view words, bool& known) {
  return ParseWords(words, kWords, known);
}

uint32_t ParseRetryGrpcOn(std::string_view words, bool& known) {
  return ParseWords(words, kGrpcWords, known);
}

// The header conditions, compiled.
class RetryConditions {
 public:
  std::vector<HeaderMatcher> request;
  std::vector<HeaderMatcher> response;
};

absl::Status RetryPolicy::CompileConditions(uint32_t max_regex_program_size) {
  if (headers == nullptr) return absl::OkStatus();
  auto compiled = std::make_shared<RetryConditions>();
  const auto compile = [&](const std::vector<HeaderMatch>& from, std::vector<HeaderMatcher>& to) {
    for (const HeaderMatch& match : from) {
      auto matcher = HeaderMatcher::Compile(match, max_regex_program_size);
      if (!matcher.ok()) return matcher.status();
      to.push_back(*std::move(matcher));
    }
    return absl::OkStatus();
  };
  absl::Status status = compile(headers->request, compiled->request);
  if (status.ok()) status = compile(headers->response, compiled->response);
  if (status.ok()) conditions = std::move(compiled);
  return status;
}

bool RetryPolicy::RequestAllowed(const http::RequestHead& head) const {
  if (conditions == nullptr || conditions->request.empty()) return true;
  return std::any_of(conditions->request.begin(), conditions->request.end(),
                     [&head](const HeaderMatcher& matcher) { return matcher.Matches(head); });
}

bool RetryPolicy::ResponseMatches(const http::ResponseHead& head) const {
  if (conditions == nullptr) return false;
  return std::any_of(conditions->response.begin(), conditions->response.end(),
                     [&head](const HeaderMatcher& matcher) { return matcher.Matches(head); });
}

}  // namespace remora::route
