#include "source/extensions/http_filters/decompressor/decompressor.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/compression/brotli/decompressor/v3/brotli.pb.h"
#include "envoy/extensions/compression/gzip/decompressor/v3/gzip.pb.h"
#include "envoy/extensions/compression/zstd/decompressor/v3/zstd.pb.h"
#include "envoy/extensions/filters/http/decompressor/v3/decompressor.pb.h"
#include "source/config/core_config.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"
#include "source/http/ascii.h"
#include "source/http/field_list.h"

namespace remora::extensions {

using compression::Failure;
using http::Answer;
using http::Framing;
using http::HeaderId;

namespace {

using envoy::extensions::compression::brotli::decompressor::v3::Brotli;
using envoy::extensions::compression::gzip::decompressor::v3::Gzip;
using envoy::extensions::compression::zstd::decompressor::v3::Zstd;

constexpr int kDefaultWindowBits = 15;
constexpr uint64_t kLargestDictionary = 8 * 1024 * 1024;
constexpr std::string_view kLibrary = "decompressor_library";

void ParseZstd(const Zstd& proto, Decompressor::Config& config, config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  const std::string field = config::Concat(kLibrary, ".typed_config.dictionaries");
  std::vector<std::string> dictionaries;
  for (int i = 0; i < proto.dictionaries_size(); ++i) {
    dictionaries.push_back(config::ParseExtensionDataSource(
        proto.dictionaries(i), kLargestDictionary, config::Concat(field, "[", i, "]"), context));
  }
  config.library = compression::MakeUnzstd(dictionaries);
  if (config.library == nullptr && context.errors().size() == errors) {
    context.AddError(field, "has one that is no dictionary of zstd");
  }
}

void ParseLibrary(const Decompressor::Proto& proto, Decompressor::Config& config,
                  config::ConfigContext& context) {
  const google::protobuf::Any& any = proto.decompressor_library().typed_config();
  if (Gzip gzip; any.UnpackTo(&gzip)) {
    config.library = compression::MakeGunzip(
        gzip.has_window_bits() ? static_cast<int>(gzip.window_bits().value()) : kDefaultWindowBits);
    if (gzip.has_max_inflate_ratio()) config.max_ratio = gzip.max_inflate_ratio().value();
  } else if (Brotli brotli; any.UnpackTo(&brotli)) {
    config.library = compression::MakeUnbrotli(!brotli.disable_ring_buffer_reallocation());
  } else if (Zstd zstd; any.UnpackTo(&zstd)) {
    ParseZstd(zstd, config, context);
  } else {
    context.AddError(config::Concat(kLibrary, ".typed_config"),
                     config::NoImplementation(proto.decompressor_library().name(), any.type_url()));
  }
}

template <class Common>
Decompressor::Direction DirectionOf(const Common& proto) {
  return {config::ParseFlagSetting(proto.enabled()), proto.ignore_no_transform_header()};
}

// The coding at the end and nowhere else, so that it counts in full.
std::string WithCoding(std::string_view accept_encoding, std::string_view coding) {
  std::string wishes;
  while (!accept_encoding.empty()) {
    const std::string_view wish = http::NextElement(accept_encoding);
    const std::string_view named = http::TrimField(wish.substr(0, wish.find(';')));
    if (wish.empty() || http::EqualsWord(named, coding)) continue;
    wishes += config::Concat(wish, ",");
  }
  return config::Concat(wishes, coding);
}

}  // namespace

// --- configuration

std::optional<Decompressor::Config> Decompressor::Parse(const Proto& proto,
                                                        config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  ParseLibrary(proto, config, context);
  config.name = proto.decompressor_library().name();
  config.request = DirectionOf(proto.request_direction_config().common_config());
  config.response = DirectionOf(proto.response_direction_config().common_config());
  if (proto.request_direction_config().has_advertise_accept_encoding()) {
    config.advertise = proto.request_direction_config().advertise_accept_encoding().value();
  }
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

http::FilterPtr Decompressor::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<DecompressorFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Decompressor::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<DecompressorState>(config, setup);
}

// --- statistics

DecompressionStats::DecompressionStats(const std::string& prefix, const http::WorkerSetup& setup) {
  const auto make = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, config::Concat(prefix, name));
  };
  decompressed = make("decompressed");
  not_decompressed = make("not_decompressed");
  total_uncompressed_bytes = make("total_uncompressed_bytes");
  total_compressed_bytes = make("total_compressed_bytes");
}

namespace {

std::string Prefix(const Decompressor::Config& config) {
  return config::Concat("decompressor.", config.name, ".", config.library->word(), ".");
}

std::string FieldName(const Decompressor::Config& config, std::string_view what) {
  return absl::AsciiStrToLower(
      config::ToAbsl(config::Concat("x-envoy-decompressor-", config.name, "-", what)));
}

}  // namespace

DecompressorState::DecompressorState(const Decompressor::Config& config,
                                     const http::WorkerSetup& setup)
    : request(Prefix(config) + "request.", setup),
      response(Prefix(config) + "response.", setup),
      compressed_field(FieldName(config, "compressed-bytes")),
      uncompressed_field(FieldName(config, "uncompressed-bytes")) {
  const std::string prefix = Prefix(config) + "decompressor_library.";
  const auto make = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, config::Concat(prefix, name));
  };
  if (config.library->word() == "gzip") {
    data_ = trailing_ = too_large_ = make("zlib_data_error");
    memory_ = make("zlib_mem_error");
  } else if (config.library->word() == "brotli") {
    data_ = memory_ = make("brotli_error");
    too_large_ = make("brotli_output_overflow");
    trailing_ = make("brotli_redundant_input");
  } else {
    data_ = trailing_ = too_large_ = make("zstd_generic_error");
    memory_ = make("zstd_memory_error");
  }
  dictionary_ = config.library->word() == "zstd" ? make("zstd_dictionary_error") : data_;
  checksum_ = config.library->word() == "zstd" ? make("zstd_checksum_wrong_error") : data_;
}

void DecompressorState::Count(Failure failure) const {
  switch (failure) {
    case Failure::kNone:
      break;
    case Failure::kData:
      return data_.Inc();
    case Failure::kTooLarge:
      return too_large_.Inc();
    case Failure::kTrailing:
      return trailing_.Inc();
    case Failure::kDictionary:
      return dictionary_.Inc();
    case Failure::kChecksum:
      return checksum_.Inc();
    case Failure::kMemory:
      return memory_.Inc();
  }
}

// --- one exchange

template <class Head>
void DecompressorFilter::Begin(const Decompressor::Direction& direction,
                               const DecompressionStats& stats, Head& head, Body& body) {
  if (head.framing == Framing::kNone || (head.framing == Framing::kLength && head.length == 0)) {
    return;
  }
  http::HeaderMap& headers = head.headers;
  // In the order in which they were applied.
  const std::string_view codings = http::JoinedField(headers, HeaderId::kContentEncoding);
  const size_t comma = codings.rfind(',');
  const bool only = comma == std::string_view::npos;
  const std::string_view last = http::TrimField(only ? codings : codings.substr(comma + 1));
  const bool forbidden =
      !direction.ignore_no_transform &&
      http::ListHasToken(http::JoinedField(headers, HeaderId::kCacheControl), "no-transform");
  if (head.framing == Framing::kTunnel || forbidden || !direction.enabled.In(context_.runtime()) ||
      !http::EqualsWord(last, config_.library->encoding())) {
    stats.not_decompressed.Inc();
    return;
  }
  stats.decompressed.Inc();
  headers.Remove(HeaderId::kContentLength);
  head.framing = Framing::kStreamed;
  if (only) {
    headers.Remove(HeaderId::kContentEncoding);
  } else {
    headers.SetReference(HeaderId::kContentEncoding, http::TrimField(codings.substr(0, comma)));
  }
  body.decompressor = state().spares.Take(*config_.library);
}

void DecompressorFilter::Decompress(Body& body, const DecompressionStats& stats,
                                    buffer::Buffer& data) {
  if (body.decompressor == nullptr) return;
  body.compressed += data.length();
  stats.total_compressed_bytes.Add(data.length());
  buffer::Buffer out(context_.blocks());
  const Failure failure =
      failed_ ? Failure::kNone
              : body.decompressor->Decompress(
                    data, body.compressed * config_.max_ratio - body.uncompressed, out);
  body.uncompressed += out.length();
  stats.total_uncompressed_bytes.Add(out.length());
  data = std::move(out);
  if (failure != Failure::kNone) Refuse(body, failure);
}

void DecompressorFilter::CheckEnd(const Body& body, http::HeaderMap* trailers) {
  if (body.decompressor == nullptr || failed_) return;
  if (!body.decompressor->whole()) {
    Refuse(body, Failure::kData);
  } else if (trailers != nullptr) {
    trailers->Add(state().compressed_field, std::to_string(body.compressed));
    trailers->Add(state().uncompressed_field, std::to_string(body.uncompressed));
  }
}

void DecompressorFilter::Refuse(const Body& body, Failure failure) {
  failed_ = true;
  state().Count(failure);
  if (&body == &response_ || context_.response_started()) {
    context_.ResetStream();
    return;
  }
  http::LocalReply reply;
  reply.status = 400;
  reply.body = "The body cannot be decompressed.";
  reply.details = "decompression_failed";
  context_.SendLocalReply(std::move(reply));
}

Answer DecompressorFilter::OnRequestHead(http::RequestHead& head) {
  if (config_.advertise && config_.response.enabled.In(context_.runtime())) {
    head.headers.Set(HeaderId::kAcceptEncoding,
                     WithCoding(http::JoinedField(head.headers, HeaderId::kAcceptEncoding),
                                config_.library->encoding()));
  }
  Begin(config_.request, state().request, head, request_);
  return Answer::kContinue;
}

Answer DecompressorFilter::OnRequestData(buffer::Buffer& data) {
  Decompress(request_, state().request, data);
  return Answer::kContinue;
}

Answer DecompressorFilter::OnRequestEnd(http::HeaderMap* trailers) {
  CheckEnd(request_, trailers);
  return Answer::kContinue;
}

Answer DecompressorFilter::OnResponseHead(http::ResponseHead& head) {
  Begin(config_.response, state().response, head, response_);
  return Answer::kContinue;
}

Answer DecompressorFilter::OnResponseData(buffer::Buffer& data) {
  Decompress(response_, state().response, data);
  return Answer::kContinue;
}

Answer DecompressorFilter::OnResponseEnd(http::HeaderMap* trailers) {
  CheckEnd(response_, trailers);
  return Answer::kContinue;
}

void DecompressorFilter::OnComplete() {
  for (Body* body : {&request_, &response_}) {
    if (body->decompressor != nullptr) state().spares.Give(std::move(body->decompressor));
  }
}

}  // namespace remora::extensions
