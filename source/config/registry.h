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
//     static constexpr bool kTerminal = true;        // optional
//   };
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
#include "source/config/config_error.h"
#include "source/http/filter/filter.h"

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
  const std::string& path() const { return path_; }
  ErrorList& errors() { return errors_; }
  const Translation* around() const { return around_; }

 private:
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

class Registry {
 public:
  template <HttpFilterExtension E>
  void AddHttpFilter();

  // By type URL or full name; null when this binary has no such filter.
  const HttpFilterEntry* FindHttpFilter(std::string_view type_url) const;
  const std::vector<HttpFilterEntry>& http_filters() const { return http_filters_; }

 private:
  std::vector<HttpFilterEntry> http_filters_;
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

}  // namespace registry_detail

template <HttpFilterExtension E>
void Registry::AddHttpFilter() {
  HttpFilterEntry entry;
  entry.type_name = E::Proto::descriptor()->full_name();
  if constexpr (requires { E::kTerminal; }) entry.terminal = E::kTerminal;
  entry.parse = &registry_detail::ParseFilter<E>;
  if constexpr (HasRouteConfig<E>) {
    entry.route_type_name = E::RouteProto::descriptor()->full_name();
    entry.parse_route = &registry_detail::ParseRouteConfig<E>;
  }
  http_filters_.push_back(std::move(entry));
}

}  // namespace remora::config
