#pragma once

// The JWT filter: lets a request pass when it carries the JSON Web Tokens that it needs.
//
// envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication; a route names another requirement,
// or none.
//
//   request --rule or route--> requirement --TokenCheck--> passes, tokens taken out, claims added
//                                   |   ^          \--> 401, 403
//                             keys fetched (the request waits)
//
// Answers carry details `jwt_authn_access_denied{...}` and `www-authenticate`. What a token says is
// used only once its signature is verified; fields that tell upstreams of claims are taken from
// clients. Source: Envoy source/extensions/filters/http/jwt_authn/filter.cc.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/extensions/http_filters/jwt_authn/jwt_state.h"
#include "source/extensions/http_filters/jwt_authn/settings.h"
#include "source/extensions/http_filters/jwt_authn/token_check.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::jwt_authn::v3 {
class PerRouteConfig;
}

namespace remora::extensions {

class JwtAuthnFilter;

struct JwtAuthn {
  using Proto = envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication;
  using RouteProto = envoy::extensions::filters::http::jwt_authn::v3::PerRouteConfig;
  using Config = JwtSettings;
  using Filter = JwtAuthnFilter;
  struct RouteConfig {
    std::string requirement;  // its name; empty: none
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class JwtAuthnFilter final : public http::Filter, private KeyWaiter {
 public:
  JwtAuthnFilter(const JwtSettings& settings, http::FilterContext& context)
      : settings_(settings), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  void OnComplete() override { Unlink(); }

 private:
  // KeyWaiter
  void OnKeys(std::shared_ptr<const KeySet> keys) override;

  // What the request needs; null: nothing. False: its route names what there is not, and it has
  // been answered.
  bool FindRequirement(const http::RequestHead& head);
  // False: the request waits for keys.
  bool Check();
  void Finish(JwtFailure failure);
  void CarryOut();
  void CarryOut(const TokenCheck::Finding& finding, http::MetadataValue& told);
  void AddClaims(const JwtProvider& provider, const JwtToken& token);
  void Refuse(JwtFailure failure);

  JwtState& state() const { return context_.worker_state<JwtState>(); }

  const JwtSettings& settings_;
  http::FilterContext& context_;
  http::RequestHead* head_ = nullptr;
  const JwtRequirement* requirement_ = nullptr;
  const JwtProvider* awaited_ = nullptr;
  std::optional<TokenCheck> check_;
  http::DynamicMetadata metadata_;
  bool reroute_ = false;
};

}  // namespace remora::extensions
