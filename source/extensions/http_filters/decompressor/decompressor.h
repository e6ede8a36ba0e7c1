#pragma once

// The decompressor filter: bodies of requests and responses whose last coding is the library's pass
// on without it, so that a side that cannot read the coding gets what the other one sent.
//
// envoy.extensions.filters.http.decompressor.v3.Decompressor. A body that is damaged, cut short,
// goes on behind its end, or becomes more than the allowed number of times as large (a bomb) ends
// the exchange: 400 for a request that has no response yet, else a reset; it is never passed on as
// if it were whole. Memory: one read's share of that limit, and the library's window.
// Source: Envoy source/extensions/filters/http/decompressor/decompressor_filter.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "source/compression/codec.h"
#include "source/config/registry.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::decompressor::v3 {
class Decompressor;
}

namespace remora::extensions {

class DecompressorFilter;

struct Decompressor {
  using Proto = envoy::extensions::filters::http::decompressor::v3::Decompressor;
  using Filter = DecompressorFilter;
  struct Direction {
    runtime::FlagSetting enabled;
    bool ignore_no_transform = false;
  };
  struct Config {
    std::shared_ptr<const compression::DecompressorLibrary> library;
    std::string name;  // the library's, as configured
    uint64_t max_ratio = 100;
    Direction request;
    Direction response;
    bool advertise = true;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.decompressor.<library's name>.<coding>.request.` and `...response.`
struct DecompressionStats {
  DecompressionStats(const std::string& prefix, const http::WorkerSetup& setup);

  stats::Counter decompressed;
  stats::Counter not_decompressed;
  stats::Counter total_uncompressed_bytes;
  stats::Counter total_compressed_bytes;
};

class DecompressorState final : public http::FilterWorkerState {
 public:
  DecompressorState(const Decompressor::Config& config, const http::WorkerSetup& setup);
  // `...<coding>.decompressor_library.<name>`: why bodies were refused.
  void Count(compression::Failure failure) const;

  DecompressionStats request;
  DecompressionStats response;
  compression::Spares<compression::Decompressor> spares;
  // Names of fields that say how much there was.
  const std::string compressed_field;
  const std::string uncompressed_field;

 private:
  stats::Counter data_;
  stats::Counter too_large_;
  stats::Counter trailing_;
  stats::Counter dictionary_;
  stats::Counter checksum_;
  stats::Counter memory_;
};

class DecompressorFilter final : public http::Filter {
 public:
  DecompressorFilter(const Decompressor::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

 private:
  // One direction's body.
  struct Body {
    std::unique_ptr<compression::Decompressor> decompressor;  // null: it passes as it is
    uint64_t compressed = 0;
    uint64_t uncompressed = 0;
  };

  DecompressorState& state() const { return context_.worker_state<DecompressorState>(); }
  template <class Head>
  void Begin(const Decompressor::Direction& direction, const DecompressionStats& stats, Head& head,
             Body& body);
  void Decompress(Body& body, const DecompressionStats& stats, buffer::Buffer& data);
  void CheckEnd(const Body& body, http::HeaderMap* trailers);
  void Refuse(const Body& body, compression::Failure failure);

  const Decompressor::Config& config_;
  http::FilterContext& context_;
  Body request_;
  Body response_;
  bool failed_ = false;
};

}  // namespace remora::extensions
