#include "source/extensions/http_filters/compressor/library.h"

#include <algorithm>
#include <utility>

#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/compression/brotli/compressor/v3/brotli.pb.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.pb.h"
#include "envoy/extensions/compression/zstd/compressor/v3/zstd.pb.h"
#include "source/config/core_config.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

using envoy::extensions::compression::brotli::compressor::v3::Brotli;
using envoy::extensions::compression::gzip::compressor::v3::Gzip;
using envoy::extensions::compression::zstd::compressor::v3::Zstd;

constexpr uint32_t kHighestZstdLevel = 22;
constexpr uint64_t kLargestDictionary = 8 * 1024 * 1024;

compression::GzipOptions OptionsOf(const Gzip& proto) {
  compression::GzipOptions options;
  if (proto.compression_level() != Gzip::DEFAULT_COMPRESSION) {
    options.level = proto.compression_level();
  }
  options.strategy = proto.compression_strategy();  // the numbers are zlib's
  if (proto.has_window_bits()) options.window_bits = static_cast<int>(proto.window_bits().value());
  if (proto.has_memory_level()) {
    options.memory_level = static_cast<int>(proto.memory_level().value());
  }
  return options;
}

compression::BrotliOptions OptionsOf(const Brotli& proto) {
  compression::BrotliOptions options;
  if (proto.has_quality()) options.quality = proto.quality().value();
  if (proto.encoder_mode() != Brotli::DEFAULT) {
    options.mode = static_cast<uint32_t>(proto.encoder_mode()) - 1;
  }
  if (proto.has_window_bits()) options.window_bits = proto.window_bits().value();
  if (proto.has_input_block_bits()) options.input_block_bits = proto.input_block_bits().value();
  options.literal_context_modeling = !proto.disable_literal_context_modeling();
  return options;
}

compression::ZstdOptions OptionsOf(const Zstd& proto, std::string_view field,
                                   config::ConfigContext& context) {
  compression::ZstdOptions options;
  if (const uint32_t level = proto.compression_level().value(); level > 0) {
    options.level = static_cast<int>(std::min(level, kHighestZstdLevel));
  }
  options.checksum = proto.enable_checksum();
  options.strategy = proto.strategy();  // the numbers are zstd's
  if (proto.has_dictionary()) {
    options.dictionary = config::ParseExtensionDataSource(
        proto.dictionary(), kLargestDictionary, config::Concat(field, ".dictionary"), context);
  }
  return options;
}

}  // namespace

std::shared_ptr<const compression::CompressorLibrary> ParseCompressorLibrary(
    const envoy::config::core::v3::TypedExtensionConfig& proto, std::string_view field,
    config::ConfigContext& context) {
  const google::protobuf::Any& any = proto.typed_config();
  const std::string typed = config::Concat(field, ".typed_config");
  if (Gzip gzip; any.UnpackTo(&gzip)) return compression::MakeGzip(OptionsOf(gzip));
  if (Brotli brotli; any.UnpackTo(&brotli)) return compression::MakeBrotli(OptionsOf(brotli));
  if (Zstd zstd; any.UnpackTo(&zstd)) {
    const size_t errors = context.errors().size();
    std::shared_ptr<const compression::CompressorLibrary> library =
        compression::MakeZstd(OptionsOf(zstd, typed, context));
    if (library == nullptr && context.errors().size() == errors) {
      context.AddError(config::Concat(typed, ".dictionary"), "is no dictionary of zstd");
    }
    return library;
  }
  context.AddError(typed, config::NoImplementation(proto.name(), any.type_url()));
  return nullptr;
}

}  // namespace remora::extensions
