#pragma once

// The compressor filter: compresses bodies of responses for clients that accept it, and of requests
// where that is configured.
//
// envoy.extensions.filters.http.compressor.v3.Compressor; a route's CompressorPerRoute switches it
// off, or on, for responses. Several in a chain agree on one coding (http/content_codings.h).
// Pieces of a body that arrive in one turn of the event loop are compressed as one, then flushed:
// what streams is never kept back. Compressors lie in the worker's spares between two bodies.
// Source: Envoy source/extensions/filters/http/compressor/compressor_filter.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/compression/codec.h"
#include "source/config/registry.h"
#include "source/event/dispatcher.h"
#include "source/http/content_codings.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::compressor::v3 {
class Compressor;
class CompressorPerRoute;
}  // namespace envoy::extensions::filters::http::compressor::v3

namespace remora::extensions {

class CompressorFilter;

struct Compressor {
  using Proto = envoy::extensions::filters::http::compressor::v3::Compressor;
  using RouteProto = envoy::extensions::filters::http::compressor::v3::CompressorPerRoute;
  using Filter = CompressorFilter;
  struct Direction {
    runtime::FlagSetting enabled;
    uint64_t min_length = 30;
    std::vector<std::string> media_types;  // lower-case
  };
  struct Config {
    std::shared_ptr<const compression::CompressorLibrary> library;
    std::string stat_prefix;           // of both directions
    std::string response_stat_prefix;  // of what both directions count
    std::optional<Direction> request;
    Direction response;
    bool not_with_etag = false;
    bool weaken_etag = false;
    bool hide_accept_encoding = false;
    bool preferred = false;
    std::vector<uint32_t> not_with_status;
  };
  // Not set: as the filter says.
  struct RouteConfig {
    std::optional<bool> enabled;
    std::optional<bool> hide_accept_encoding;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// What both directions count: `http.<stat_prefix>.compressor.<library's name>.<coding>.request.`
// and
// `...response.`, the latter without `response.` where there is no response_direction_config.
struct CompressionStats {
  CompressionStats(const std::string& prefix, const http::WorkerSetup& setup);

  stats::Counter compressed;
  stats::Counter not_compressed;
  stats::Counter total_uncompressed_bytes;
  stats::Counter total_compressed_bytes;
  stats::Counter content_length_too_small;
};

class CompressorState final : public http::FilterWorkerState {
 public:
  CompressorState(const Compressor::Config& config, const http::WorkerSetup& setup);

  CompressionStats request;
  CompressionStats response;
  // About accept-encoding: there is none; it wants none; it names this coding; it got another one
  // of the chain; `*`; nothing that is on offer.
  stats::Counter no_accept_header;
  stats::Counter header_identity;
  stats::Counter header_compressor_used;
  stats::Counter header_compressor_overshadowed;
  stats::Counter header_wildcard;
  stats::Counter header_not_valid;
  stats::Counter not_compressed_etag;
  compression::Spares<compression::Compressor> spares;
};

class CompressorFilter final : public http::Filter {
 public:
  CompressorFilter(const Compressor::Config& config, http::FilterContext& context);
  ~CompressorFilter() override;

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

 private:
  struct Offer : http::CodingOffer {
    const Compressor::Config* config = nullptr;
  };
  // One direction's body.
  struct Body {
    Body(void (*flush)(void*), CompressorFilter* filter) : flush(flush, filter) {}
    std::unique_ptr<compression::Compressor> compressor;  // null: it passes as it is
    CompressionStats* stats = nullptr;
    event::TurnTask flush;
  };

  CompressorState& state() const { return context_.worker_state<CompressorState>(); }
  bool ResponsesEnabled() const;
  bool MayCompress(const http::ResponseHead& head) const;
  // The client accepts this coding, and no filter has it before this one. Counts.
  bool IsChosen(const http::ResponseHead& head);
  void Begin(Body& body, CompressionStats& stats, http::HeaderMap& headers, http::Framing& framing);
  void Compress(Body& body, buffer::Buffer& data);
  buffer::Buffer Finish(Body& body);
  buffer::Buffer Flush(Body& body);

  const Compressor::Config& config_;
  http::FilterContext& context_;
  bool has_accept_encoding_ = false;
  std::string_view accept_encoding_;  // in the arena
  Offer offer_;
  Body request_;
  Body response_;
};

}  // namespace remora::extensions
