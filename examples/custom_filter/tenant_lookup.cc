// An asynchronous call: the request waits for another cluster's answer. Whatever ends the request
// meanwhile (a client that goes, a timeout) cancels the call, because letting go of it does.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "examples/custom_filter/filters.h"
#include "examples/custom_filter/tenant_lookup.pb.h"
#include "source/config/extension_values.h"
#include "source/http/filter/filter_context.h"
#include "source/upstream/async_request.h"

namespace example {
namespace {

using remora::http::Answer;
using remora::http::FilterContext;
using remora::upstream::AsyncRequest;

constexpr std::string_view kUser = "x-user";
constexpr std::string_view kTenant = "x-tenant";
constexpr size_t kMaxTenant = 256;

// One a worker.
struct TenantLookupState final : remora::http::FilterWorkerState {
  explicit TenantLookupState(const remora::http::WorkerSetup& setup)
      : found(setup.scope.MakeCounter(setup.shard, "tenant_lookup.found")),
        unknown(setup.scope.MakeCounter(setup.shard, "tenant_lookup.unknown")),
        failed(setup.scope.MakeCounter(setup.shard, "tenant_lookup.failed")) {}
  remora::stats::Counter found;
  remora::stats::Counter unknown;
  remora::stats::Counter failed;
};

class TenantLookupFilter;

struct TenantLookup {
  using Proto = filters::TenantLookup;
  using Filter = TenantLookupFilter;
  struct Config {
    std::string cluster;
    std::string path;
    remora::event::Duration timeout = remora::event::kSecond;
    bool pass_on_failure = false;
  };

  static std::optional<Config> Parse(const Proto& proto, remora::config::ConfigContext& context) {
    Config config{proto.cluster(), proto.path().empty() ? "/tenants/" : proto.path()};
    if (config.path.front() != '/' || !remora::http::IsValidHeaderValue(config.path)) {
      context.AddError("path", "is no path");
      return std::nullopt;
    }
    if (proto.has_timeout()) {
      config.timeout = remora::config::ParseExtensionDuration(proto.timeout(), "timeout", context);
    }
    config.pass_on_failure = proto.pass_on_failure();
    return config;
  }

  static std::unique_ptr<remora::http::FilterWorkerState> CreateWorkerState(
      const Config&, const remora::http::WorkerSetup& setup) {
    return std::make_unique<TenantLookupState>(setup);
  }

  static remora::http::FilterPtr Create(const Config& config, FilterContext& context);
};

// A user's name as a part of a path.
std::string Encoded(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      text += c;
    } else {
      absl::StrAppend(&text, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return text;
}

class TenantLookupFilter final : public remora::http::Filter, private remora::upstream::AsyncUser {
 public:
  TenantLookupFilter(const TenantLookup::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnRequestHead(remora::http::RequestHead& head) override {
    // Nobody says it but the service.
    head.headers.Remove(kTenant);
    const remora::http::HeaderEntry* const user = head.headers.Find(kUser);
    if (user == nullptr) return Answer::kContinue;
    request_ = &head;
    remora::upstream::ClusterRuntime* const cluster = context_.clusters().Find(config_.cluster);
    if (cluster == nullptr) {
      Fail();
    } else {
      Ask(*cluster, user->value());
    }
    return Answer::kPause;
  }

  void OnComplete() override { call_.reset(); }

 private:
  void Ask(remora::upstream::ClusterRuntime& cluster, std::string_view user) {
    AsyncRequest::Options options;
    options.timeout = config_.timeout;
    call_.reset(new AsyncRequest(cluster, *this, options));
    remora::http::RequestHead& head = call_->head();
    head.method = "GET";
    head.method_id = remora::http::Method::kGet;
    head.scheme = call_->secure() ? "https" : "http";
    head.authority = config_.cluster;
    head.path = call_->arena().Copy(config_.path + Encoded(user));
    call_->Start();
    call_->SendEnd();
  }

  // --- the answer: upstream::AsyncUser

  void OnHead(remora::http::ResponseHead& head) override { status_ = head.status; }

  void OnData(remora::buffer::Buffer& data) override {
    if (tenant_.size() + data.length() > kMaxTenant) return Fail();
    tenant_ += data.ToString();
    data.Clear();
  }

  void OnEnd(remora::http::HeaderMap*) override {
    if (status_ == 404) {
      call_.reset();
      context_.worker_state<TenantLookupState>().unknown.Inc();
      return Reply(403, "nobody knows this user\n", "tenant_lookup_unknown");
    }
    if (status_ != 200 || tenant_.empty() || !request_->headers.Set(kTenant, tenant_)) {
      return Fail();
    }
    call_.reset();
    context_.worker_state<TenantLookupState>().found.Inc();
    context_.ResumeRequest();
  }

  void OnReset(const remora::http::ProxyError&) override { Fail(); }

  void Fail() {
    call_.reset();
    context_.worker_state<TenantLookupState>().failed.Inc();
    if (config_.pass_on_failure) return context_.ResumeRequest();
    Reply(503, "the service of tenants does not answer\n", "tenant_lookup_failed");
  }

  void Reply(uint16_t status, std::string body, std::string_view details) {
    remora::http::LocalReply reply;
    reply.status = status;
    reply.body = std::move(body);
    reply.details = details;
    context_.SendLocalReply(std::move(reply));
  }

  const TenantLookup::Config& config_;
  FilterContext& context_;
  remora::http::RequestHead* request_ = nullptr;
  remora::upstream::AsyncRequestPtr call_;
  uint16_t status_ = 0;
  std::string tenant_;
};

remora::http::FilterPtr TenantLookup::Create(const Config& config, FilterContext& context) {
  return context.arena().Make<TenantLookupFilter>(config, context);
}

}  // namespace

void AddTenantLookup(remora::config::Registry& registry) { registry.AddHttpFilter<TenantLookup>(); }

}  // namespace example
