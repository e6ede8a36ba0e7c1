#pragma once

// ResponseFlags: Envoy's short words for why a response is what it is (`UF`, `NR`, ...), as a set
// of bits in Envoy's print order (Envoy docs: access log, %RESPONSE_FLAGS%).
// Thread: a value of its stream, used by its worker alone. Nothing fails. The names are an
// interface: operators' dashboards and log filters match them.

#include <cstdint>
#include <string>
#include <string_view>

namespace remora::http {

// clang-format off
#define REMORA_RESPONSE_FLAG_LIST(X)                      \
  X(kFailedLocalHealthCheck, "LH")                        \
  X(kNoHealthyUpstream, "UH")                             \
  X(kUpstreamRequestTimeout, "UT")                        \
  X(kLocalReset, "LR")                                    \
  X(kUpstreamRemoteReset, "UR")                           \
  X(kUpstreamConnectionFailure, "UF")                     \
  X(kUpstreamConnectionTermination, "UC")                 \
  X(kUpstreamOverflow, "UO")                              \
  X(kNoRouteFound, "NR")                                  \
  X(kDelayInjected, "DI")                                 \
  X(kFaultInjected, "FI")                                 \
  X(kRateLimited, "RL")                                   \
  X(kUnauthorizedExternalService, "UAEX")                 \
  X(kRateLimitServiceError, "RLSE")                       \
  X(kDownstreamConnectionTermination, "DC")               \
  X(kUpstreamRetryLimitExceeded, "URX")                   \
  X(kStreamIdleTimeout, "SI")                             \
  X(kInvalidEnvoyRequestHeaders, "IH")                    \
  X(kDownstreamProtocolError, "DPE")                      \
  X(kUpstreamMaxStreamDurationReached, "UMSDR")           \
  X(kResponseFromCacheFilter, "RFCF")                     \
  X(kNoFilterConfigFound, "NFCF")                         \
  X(kDurationTimeout, "DT")                               \
  X(kUpstreamProtocolError, "UPE")                        \
  X(kNoClusterFound, "NC")                                \
  X(kOverloadManagerTerminated, "OM")                     \
  X(kDnsResolutionFailed, "DF")                           \
  X(kDropOverload, "DO")                                  \
  X(kDownstreamRemoteReset, "DR")                         \
  X(kUnconditionalDropOverload, "UDO")
// clang-format on

enum class ResponseFlag : uint8_t {
#define REMORA_FLAG_ENUM(id, text) id,
  REMORA_RESPONSE_FLAG_LIST(REMORA_FLAG_ENUM)
#undef REMORA_FLAG_ENUM
      kCount,
  kNone = 0xff,
};

// By flag: "UF", "UpstreamConnectionFailure".
extern const std::string_view kFlagWords[];
extern const std::string_view kFlagNames[];
// kNone when no flag has that word.
ResponseFlag FlagOfWord(std::string_view word);

class ResponseFlags {
 public:
  void Set(ResponseFlag flag) {
    if (flag == ResponseFlag::kNone) return;
    if (empty()) first_ = flag;
    bits_ |= uint32_t{1} << static_cast<unsigned>(flag);
  }
  bool Has(ResponseFlag flag) const { return (bits_ >> static_cast<unsigned>(flag)) & 1; }
  bool empty() const { return bits_ == 0; }
  // "-" when empty, else the words joined by ",": the one that was set first, then the others as
  // they stand above. (Envoy keeps the order of all of them; more than two are never set.)
  std::string ToString() const;
  // The same, appended; `names` are kFlagWords or kFlagNames.
  void AppendTo(std::string& out, const std::string_view* names) const;

 private:
  uint32_t bits_ = 0;
  ResponseFlag first_ = ResponseFlag::kNone;
};

}  // namespace remora::http
