#include "source/extensions/http_filters/compressor/compressor.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"
#include "source/extensions/http_filters/compressor/library.h"
#include "source/http/ascii.h"
#include "source/http/field_list.h"

namespace remora::extensions {

using http::Answer;
using http::CodingChoice;
using http::Framing;
using http::HeaderId;

namespace {

constexpr std::string_view kDefaultMediaTypes[] = {
    "text/html",
    "text/plain",
    "text/css",
    "application/javascript",
    "application/x-javascript",
    "text/javascript",
    "text/x-javascript",
    "text/ecmascript",
    "text/js",
    "text/jscript",
    "text/x-js",
    "application/ecmascript",
    "application/x-json",
    "application/xml",
    "application/json",
    "image/svg+xml",
    "text/xml",
    "application/xhtml+xml",
    "application/grpc-web",
    "application/grpc-web+proto",
};

bool IsAllowed(const Compressor::Direction& direction, std::string_view media_type) {
  const std::vector<std::string>& types = direction.media_types;
  return media_type.empty() ||
         std::any_of(types.begin(), types.end(), [media_type](const std::string& type) {
           return http::EqualsWord(media_type, type);
         });
}

bool IsAllowed(const Compressor::Direction& direction, const http::HeaderMap& headers) {
  return IsAllowed(direction, http::MediaType(headers.Get(HeaderId::kContentType)));
}

// A body whose length nobody says is long enough.
bool IsLongEnough(const Compressor::Direction& direction, const http::HeaderMap& headers,
                  const CompressionStats& stats) {
  if (!headers.Has(HeaderId::kContentLength)) return true;
  uint64_t length = 0;
  if (absl::SimpleAtoi(config::ToAbsl(headers.Get(HeaderId::kContentLength)), &length) &&
      length >= direction.min_length) {
    return true;
  }
  stats.content_length_too_small.Inc();
  return false;
}

template <class Head>
bool HasBody(const Head& head) {
  return head.framing == Framing::kStreamed ||
         (head.framing == Framing::kLength && head.length > 0);
}

template <class Common>
Compressor::Direction DirectionOf(const Common& proto) {
  Compressor::Direction direction;
  direction.enabled = config::ParseFlagSetting(proto.enabled());
  if (proto.min_content_length().value() > 0) {
    direction.min_length = proto.min_content_length().value();
  }
  for (const std::string& type : proto.content_type()) {
    direction.media_types.push_back(absl::AsciiStrToLower(type));
  }
  if (direction.media_types.empty()) {
    direction.media_types.assign(std::begin(kDefaultMediaTypes), std::end(kDefaultMediaTypes));
  }
  return direction;
}

// A weak tag says no more than that the meaning is the same, which it is.
void FitEtag(http::HeaderMap& headers, bool weaken) {
  const std::string_view etag = headers.Get(HeaderId::kEtag);
  const bool weak = (etag.starts_with('W') || etag.starts_with('w')) && etag.substr(1, 1) == "/";
  if (etag.size() < 2 || weak) return;
  if (weaken) {
    headers.Set(HeaderId::kEtag, config::Concat("W/", etag));
  } else {
    headers.Remove(HeaderId::kEtag);
  }
}

void AddVary(http::HeaderMap& headers) {
  constexpr std::string_view kName = "Accept-Encoding";
  if (!headers.Has(HeaderId::kVary)) {
    headers.SetReference(HeaderId::kVary, kName);
    return;
  }
  const std::string_view vary = http::JoinedField(headers, HeaderId::kVary);
  if (http::ListHasToken(vary, "accept-encoding")) return;
  headers.Set(HeaderId::kVary, config::Concat(vary, ", ", kName));
}

}  // namespace

// --- configuration

std::optional<Compressor::Config> Compressor::Parse(const Proto& proto,
                                                    config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.library =
      ParseCompressorLibrary(proto.compressor_library(), "compressor_library", context);
  if (context.errors().size() > errors) return std::nullopt;
  config.stat_prefix = config::Concat("compressor.", proto.compressor_library().name(), ".",
                                      config.library->word(), ".");
  config.response_stat_prefix = config.stat_prefix;
  config.preferred = proto.choose_first();
  if (proto.has_request_direction_config()) {
    config.request = DirectionOf(proto.request_direction_config().common_config());
  }
  if (proto.has_response_direction_config()) {
    const auto& response = proto.response_direction_config();
    config.response_stat_prefix += "response.";
    config.response = DirectionOf(response.common_config());
    config.not_with_etag = response.disable_on_etag_header();
    config.weaken_etag = response.weaken_etag_on_compress();
    config.hide_accept_encoding = response.remove_accept_encoding_header();
    config.not_with_status.assign(response.uncompressible_response_codes().begin(),
                                  response.uncompressible_response_codes().end());
  } else {
    Proto::CommonDirectionConfig common;
    *common.mutable_enabled() = proto.runtime_enabled();
    *common.mutable_min_content_length() = proto.content_length();
    *common.mutable_content_type() = proto.content_type();
    config.response = DirectionOf(common);
    config.not_with_etag = proto.disable_on_etag_header();
    config.hide_accept_encoding = proto.remove_accept_encoding_header();
  }
  return config;
}

std::optional<Compressor::RouteConfig> Compressor::ParseRoute(const RouteProto& proto,
                                                              config::ConfigContext&) {
  RouteConfig config;
  if (proto.has_disabled()) {
    config.enabled = false;
  } else if (proto.overrides().has_response_direction_config()) {
    const auto& response = proto.overrides().response_direction_config();
    config.enabled = true;
    if (response.has_remove_accept_encoding_header()) {
      config.hide_accept_encoding = response.remove_accept_encoding_header().value();
    }
  }
  return config;
}

http::FilterPtr Compressor::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<CompressorFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Compressor::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<CompressorState>(config, setup);
}

// --- statistics

CompressionStats::CompressionStats(const std::string& prefix, const http::WorkerSetup& setup) {
  const auto make = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, prefix + std::string(name));
  };
  compressed = make("compressed");
  not_compressed = make("not_compressed");
  total_uncompressed_bytes = make("total_uncompressed_bytes");
  total_compressed_bytes = make("total_compressed_bytes");
  content_length_too_small = make("content_length_too_small");
}

CompressorState::CompressorState(const Compressor::Config& config, const http::WorkerSetup& setup)
    : request(config.stat_prefix + "request.", setup),
      response(config.response_stat_prefix, setup) {
  const auto make = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, config.stat_prefix + std::string(name));
  };
  no_accept_header = make("no_accept_header");
  header_identity = make("header_identity");
  header_compressor_used = make("header_compressor_used");
  header_compressor_overshadowed = make("header_compressor_overshadowed");
  header_wildcard = make("header_wildcard");
  header_not_valid = make("header_not_valid");
  not_compressed_etag = make("not_compressed_etag");
}

// --- one exchange

CompressorFilter::CompressorFilter(const Compressor::Config& config, http::FilterContext& context)
    : config_(config),
      context_(context),
      request_(
          [](void* self) {
            auto& filter = *static_cast<CompressorFilter*>(self);
            buffer::Buffer data = filter.Flush(filter.request_);
            filter.context_.AddRequestData(data);
          },
          this),
      response_(
          [](void* self) {
            auto& filter = *static_cast<CompressorFilter*>(self);
            buffer::Buffer data = filter.Flush(filter.response_);
            filter.context_.AddResponseData(data);
          },
          this) {}

CompressorFilter::~CompressorFilter() = default;

Answer CompressorFilter::OnRequestHead(http::RequestHead& head) {
  http::ContentCodings*& codings = context_.stream_info().content_codings;
  if (codings == nullptr) codings = context_.arena().New<http::ContentCodings>();
  offer_.encoding = config_.library->encoding();
  offer_.preferred = config_.preferred;
  offer_.config = &config_;
  offer_.suits = [](const http::CodingOffer& offer, std::string_view media_type) {
    return IsAllowed(static_cast<const Offer&>(offer).config->response, media_type);
  };
  codings->Add(offer_);

  has_accept_encoding_ = head.headers.Has(HeaderId::kAcceptEncoding);
  accept_encoding_ = http::JoinedField(head.headers, HeaderId::kAcceptEncoding);
  const auto* route = context_.RouteConfig<Compressor::RouteConfig>();
  const bool hide = route != nullptr
                        ? route->hide_accept_encoding.value_or(config_.hide_accept_encoding)
                        : config_.hide_accept_encoding;
  if (hide && ResponsesEnabled()) head.headers.Remove(HeaderId::kAcceptEncoding);

  CompressionStats& stats = state().request;
  if (HasBody(head) && config_.request.has_value() &&
      config_.request->enabled.In(context_.runtime()) &&
      IsLongEnough(*config_.request, head.headers, stats) &&
      IsAllowed(*config_.request, head.headers) && !head.headers.Has(HeaderId::kContentEncoding)) {
    Begin(request_, stats, head.headers, head.framing);
  } else {
    stats.not_compressed.Inc();
  }
  return Answer::kContinue;
}

Answer CompressorFilter::OnRequestData(buffer::Buffer& data) {
  Compress(request_, data);
  return Answer::kContinue;
}

Answer CompressorFilter::OnRequestEnd(http::HeaderMap*) {
  if (request_.compressor == nullptr) return Answer::kContinue;
  buffer::Buffer rest = Finish(request_);
  context_.AddRequestData(rest);
  return Answer::kContinue;
}

bool CompressorFilter::ResponsesEnabled() const {
  const auto* route = context_.RouteConfig<Compressor::RouteConfig>();
  if (route != nullptr && route->enabled.has_value()) return *route->enabled;
  return config_.response.enabled.In(context_.runtime());
}

// Whether the response itself lets it be compressed, for whomever.
bool CompressorFilter::MayCompress(const http::ResponseHead& head) const {
  const http::HeaderMap& headers = head.headers;
  if (head.framing == Framing::kTunnel || !IsAllowed(config_.response, headers) ||
      http::ListHasToken(http::JoinedField(headers, HeaderId::kCacheControl), "no-transform") ||
      std::count(config_.not_with_status.begin(), config_.not_with_status.end(), head.status) > 0) {
    return false;
  }
  if (config_.not_with_etag && !config_.weaken_etag && headers.Has(HeaderId::kEtag)) {
    state().not_compressed_etag.Inc();
    return false;
  }
  return !headers.Has(HeaderId::kContentEncoding);
}

bool CompressorFilter::IsChosen(const http::ResponseHead& head) {
  CompressorState& stats = state();
  if (!has_accept_encoding_) {
    stats.no_accept_header.Inc();
    return false;
  }
  const CodingChoice& choice = context_.stream_info().content_codings->Choose(
      accept_encoding_, http::MediaType(head.headers.Get(HeaderId::kContentType)));
  const bool chosen = choice.encoding == config_.library->encoding();
  switch (choice.reason) {
    case CodingChoice::Reason::kNamed:
      (chosen ? stats.header_compressor_used : stats.header_compressor_overshadowed).Inc();
      break;
    case CodingChoice::Reason::kIdentity:
      stats.header_identity.Inc();
      break;
    case CodingChoice::Reason::kAny:
      stats.header_wildcard.Inc();
      break;
    case CodingChoice::Reason::kNone:
      stats.header_not_valid.Inc();
      break;
  }
  return chosen;
}

Answer CompressorFilter::OnResponseHead(http::ResponseHead& head) {
  CompressionStats& stats = state().response;
  const bool wanted = ResponsesEnabled() && IsLongEnough(config_.response, head.headers, stats);
  const bool may_compress = wanted && MayCompress(head);
  if (HasBody(head) && wanted && IsChosen(head) && may_compress) {
    FitEtag(head.headers, config_.weaken_etag);
    Begin(response_, stats, head.headers, head.framing);
  } else {
    stats.not_compressed.Inc();
  }
  // Also where this client gets it as it is: a cache has to know that others may not.
  if (may_compress) AddVary(head.headers);
  return Answer::kContinue;
}

Answer CompressorFilter::OnResponseData(buffer::Buffer& data) {
  Compress(response_, data);
  return Answer::kContinue;
}

Answer CompressorFilter::OnResponseEnd(http::HeaderMap*) {
  if (response_.compressor == nullptr) return Answer::kContinue;
  buffer::Buffer rest = Finish(response_);
  context_.AddResponseData(rest);
  return Answer::kContinue;
}

void CompressorFilter::OnComplete() {
  for (Body* body : {&request_, &response_}) {
    body->flush.Unlink();
    if (body->compressor != nullptr) state().spares.Give(std::move(body->compressor));
  }
}

void CompressorFilter::Begin(Body& body, CompressionStats& stats, http::HeaderMap& headers,
                             Framing& framing) {
  headers.Remove(HeaderId::kContentLength);
  framing = Framing::kStreamed;
  headers.SetReference(HeaderId::kContentEncoding, config_.library->encoding());
  stats.compressed.Inc();
  body.stats = &stats;
  body.compressor = state().spares.Take(*config_.library);
}

void CompressorFilter::Compress(Body& body, buffer::Buffer& data) {
  if (body.compressor == nullptr) return;
  body.stats->total_uncompressed_bytes.Add(data.length());
  buffer::Buffer out(context_.blocks());
  body.compressor->Compress(data, out);
  body.stats->total_compressed_bytes.Add(out.length());
  data = std::move(out);
  if (!body.flush.scheduled()) context_.dispatcher().AtTurnEnd(body.flush);
}

buffer::Buffer CompressorFilter::Flush(Body& body) {
  buffer::Buffer out(context_.blocks());
  body.compressor->Flush(out);
  body.stats->total_compressed_bytes.Add(out.length());
  return out;
}

buffer::Buffer CompressorFilter::Finish(Body& body) {
  buffer::Buffer out(context_.blocks());
  body.compressor->Finish(out);
  body.stats->total_compressed_bytes.Add(out.length());
  body.flush.Unlink();
  state().spares.Give(std::move(body.compressor));
  return out;
}

}  // namespace remora::extensions
