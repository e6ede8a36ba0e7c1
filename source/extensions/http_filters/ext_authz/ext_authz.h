#pragma once

// The external authorization filter: holds each request until a service has decided about it.
//
// envoy.extensions.filters.http.ext_authz.v3.ExtAuthz; the service is asked over gRPC or HTTP.
//
//   request --asked about?--> body, if wanted (kHold) --> Check (kPause) --allowed--> changed, goes
//   on
//                                                                       |--denied---> its answer
//                                                                       '--failed--->
//                                                                       status_on_error,
//                                                                                     or goes on
//
// One question a request; letting go of the request cancels it. What is held is bounded by the
// configured size of the body. Source: Envoy
// source/extensions/filters/http/ext_authz/ext_authz.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/extensions/http_filters/ext_authz/check.h"
#include "source/extensions/http_filters/ext_authz/settings.h"
#include "source/extensions/http_filters/ext_authz/stats.h"
#include "source/extensions/http_filters/ext_authz/verdict.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::extensions {

class ExtAuthzFilter;

struct ExtAuthz {
  using Proto = envoy::extensions::filters::http::ext_authz::v3::ExtAuthz;
  using RouteProto = envoy::extensions::filters::http::ext_authz::v3::ExtAuthzPerRoute;
  using Config = ExtAuthzSettings;
  using RouteConfig = ExtAuthzRoute;
  using Filter = ExtAuthzFilter;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class ExtAuthzFilter final : public http::Filter, private CheckUser {
 public:
  ExtAuthzFilter(const ExtAuthzSettings& settings, http::FilterContext& context)
      : settings_(settings), context_(context), body_(context.blocks()) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  void OnComplete() override;

 private:
  bool IsEnabled() const;
  // How the request's body is to be collected; nothing: it is not.
  std::optional<BodyLimit> BodyWanted(const http::RequestHead& head) const;
  void Ask();
  // CheckUser
  void OnVerdict(Verdict verdict) override;
  void Allow(Verdict& verdict);
  void Deny(Verdict& verdict);
  void Fail(Verdict& verdict);
  void RefuseInvalid();
  void Refuse(uint16_t status, std::string_view details, std::string body = {},
              std::vector<std::pair<std::string, std::string>> fields = {});
  void KeepMetadata(http::MetadataValue& metadata, bool allowed);
  void CountOfCluster(std::string_view name);
  ExtAuthzState& state() const { return context_.worker_state<ExtAuthzState>(); }

  const ExtAuthzSettings& settings_;
  http::FilterContext& context_;
  http::RequestHead* head_ = nullptr;
  buffer::Buffer body_;  // shares its bytes with what the chain holds
  std::optional<BodyLimit> limit_;
  CheckPtr check_;
  event::TimePoint asked_at_ = 0;
  std::string_view cluster_;  // that the request would go to
  std::vector<FieldChange> response_fields_;
  http::DynamicMetadata metadata_;
  bool collecting_ = false;
};

}  // namespace remora::extensions
