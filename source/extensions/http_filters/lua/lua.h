#pragma once

// The Lua filter: runs a script's envoy_on_request and envoy_on_response on each exchange.
//
// envoy.extensions.filters.http.lua.v3.Lua.
//
//   request, response --> ScriptStream, one each --events--> lua::Run (libremora_lua.so, LuaJIT)
//
// Which script it is the route says, when the request comes and again when the response does. A
// script that fails is counted and logged, and the message goes on as it is. A run is bounded
// (docs/filters/lua.md). Source: Envoy source/extensions/filters/http/lua/lua_filter.cc.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/extensions/http_filters/lua/script_stream.h"
#include "source/extensions/http_filters/lua/scripts.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/metadata.h"
#include "source/http/override_host.h"

namespace envoy::extensions::filters::http::lua::v3 {
class Lua;
class LuaPerRoute;
}  // namespace envoy::extensions::filters::http::lua::v3

namespace remora::extensions {

class LuaFilter;

struct Lua {
  using Proto = envoy::extensions::filters::http::lua::v3::Lua;
  using RouteProto = envoy::extensions::filters::http::lua::v3::LuaPerRoute;
  using Filter = LuaFilter;
  struct Config {
    SourceCodePtr code;  // null: only routes have some
    std::map<std::string, SourceCodePtr, std::less<>> codes;
    std::string stat_prefix;
    bool reroute = true;
    http::MetadataValue filter_context;
  };
  struct RouteConfig {
    bool disabled = false;
    std::string name;    // of Config::codes; empty: none is named
    SourceCodePtr code;  // null: not that
    std::optional<http::MetadataValue> filter_context;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class LuaFilter final : public http::Filter {
 public:
  LuaFilter(const Lua::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

  // --- for its two streams
  http::FilterContext& context() const { return context_; }
  ScriptState& state() const { return context_.worker_state<ScriptState>(); }
  http::RequestHead* request_head() const { return request_head_; }
  const http::MetadataValue& FilterContextValue() const;
  void KeepMetadata(const std::string& name_space, const std::string& key,
                    http::MetadataValue value);
  void Override(const http::OverrideHost& host);
  // The request's fields have changed: its route may be another one.
  void Reroute() { context_.Reroute(); }
  bool reroutes() const { return config_.reroute; }

 private:
  // Of the route as it is now; null: none.
  lua::Script* FindScript() const;
  // Starts the function if there is one.
  void Start(lua::Function function, std::optional<ScriptStream>& stream);

  const Lua::Config& config_;
  http::FilterContext& context_;
  http::RequestHead* request_head_ = nullptr;
  std::optional<ScriptStream> request_;
  std::optional<ScriptStream> response_;
  http::DynamicMetadata metadata_;
  http::OverrideHost override_host_;
};

}  // namespace remora::extensions
