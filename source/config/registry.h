#pragma once

// Registry: which extensions a binary has. One ordinary object, filled by one function, in order,
// by hand (source/extensions/registry.cc); tests and custom binaries fill their own.
//
// An HTTP filter extension is a struct that satisfies HttpFilterExtension:
//
//   struct Fault {
//     using Proto = envoy::extensions::filters::http::fault::v3::HTTPFault;
//     using RouteProto = Proto;                      // optional, with ParseRoute
//     struct Config {...};                           // immutable value
//     struct RouteConfig {...};                      // optional, with RouteProto
//     static std::optional<Config> Parse(const Proto&, ConfigContext&);  // errors: to the context
//     static std::optional<RouteConfig> ParseRoute(const RouteProto&, ConfigContext&);
//     static http::FilterPtr Create(const Config&, http::FilterContext&);
//     static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config&,
//                                                       const http::WorkerSetup&);  // optional
//     static std::vector<std::string> LogFiles(const Config&);  // optional: access logs' files
//     static constexpr bool kTerminal = true;        // optional
//     using Filter = FaultFilter;    // optional: hooks that it does not override cost nothing
//     static http::Hooks HooksOf(const Config&);  // optional: the same, if configuration decides
//   };
//
// An access logger that is a service is one that satisfies AccessLoggerExtension: Proto, and
// Parse, which gives the ServiceLog itself.
//
// A guard (net/network_filter.h) is one that satisfies NetworkGuardExtension, a terminal network
// filter one that satisfies NetworkSessionExtension, a listener filter (net/listener_filter.h) one
// that satisfies ListenerFilterExtension; each says with StatScope where its statistics are.
//
// Each Add also puts the extension into the list of `--list-extensions`.
//
// The key is the proto's full name (its type URL), never the configured name. Thread: main, at
// start; read-only afterwards.

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "source/access_log/service.h"
#include "source/config/config_error.h"
#include "source/http/filter/filter.h"
#include "source/net/listener_filter.h"
#include "source/net/network_filter.h"

namespace remora::config {

struct Translation;

// What a parser is given besides its proto: where it stands in the configuration, and where errors
// go.
class ConfigContext {
 public:
  // `around`: the translation that the parser is part of; null when there is none (tests).
  ConfigContext(ErrorList& errors, std::string path, const Translation* around = nullptr)
      : errors_(errors), path_(std::move(path)), around_(around) {}

  // `field` is relative to the extension's message: "max_request_bytes.value".
  void AddError(std::string_view field, std::string_view message);
  // Lost where there is no translation around.
  void AddWarning(std::string_view field, std::string_view message);
  const std::string& path() const { return path_; }
  ErrorList& errors() { return errors_; }
  const Translation* around() const { return around_; }

 private:
  std::string Place(std::string_view field) const;

  ErrorList& errors_;
  std::string path_;
  const Translation* around_;
};

template <class E>
concept HttpFilterExtension =
    requires(const typename E::Proto& proto, ConfigContext& context,
             const typename E::Config& config, http::FilterContext& filter_context) {
      { E::Parse(proto, context) } -> std::same_as<std::optional<typename E::Config>>;
      { E::Create(config, filter_context) } -> std::same_as<http::FilterPtr>;
    };

template <class E>
concept HasRouteConfig = requires(const typename E::RouteProto& proto, ConfigContext& context) {
  { E::ParseRoute(proto, context) } -> std::same_as<std::optional<typename E::RouteConfig>>;
};

template <class E>
concept HasWorkerState =
    requires(const typename E::Config& config, const http::WorkerSetup& setup) {
      {
        E::CreateWorkerState(config, setup)
      } -> std::same_as<std::unique_ptr<http::FilterWorkerState>>;
    };

template <class E>
concept NetworkGuardExtension =
    requires(const typename E::Proto& proto, ConfigContext& context,
             const typename E::Config& config, const net::ChainSetup& setup) {
      { E::Parse(proto, context) } -> std::same_as<std::optional<typename E::Config>>;
      { E::StatScope(config) } -> std::same_as<std::string>;
      { E::Create(config, setup) } -> std::same_as<std::unique_ptr<net::ConnectionGuard>>;
      { E::kWantsFirstBytes } -> std::convertible_to<bool>;
    };

template <class E>
concept NetworkSessionExtension = requires(
    const typename E::Proto& proto, ConfigContext& context, const typename E::Config& config,
    const net::ChainSetup& setup, net::SessionOwner& owner, net::Accepted accepted) {
  { E::Parse(proto, context) } -> std::same_as<std::optional<typename E::Config>>;
  { E::StatScope(config) } -> std::same_as<std::string>;
  {
    E::Create(config, setup, owner, std::move(accepted))
  } -> std::same_as<std::unique_ptr<net::DownstreamSession>>;
};

template <class E>
concept AccessLoggerExtension = requires(const typename E::Proto& proto, ConfigContext& context) {
  { E::Parse(proto, context) } -> std::same_as<std::shared_ptr<const access_log::ServiceLog>>;
};

template <class E>
concept ListenerFilterExtension =
    requires(const typename E::Proto& proto, ConfigContext& context,
             const typename E::Config& config, const net::ListenerFilterSetup& setup) {
      { E::Parse(proto, context) } -> std::same_as<std::optional<typename E::Config>>;
      { E::StatScope(config) } -> std::same_as<std::string>;
      { E::Create(config, setup) } -> std::same_as<std::unique_ptr<net::ListenerFilter>>;
    };

// How far an extension is: kAlpha is new, and its configuration or its statistics may still change.
enum class Stability : uint8_t { kStable, kAlpha };

// What is said of an extension where it is added, for `--list-extensions`.
struct Listing {
  std::string_view name = {};  // empty: made of its proto's (ExtensionName)
  Stability stability = Stability::kStable;
};

// A line of `--list-extensions`.
struct ListedExtension {
  std::string name;      // as Envoy calls it
  std::string category;  // as well
  std::string type_name;
  std::string route_type_name;  // empty when it has no per-route configuration
  Stability stability = Stability::kStable;
};

// envoy.extensions.filters.http.fault.v3.HTTPFault -> envoy.filters.http.fault; names of another
// form stay as they are.
std::string ExtensionName(std::string_view type_name);

// One HTTP filter extension behind function pointers.
struct HttpFilterEntry {
  std::string type_name;        // full name of Proto
  std::string route_type_name;  // full name of RouteProto; empty when there is none
  bool terminal = false;
  // False and an error in the context when the proto is wrong. `factory` gets what runs the filter;
  // its name and types are the translator's.
  bool (*parse)(const google::protobuf::Any& any, ConfigContext& context,
                http::FilterFactory& factory) = nullptr;
  std::shared_ptr<const void> (*parse_route)(const google::protobuf::Any& any,
                                             ConfigContext& context) = nullptr;
};

// One network filter: a guard or a terminal filter, never both.
struct NetworkFilterEntry {
  std::string type_name;
  // False and an error in the context when the proto is wrong.
  bool (*parse_guard)(const google::protobuf::Any& any, ConfigContext& context,
                      net::GuardFactory& factory) = nullptr;
  bool (*parse_session)(const google::protobuf::Any& any, ConfigContext& context,
                        net::SessionFactory& factory) = nullptr;
};

struct ListenerFilterEntry {
  std::string type_name;
  bool (*parse)(const google::protobuf::Any& any, ConfigContext& context,
                net::ListenerFilterFactory& factory) = nullptr;
};

struct AccessLoggerEntry {
  std::string type_name;
  // Null and an error in the context when the proto is wrong.
  std::shared_ptr<const access_log::ServiceLog> (*parse)(const google::protobuf::Any& any,
                                                         ConfigContext& context) = nullptr;
};

class Registry {
 public:
  template <HttpFilterExtension E>
  void AddHttpFilter(const Listing& listing = {});

  template <NetworkGuardExtension E>
  void AddNetworkGuard(const Listing& listing = {});
  template <NetworkSessionExtension E>
  void AddNetworkSession(const Listing& listing = {});
  template <ListenerFilterExtension E>
  void AddListenerFilter(const Listing& listing = {});
  template <AccessLoggerExtension E>
  void AddAccessLogger(const Listing& listing = {});
  // What the core itself reads and no entry stands for.
  void ListCore(std::string_view category, std::string_view type_name, const Listing& listing = {});

  // By type URL or full name; null when this binary has no such filter.
  const HttpFilterEntry* FindHttpFilter(std::string_view type_url) const;
  const NetworkFilterEntry* FindNetworkFilter(std::string_view type_url) const;
  const ListenerFilterEntry* FindListenerFilter(std::string_view type_url) const;
  const AccessLoggerEntry* FindAccessLogger(std::string_view type_url) const;
  const std::vector<HttpFilterEntry>& http_filters() const { return http_filters_; }
  // All of them, in the order in which they were added.
  const std::vector<ListedExtension>& listed() const { return listed_; }

 private:
  static constexpr std::string_view kHttpFilters = "envoy.filters.http";
  static constexpr std::string_view kNetworkFilters = "envoy.filters.network";
  static constexpr std::string_view kListenerFilters = "envoy.filters.listener";
  static constexpr std::string_view kAccessLoggers = "envoy.access_loggers";

  std::vector<HttpFilterEntry> http_filters_;
  std::vector<NetworkFilterEntry> network_filters_;
  std::vector<ListenerFilterEntry> listener_filters_;
  std::vector<AccessLoggerEntry> access_loggers_;
  std::vector<ListedExtension> listed_;
};

// --- implementation of the template ---

namespace registry_detail {

template <class E>
bool ParseFilter(const google::protobuf::Any& any, ConfigContext& context,
                 http::FilterFactory& factory) {
  typename E::Proto proto;
  if (!any.UnpackTo(&proto)) {
    context.AddError("", "the value is damaged");
    return false;
  }
  std::optional<typename E::Config> config = E::Parse(proto, context);
  if (!config.has_value()) return false;
  factory.config = std::make_shared<const typename E::Config>(std::move(*config));
  factory.create = [](const void* value, http::FilterContext& filter_context) {
    return E::Create(*static_cast<const typename E::Config*>(value), filter_context);
  };
  if constexpr (requires { typename E::Filter; }) {
    factory.hooks = http::Hooks::Of<typename E::Filter>();
  }
  if constexpr (requires { E::HooksOf(*config); }) {
    factory.hooks = E::HooksOf(*static_cast<const typename E::Config*>(factory.config.get()));
  }
  if constexpr (requires { E::LogFiles(*config); }) {
    factory.log_files = E::LogFiles(*static_cast<const typename E::Config*>(factory.config.get()));
  }
  if constexpr (HasWorkerState<E>) {
    factory.create_worker_state = [](const void* value, const http::WorkerSetup& setup) {
      return E::CreateWorkerState(*static_cast<const typename E::Config*>(value), setup);
    };
  }
  return true;
}

template <class E>
std::shared_ptr<const void> ParseRouteConfig(const google::protobuf::Any& any,
                                             ConfigContext& context) {
  typename E::RouteProto proto;
  if (!any.UnpackTo(&proto)) {
    context.AddError("", "the value is damaged");
    return nullptr;
  }
  std::optional<typename E::RouteConfig> config = E::ParseRoute(proto, context);
  if (!config.has_value()) return nullptr;
  return std::make_shared<const typename E::RouteConfig>(std::move(*config));
}

// What is the same for guards, sessions and listener filters.
template <class E, class Factory>
bool ParseNetwork(const google::protobuf::Any& any, ConfigContext& context, Factory& factory) {
  typename E::Proto proto;
  if (!any.UnpackTo(&proto)) {
    context.AddError("", "the value is damaged");
    return false;
  }
  std::optional<typename E::Config> config = E::Parse(proto, context);
  if (!config.has_value()) return false;
  factory.scope = E::StatScope(*config);
  factory.config = std::make_shared<const typename E::Config>(std::move(*config));
  return true;
}

template <class E>
bool ParseGuard(const google::protobuf::Any& any, ConfigContext& context,
                net::GuardFactory& factory) {
  factory.wants_first_bytes = E::kWantsFirstBytes;
  factory.create = [](const void* value, const net::ChainSetup& setup) {
    return E::Create(*static_cast<const typename E::Config*>(value), setup);
  };
  return ParseNetwork<E>(any, context, factory);
}

template <class E>
bool ParseSession(const google::protobuf::Any& any, ConfigContext& context,
                  net::SessionFactory& factory) {
  factory.create = [](const void* value, const net::ChainSetup& setup, net::SessionOwner& owner,
                      net::Accepted accepted) {
    return E::Create(*static_cast<const typename E::Config*>(value), setup, owner,
                     std::move(accepted));
  };
  return ParseNetwork<E>(any, context, factory);
}

template <class E>
bool ParseListenerFilter(const google::protobuf::Any& any, ConfigContext& context,
                         net::ListenerFilterFactory& factory) {
  factory.create = [](const void* value, const net::ListenerFilterSetup& setup) {
    return E::Create(*static_cast<const typename E::Config*>(value), setup);
  };
  return ParseNetwork<E>(any, context, factory);
}

}  // namespace registry_detail

template <HttpFilterExtension E>
void Registry::AddHttpFilter(const Listing& listing) {
  HttpFilterEntry entry;
  entry.type_name = E::Proto::descriptor()->full_name();
  if constexpr (requires { E::kTerminal; }) entry.terminal = E::kTerminal;
  entry.parse = &registry_detail::ParseFilter<E>;
  if constexpr (HasRouteConfig<E>) {
    entry.route_type_name = E::RouteProto::descriptor()->full_name();
    entry.parse_route = &registry_detail::ParseRouteConfig<E>;
  }
  ListCore(kHttpFilters, entry.type_name, listing);
  listed_.back().route_type_name = entry.route_type_name;
  http_filters_.push_back(std::move(entry));
}

template <NetworkGuardExtension E>
void Registry::AddNetworkGuard(const Listing& listing) {
  ListCore(kNetworkFilters, E::Proto::descriptor()->full_name(), listing);
  network_filters_.push_back(
      {E::Proto::descriptor()->full_name(), &registry_detail::ParseGuard<E>, nullptr});
}

template <NetworkSessionExtension E>
void Registry::AddNetworkSession(const Listing& listing) {
  ListCore(kNetworkFilters, E::Proto::descriptor()->full_name(), listing);
  network_filters_.push_back(
      {E::Proto::descriptor()->full_name(), nullptr, &registry_detail::ParseSession<E>});
}

template <AccessLoggerExtension E>
void Registry::AddAccessLogger(const Listing& listing) {
  ListCore(kAccessLoggers, E::Proto::descriptor()->full_name(), listing);
  access_loggers_.push_back({E::Proto::descriptor()->full_name(),
                             [](const google::protobuf::Any& any, ConfigContext& context)
                                 -> std::shared_ptr<const access_log::ServiceLog> {
                               typename E::Proto proto;
                               if (any.UnpackTo(&proto)) return E::Parse(proto, context);
                               context.AddError("", "the value is damaged");
                               return nullptr;
                             }});
}

template <ListenerFilterExtension E>
void Registry::AddListenerFilter(const Listing& listing) {
  ListCore(kListenerFilters, E::Proto::descriptor()->full_name(), listing);
  listener_filters_.push_back(
      {E::Proto::descriptor()->full_name(), &registry_detail::ParseListenerFilter<E>});
}

}  // namespace remora::config
