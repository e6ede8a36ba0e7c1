// An asynchronous call: the request waits for another cluster's answer. Whatever ends the request
// meanwhile (a client that goes, a timeout) cancels the call, because letting go of it does.

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "remora_filter.h"

namespace {

using remora::sdk::Answer;
using remora::sdk::AsyncCall;
using remora::sdk::ConfigContext;
using remora::sdk::FilterContext;
using remora::sdk::Value;

constexpr std::string_view kUser = "x-user";
constexpr std::string_view kTenant = "x-tenant";
constexpr size_t kMaxTenant = 256;

class TenantLookupFilter;

// Asks a service which tenant a user belongs to, and tells the application: GET <path><user>, whose
// answer's body is the tenant. Requests that name no user pass.
//   cluster: tenants         the cluster of the service
//   path: /tenants/          (that is the default)
//   timeout_ms: 1000         how long the answer may take (that is the default)
//   pass_on_failure: false   when the service does not answer as it should, the request passes
//                            without a tenant; else it is answered with 503
struct TenantLookup {
  static constexpr std::string_view kName = "tenant_lookup";
  using Filter = TenantLookupFilter;
  struct Config {
    std::string cluster;
    std::string path;
    std::chrono::milliseconds timeout{1000};
    bool pass_on_failure = false;
    remora::sdk::Counter found;
    remora::sdk::Counter unknown;
    remora::sdk::Counter failed;
  };

  static std::optional<Config> Parse(const Value& value, ConfigContext& context) {
    context.AllowOnly(value, {"cluster", "path", "timeout_ms", "pass_on_failure"});
    Config config;
    config.cluster = value["cluster"].text().value_or("");
    if (config.cluster.empty()) context.AddError("cluster", "is needed");
    config.path = value["path"].text().value_or("/tenants/");
    if (config.path.empty() || config.path.front() != '/') context.AddError("path", "is no path");
    const double timeout = value["timeout_ms"].number().value_or(1000);
    if (timeout >= 1 && timeout <= 3600000) {
      config.timeout = std::chrono::milliseconds(static_cast<int64_t>(timeout));
    } else {
      context.AddError("timeout_ms", "needs a number from 1 to 3600000");
    }
    config.pass_on_failure = value["pass_on_failure"].boolean().value_or(false);
    config.found = context.MakeCounter("tenant_lookup.found");
    config.unknown = context.MakeCounter("tenant_lookup.unknown");
    config.failed = context.MakeCounter("tenant_lookup.failed");
    return config;
  }
};

// A user's name as a part of a path.
std::string Encoded(std::string_view name) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  std::string text;
  for (const char c : name) {
    if (kPlain.find(c) != std::string_view::npos) {
      text += c;
    } else {
      char code[4];
      std::snprintf(code, sizeof(code), "%%%02x", static_cast<unsigned char>(c));
      text += code;
    }
  }
  return text;
}

class TenantLookupFilter final : public remora::sdk::Filter {
 public:
  TenantLookupFilter(const TenantLookup::Config& config, FilterContext& context)
      : config_(config), context_(context), call_(context) {}

  Answer OnRequestHead(remora::sdk::RequestHead& head) override {
    // Nobody says it but the service.
    head.headers.Remove(kTenant);
    const std::optional<std::string_view> user = head.headers.Find(kUser);
    if (!user.has_value()) return Answer::kContinue;
    AsyncCall::Request request{.cluster = config_.cluster, .path = config_.path + Encoded(*user)};
    request.timeout = config_.timeout;
    request.max_body = kMaxTenant;
    if (!call_.Start(request, [this](const AsyncCall::Response& answer) { OnAnswer(answer); })) {
      Fail();
    }
    return Answer::kPause;
  }

 private:
  void OnAnswer(const AsyncCall::Response& answer) {
    const bool answered = answer.outcome == AsyncCall::Outcome::kAnswered;
    if (answered && answer.status == 404) {
      config_.unknown.Inc(context_);
      return Reply(403, "nobody knows this user\n", "tenant_lookup_unknown");
    }
    if (!answered || answer.status != 200 || answer.body.empty() ||
        !context_.request_head().headers.Set(kTenant, answer.body)) {
      return Fail();
    }
    config_.found.Inc(context_);
    context_.ResumeRequest();
  }

  void Fail() {
    config_.failed.Inc(context_);
    if (config_.pass_on_failure) return context_.ResumeRequest();
    Reply(503, "the service of tenants does not answer\n", "tenant_lookup_failed");
  }

  void Reply(uint32_t status, std::string body, std::string details) {
    context_.SendLocalReply({status, std::move(body), std::move(details)});
  }

  const TenantLookup::Config& config_;
  FilterContext& context_;
  AsyncCall call_;
};

}  // namespace

REMORA_FILTER_MODULE(TenantLookup)
