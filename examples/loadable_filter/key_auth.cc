// Authentication by a field of the request: per-route configuration, statistics, a local reply.

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "remora_filter.h"

namespace {

using remora::sdk::Answer;
using remora::sdk::ConfigContext;
using remora::sdk::FilterContext;
using remora::sdk::Value;
using Keys = std::set<std::string, std::less<>>;

// Reports what is no text.
Keys ReadKeys(const Value& list, ConfigContext& context) {
  Keys keys;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::optional<std::string> key = list[i].text();
    if (!key.has_value() || key->empty()) {
      context.AddError("keys[" + std::to_string(i) + "]", "needs a text");
    } else {
      keys.insert(*key);
    }
  }
  return keys;
}

class KeyAuthFilter;

// Lets a request in when one of its fields holds a known key; else it is answered with 401.
//   header: x-api-key   the field, in lower case (that is the default)
//   keys: [a, b]        those that are known
// On a route: `disabled: true`, or `keys` in the place of the filter's own.
struct KeyAuth {
  static constexpr std::string_view kName = "key_auth";
  using Filter = KeyAuthFilter;
  struct Config {
    std::string header;
    Keys keys;
    remora::sdk::Counter allowed;
    remora::sdk::Counter denied;
  };
  struct RouteConfig {
    bool disabled = false;
    Keys keys;
  };

  static std::optional<Config> Parse(const Value& value, ConfigContext& context) {
    context.AllowOnly(value, {"header", "keys"});
    Config config;
    config.header = value["header"].text().value_or("x-api-key");
    config.keys = ReadKeys(value["keys"], context);
    if (config.keys.empty()) {
      context.AddError("keys", "at least one is needed");
      return std::nullopt;
    }
    config.allowed = context.MakeCounter("key_auth.allowed");
    config.denied = context.MakeCounter("key_auth.denied");
    return config;
  }

  static std::optional<RouteConfig> ParseRoute(const Value& value, ConfigContext& context) {
    context.AllowOnly(value, {"disabled", "keys"});
    RouteConfig config{value["disabled"].boolean().value_or(false),
                       ReadKeys(value["keys"], context)};
    if (config.disabled && !config.keys.empty()) {
      context.AddError("keys", "cannot be set where the filter is disabled");
      return std::nullopt;
    }
    return config;
  }
};

class KeyAuthFilter final : public remora::sdk::Filter {
 public:
  KeyAuthFilter(const KeyAuth::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnRequestHead(remora::sdk::RequestHead& head) override {
    const auto* const route = context_.RouteConfig<KeyAuth::RouteConfig>();
    if (route != nullptr && route->disabled) return Answer::kContinue;
    const Keys& keys = route != nullptr && !route->keys.empty() ? route->keys : config_.keys;
    const std::optional<std::string_view> key = head.headers.Find(config_.header);
    if (key.has_value() && keys.contains(*key)) {
      config_.allowed.Inc(context_);
      // The application has no use for it.
      head.headers.Remove(config_.header);
      return Answer::kContinue;
    }
    config_.denied.Inc(context_);
    remora::sdk::LocalReply reply;
    reply.status = 401;
    reply.body = "a valid key is wanted\n";
    reply.details = "key_auth_denied";
    reply.fields = {{"www-authenticate", "Key"}};
    context_.SendLocalReply(reply);
    return Answer::kContinue;  // of no matter: the reply is sent instead
  }

 private:
  const KeyAuth::Config& config_;
  FilterContext& context_;
};

}  // namespace

REMORA_FILTER_MODULE(KeyAuth)
