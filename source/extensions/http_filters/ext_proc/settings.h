#pragma once

// ExtProcSettings: the configuration of the external processing filter; ExtProcRoute: what one
// level of a route table says about it.
//
// Made by ParseExtProc and ParseExtProcRoute from envoy.extensions.filters.http.ext_proc.v3, on
// main; immutable, shared by every worker. Faults go to the context.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/config/registry.h"
#include "source/extensions/http_filters/ext_proc/attributes.h"
#include "source/extensions/http_filters/ext_proc/mutation.h"
#include "source/grpc/stream.h"
#include "source/http/route/conditions.h"

namespace envoy::extensions::filters::http::ext_proc::v3 {
class ExternalProcessor;
class ExtProcPerRoute;
class ProcessingMode;
}  // namespace envoy::extensions::filters::http::ext_proc::v3

namespace remora::extensions {

enum class SendMode : uint8_t { kDefault, kSend, kSkip };
enum class BodyMode : uint8_t { kNone, kStreamed, kBuffered, kPartial };

// What of a message the processor is sent.
struct MessageMode {
  SendMode head = SendMode::kDefault;
  BodyMode body = BodyMode::kNone;
  SendMode trailers = SendMode::kDefault;

  bool sends_head() const { return head != SendMode::kSkip; }
  bool sends_trailers() const { return trailers == SendMode::kSend; }
  bool sends_anything() const {
    return sends_head() || sends_trailers() || body != BodyMode::kNone;
  }
  bool operator==(const MessageMode&) const = default;
};

struct ExchangeMode {
  MessageMode request;
  MessageMode response;
};

// nullopt: a body mode that we do not have.
std::optional<ExchangeMode> ReadMode(
    const envoy::extensions::filters::http::ext_proc::v3::ProcessingMode& proto);

// Which fields of messages it is sent.
struct ForwardRules {
  std::vector<route::StringMatcher> allowed;  // none: all
  std::vector<route::StringMatcher> disallowed;

  bool Forwards(std::string_view name) const;
};

struct ExtProcSettings {
  static constexpr event::Duration kDefaultTimeout = 200 * event::kMillisecond;
  static constexpr event::Duration kDefaultDeferredClose = 5 * event::kSecond;
  // What an answer may hold unless the service says; Envoy has no limit.
  static constexpr uint64_t kDefaultMaxAnswer = 16 * 1024 * 1024;

  enum class RouteAction : uint8_t { kAsAnswered, kClear, kRetain };

  grpc::Service service;
  ExchangeMode mode;
  std::vector<ExchangeMode> allowed_modes;  // that an answer may lead to; none: all
  MutationRules rules;
  ForwardRules forward;
  AttributeList request_attributes;
  AttributeList response_attributes;
  std::vector<std::string> forwarded_metadata;  // names
  std::vector<std::string> received_metadata;
  std::string stat_prefix;
  event::Duration message_timeout = kDefaultTimeout;
  event::Duration max_message_timeout = 0;  // 0: an answer may not ask for another one
  event::Duration deferred_close = kDefaultDeferredClose;
  uint16_t status_on_error = 500;
  RouteAction route_action = RouteAction::kAsAnswered;
  bool allow_on_failure = false;
  bool allow_mode_override = false;
  bool refuse_immediate = false;
  bool observe = false;
};

struct ExtProcRoute {
  bool disabled = false;
  // In place of the filter's.
  std::optional<ExchangeMode> mode;
  std::optional<grpc::Service> service;
  std::optional<std::vector<std::string>> forwarded_metadata;
  std::optional<std::vector<std::string>> received_metadata;
  std::optional<bool> allow_on_failure;
  // Added to the service's; lower-case.
  std::vector<std::pair<std::string, std::string>> initial_metadata;
};

// nullopt after an error.
std::optional<ExtProcSettings> ParseExtProc(
    const envoy::extensions::filters::http::ext_proc::v3::ExternalProcessor& proto,
    config::ConfigContext& context);
std::optional<ExtProcRoute> ParseExtProcRoute(
    const envoy::extensions::filters::http::ext_proc::v3::ExtProcPerRoute& proto,
    config::ConfigContext& context);

}  // namespace remora::extensions
