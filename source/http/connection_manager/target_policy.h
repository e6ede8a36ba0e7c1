#pragma once

// Target policy: brings a request's path and authority into the form that routing sees, or refuses
// them: fragment, escaped slashes, normal form, port and trailing dot of the host.
//
// Pure functions over a head; thread: the stream's worker. A refusal is a value that the caller
// sends. In Envoy's order (HttpConnectionManager: normalize_path and what stands near it).

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "source/http/connection_manager/config.h"
#include "source/http/filter/local_reply.h"
#include "source/http/message.h"
#include "source/runtime/runtime.h"

namespace remora::connection_manager {

// %RESPONSE_CODE_DETAILS% of every refusal here.
inline constexpr std::string_view kPathRefused = "path_normalization_failed";

// 400: the path cannot be brought into form, or holds what it may not.
http::LocalReply RefusePath();

// Whether ApplyTargetPolicy has anything to do under `config`.
bool HasTargetPolicy(const Config& config);

// `local_port` counts for StripPort::kMatching. 400 or a redirect, or nothing.
std::optional<http::LocalReply> ApplyTargetPolicy(const Config& config, uint16_t local_port,
                                                  http::RequestHead& head);

// All that comes before a request is routed: CheckRequest, its fragment and, `with_policy`, the
// policy. `local_port` is asked where it counts.
std::optional<http::LocalReply> PrepareTarget(const Config& config, bool with_policy,
                                              const runtime::Snapshot& runtime,
                                              absl::FunctionRef<uint16_t()> local_port,
                                              http::RequestHead& head);

}  // namespace remora::connection_manager
