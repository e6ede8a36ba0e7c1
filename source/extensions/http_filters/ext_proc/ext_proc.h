#pragma once

// The external processing filter: sends the parts of an exchange to a service, over one gRPC stream
// an exchange, and goes on as it answers.
//
// envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor, over envoy_grpc.
//
//   request --ProcessedMessage--> \                                       / --> goes on, changed
//                                  ExtProcFilter <--grpc::Stream--> service --> immediate response
//   response <-ProcessedMessage-- /                                       \ --> failed: an error,
//   or
//                                                                               goes on unprocessed
//
// One stream an exchange, opened with the first part that is sent; when nothing more is to be sent
// it is ended and left to the worker (ExtProcState), so that the service sees its end. What waits
// is bounded by the stream's buffer limit. Source: Envoy
// source/extensions/filters/http/ext_proc/ext_proc.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/extensions/http_filters/ext_proc/processed_message.h"
#include "source/extensions/http_filters/ext_proc/settings.h"
#include "source/extensions/http_filters/ext_proc/state.h"
#include "source/grpc/stream.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::service::ext_proc::v3 {
class ImmediateResponse;
class ProcessingRequest;
class ProcessingResponse;
}  // namespace envoy::service::ext_proc::v3

namespace remora::extensions {

class ExtProcFilter;

struct ExtProc {
  using Proto = envoy::extensions::filters::http::ext_proc::v3::ExternalProcessor;
  using RouteProto = envoy::extensions::filters::http::ext_proc::v3::ExtProcPerRoute;
  using Config = ExtProcSettings;
  using RouteConfig = ExtProcRoute;
  using Filter = ExtProcFilter;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class ExtProcFilter final : public http::Filter, private grpc::StreamUser {
 public:
  ExtProcFilter(const ExtProcSettings& settings, http::FilterContext& context);

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

  // For the messages.
  const ExtProcSettings& settings() const { return settings_; }
  http::FilterContext& context() const { return context_; }
  const ExtProcStats& stats() const { return state().stats; }
  // Nothing is processed any more: messages go on as they are.
  bool done() const { return done_; }
  // More waits for the service than the stream may hold.
  bool full() const;
  void Send(envoy::service::ext_proc::v3::ProcessingRequest& request, bool about_request);
  void OnMessageTimeout();

 private:
  using Answer = envoy::service::ext_proc::v3::ProcessingResponse;

  // grpc::StreamUser
  void OnMessage(buffer::Buffer& message) override;
  void OnWritable() override;
  void OnClosed(const grpc::Status& status, const http::HeaderMap* trailers) override;

  ExtProcState& state() const { return context_.worker_state<ExtProcState>(); }
  void FollowRoute();
  void FollowRoute(const ExtProcRoute& route);
  void Describe(envoy::service::ext_proc::v3::ProcessingRequest& request, bool about_request);
  // Leaves the stream to the worker; or cancels it.
  void EndStream();
  void ResetStream();

  bool TakeTimeout(const Answer& answer);
  void TakeMode(const Answer& answer);
  void TakeMetadata(const Answer& answer);
  absl::Status TakePart(const Answer& answer);
  bool IsLast(const Answer& answer) const;

  // Nothing is processed any more: all was; what is kept goes on as it is; or the client gets an
  // error, or what the service says.
  void Finish();
  void Bypass();
  void Fail(uint16_t status, std::string_view details);
  void SendImmediate(const envoy::service::ext_proc::v3::ImmediateResponse& answer);
  void SetReplyHead(const envoy::service::ext_proc::v3::ImmediateResponse& answer,
                    http::LocalReply& reply);
  void SendReply(http::LocalReply reply, std::string_view details);

  const ExtProcSettings& settings_;
  http::FilterContext& context_;
  ProcessedMessage request_;
  ProcessedMessage response_;
  ProcessorStreamPtr stream_;
  std::optional<grpc::Service> own_service_;  // with what routes say
  std::vector<std::pair<std::string, std::string>> initial_metadata_;
  const grpc::Service* service_;
  const std::vector<std::string>* forwarded_metadata_;
  const std::vector<std::string>* received_metadata_;
  const http::ResponseHead* response_head_ = nullptr;  // null: there is none yet
  http::DynamicMetadata metadata_;
  bool allow_on_failure_;
  bool route_followed_ = false;
  bool introduced_ = false;    // the stream's first message has been sent
  bool request_told_ = false;  // the attributes have been sent
  bool response_told_ = false;
  bool done_ = false;
};

}  // namespace remora::extensions
