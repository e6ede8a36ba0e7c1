#pragma once

// The gRPC-JSON transcoder: HTTP requests with JSON call methods of gRPC services.
//
// envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder; a route's takes the
// place of the filter's.
//
//   request   GET /v1/shelves/1  --held, translated-->  POST /pkg.Shop/GetShelf, one message
//             a client's stream: each element of the array is a message, as it comes
//   answer    one message  --held, translated-->  JSON; its status out of grpc-status
//             a server's stream: an array, each message as it comes
//
// What is held, and each message of a stream, is bounded by max_request_body_size (413) and
// max_response_body_size (500). Requests that are gRPC, or of no method, pass as they are.
// Source: Envoy source/extensions/filters/http/grpc_json_transcoder/json_transcoder_filter.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/registry.h"
#include "source/extensions/http_filters/grpc_json_transcoder/json_services.h"
#include "source/extensions/http_filters/grpc_json_transcoder/json_text.h"
#include "source/grpc/frame.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::extensions {

struct TranscoderSettings {
  std::shared_ptr<const JsonServices> services;
  uint64_t max_request = 0;  // 0: the stream's buffer limit
  uint64_t max_response = 0;
  bool keep_route = false;
  bool convert_status = false;
  bool newlines = false;  // between the messages of a stream
  bool reject_unknown_method = false;
  bool reject_unknown_parameters = false;
};

class TranscoderFilter;

struct GrpcJsonTranscoder {
  using Proto = JsonServices::Proto;
  using RouteProto = Proto;
  using Config = TranscoderSettings;
  using RouteConfig = TranscoderSettings;
  using Filter = TranscoderFilter;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class TranscoderFilter final : public http::Filter {
 public:
  TranscoderFilter(const TranscoderSettings& settings, http::FilterContext& context)
      : settings_(&settings), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;

 private:
  uint64_t MaxRequest() const;
  uint64_t MaxResponse() const;
  void RefuseCall(const absl::Status& status);
  void Refuse(uint16_t status, std::string_view body, std::string_view reason);
  void MakeCall(http::RequestHead& head);
  void AddMessage(const std::string& message);
  void ReadElements(std::string_view text);
  // The request's only message.
  void AddOnlyMessage();
  // What stands in front of, between and behind the messages of a stream.
  void AddResponseText(std::string_view text);
  void WriteMessage(const std::string& message);
  // How the call ended, in the held head: its status and, if wanted, the JSON for it.
  void EndHeld(const http::HeaderMap& end);
  bool ConvertStatus(uint32_t code, const http::HeaderMap& end);
  bool streams() const { return call_.method->server_streaming && !call_.method->raw_response; }

  const TranscoderSettings* settings_;
  http::FilterContext& context_;
  http::RequestHead* request_head_ = nullptr;  // of a call
  JsonServices::Call call_;                    // no method: the request passes as it is
  bool failed_ = false;                        // an answer of ours is on its way
  bool foreign_ = false;                       // the answer is no gRPC
  std::string request_;                        // held
  std::string content_type_;                   // of a raw body
  std::optional<JsonArrayReader> elements_;
  http::ResponseHead* head_ = nullptr;  // of the response, held or passed on
  std::optional<grpc::FrameReader> frames_;
  std::string response_;  // the JSON that is held
  uint64_t messages_ = 0;
};

}  // namespace remora::extensions
