// Authentication by a field of the request: per-route configuration, statistics, a local reply.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "examples/custom_filter/filters.h"
#include "examples/custom_filter/key_auth.pb.h"
#include "source/http/filter/filter_context.h"

namespace example {
namespace {

using remora::config::ConfigContext;
using remora::http::Answer;
using remora::http::FilterContext;
using Keys = std::set<std::string, std::less<>>;

// One a worker: its counters are written by its thread alone.
struct KeyAuthState final : remora::http::FilterWorkerState {
  explicit KeyAuthState(const remora::http::WorkerSetup& setup)
      : allowed(setup.scope.MakeCounter(setup.shard, "key_auth.allowed")),
        denied(setup.scope.MakeCounter(setup.shard, "key_auth.denied")) {}
  remora::stats::Counter allowed;  // http.<stat_prefix>.key_auth.allowed
  remora::stats::Counter denied;
};

class KeyAuthFilter;

struct KeyAuth {
  using Proto = filters::KeyAuth;
  using RouteProto = filters::KeyAuthPerRoute;
  using Filter = KeyAuthFilter;
  struct Config {
    std::string header;  // lower-case
    Keys keys;
  };
  struct RouteConfig {
    bool disabled = false;
    Keys keys;
  };

  // That there is a key is a rule of the proto, which the loader has checked.
  static std::optional<Config> Parse(const Proto& proto, ConfigContext& context) {
    Config config;
    config.header = proto.header().empty() ? "x-api-key" : absl::AsciiStrToLower(proto.header());
    if (!remora::http::IsValidHeaderName(config.header)) {
      context.AddError("header", "is no name of a header field");
      return std::nullopt;
    }
    config.keys.insert(proto.keys().begin(), proto.keys().end());
    return config;
  }

  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto, ConfigContext& context) {
    if (proto.disabled() && proto.keys_size() > 0) {
      context.AddError("keys", "cannot be set where the filter is disabled");
      return std::nullopt;
    }
    return RouteConfig{proto.disabled(), Keys(proto.keys().begin(), proto.keys().end())};
  }

  static std::unique_ptr<remora::http::FilterWorkerState> CreateWorkerState(
      const Config&, const remora::http::WorkerSetup& setup) {
    return std::make_unique<KeyAuthState>(setup);
  }

  static remora::http::FilterPtr Create(const Config& config, FilterContext& context);
};

class KeyAuthFilter final : public remora::http::Filter {
 public:
  KeyAuthFilter(const KeyAuth::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnRequestHead(remora::http::RequestHead& head) override {
    const auto* const route = context_.RouteConfig<KeyAuth::RouteConfig>();
    if (route != nullptr && route->disabled) return Answer::kContinue;
    const Keys& keys = route != nullptr && !route->keys.empty() ? route->keys : config_.keys;
    auto& state = context_.worker_state<KeyAuthState>();
    const remora::http::HeaderEntry* const field = head.headers.Find(config_.header);
    if (field != nullptr && keys.contains(field->value())) {
      state.allowed.Inc();
      // The application has no use for it.
      head.headers.Remove(config_.header);
      return Answer::kContinue;
    }
    state.denied.Inc();
    remora::http::LocalReply reply;
    reply.status = 401;
    reply.body = "a valid key is wanted\n";
    reply.details = "key_auth_denied";
    reply.fields = {{"www-authenticate", "Key"}};
    context_.SendLocalReply(std::move(reply));
    return Answer::kContinue;  // of no matter: the reply is sent instead
  }

 private:
  const KeyAuth::Config& config_;
  FilterContext& context_;
};

remora::http::FilterPtr KeyAuth::Create(const Config& config, FilterContext& context) {
  return context.arena().Make<KeyAuthFilter>(config, context);
}

}  // namespace

void AddKeyAuth(remora::config::Registry& registry) { registry.AddHttpFilter<KeyAuth>(); }

}  // namespace example
