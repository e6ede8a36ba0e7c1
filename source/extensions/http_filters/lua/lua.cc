#include "source/extensions/http_filters/lua/lua.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/lua/v3/lua.pb.h"
#include "source/base/module.h"
#include "source/config/extension_values.h"
#include "source/config/format_config.h"

namespace remora::extensions {
namespace {

using config::ConfigContext;
using envoy::config::core::v3::DataSource;

constexpr uint64_t kMaxSource = uint64_t{1} << 20;

// Null after an error.
lua::Library* LoadLibrary(std::string_view field, ConfigContext& context) {
  const absl::StatusOr<void*> open =
      base::LoadModule({lua::kModule, lua::kOpen, "the lua filter", "libluajit-5.1-2"});
  if (open.ok()) return reinterpret_cast<lua::Open>(*open)();
  context.AddError(field, std::string(open.status().message()));
  return nullptr;
}

// Null after an error. `name` stands before the line numbers of what it says.
SourceCodePtr Compile(std::string_view name, std::string text, std::string_view field,
                      ConfigContext& context) {
  lua::Library* const library = LoadLibrary(field, context);
  if (library == nullptr) return nullptr;
  std::string error;
  if (library->Load(name, text, lua::Limits(), error) == nullptr) {
    context.AddError(field, absl::StrCat("script load error: ", error));
    return nullptr;
  }
  return std::make_shared<const SourceCode>(
      SourceCode{*library, std::string(name), std::move(text)});
}

SourceCodePtr Compile(std::string_view name, const DataSource& source, std::string_view field,
                      ConfigContext& context) {
  const size_t errors = context.errors().size();
  std::string text = config::ParseExtensionDataSource(source, kMaxSource, field, context);
  if (context.errors().size() > errors) return nullptr;
  return Compile(source.filename().empty() ? name : source.filename(), std::move(text), field,
                 context);
}

}  // namespace

// --- configuration

std::optional<Lua::Config> Lua::Parse(const Proto& proto, ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  if (proto.has_default_source_code()) {
    config.code =
        Compile("default_source_code", proto.default_source_code(), "default_source_code", context);
  }
  if (!proto.inline_code().empty()) {
    if (proto.has_default_source_code()) {
      context.AddError("inline_code",
                       "Only one of `inline_code` or `default_source_code` can be set for the Lua "
                       "filter.");
    } else {
      config.code = Compile("inline_code", proto.inline_code(), "inline_code", context);
    }
  }
  for (const auto& [name, source] : proto.source_codes()) {
    config.codes[name] =
        Compile(name, source, absl::StrCat("source_codes[\"", name, "\"]"), context);
  }
  config.stat_prefix = proto.stat_prefix();
  config.reroute = !proto.has_clear_route_cache() || proto.clear_route_cache().value();
  config.filter_context = config::ToMetadataValue(proto.filter_context());
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<Lua::RouteConfig> Lua::ParseRoute(const RouteProto& proto, ConfigContext& context) {
  const size_t errors = context.errors().size();
  RouteConfig config;
  config.disabled = proto.disabled();
  config.name = proto.name();
  if (proto.has_source_code()) {
    config.code = Compile("source_code", proto.source_code(), "source_code", context);
  }
  if (proto.has_filter_context()) {
    config.filter_context = config::ToMetadataValue(proto.filter_context());
  }
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

http::FilterPtr Lua::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<LuaFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Lua::CreateWorkerState(const Config& config,
                                                                const http::WorkerSetup& setup) {
  return std::make_unique<ScriptState>(config.stat_prefix, setup);
}

// --- the filter

lua::Script* LuaFilter::FindScript() const {
  const auto* const route = context_.RouteConfig<Lua::RouteConfig>();
  // Not copied: all workers share its count.
  const SourceCodePtr* code = &config_.code;
  if (route != nullptr) {
    if (route->disabled) return nullptr;
    if (!route->name.empty()) {
      const auto found = config_.codes.find(route->name);
      if (found == config_.codes.end()) return nullptr;
      code = &found->second;
    } else if (route->code != nullptr) {
      code = &route->code;
    }
  }
  return *code != nullptr ? state().Find(*code) : nullptr;
}

void LuaFilter::Start(lua::Function function, std::optional<ScriptStream>& stream) {
  lua::Script* const script = FindScript();
  if (script == nullptr || !script->Has(function)) return;
  state().executions.Inc();
  stream.emplace(*this, *script, function);
}

http::Answer LuaFilter::OnRequestHead(http::RequestHead& head) {
  request_head_ = &head;
  Start(lua::Function::kOnRequest, request_);
  return request_.has_value() ? request_->OnHead(head) : http::Answer::kContinue;
}

http::Answer LuaFilter::OnRequestData(buffer::Buffer& data) {
  return request_.has_value() ? request_->OnData(data) : http::Answer::kContinue;
}

http::Answer LuaFilter::OnRequestEnd(http::HeaderMap* trailers) {
  return request_.has_value() ? request_->OnEnd(trailers) : http::Answer::kContinue;
}

http::Answer LuaFilter::OnResponseHead(http::ResponseHead& head) {
  Start(lua::Function::kOnResponse, response_);
  return response_.has_value() ? response_->OnHead(head) : http::Answer::kContinue;
}

http::Answer LuaFilter::OnResponseData(buffer::Buffer& data) {
  return response_.has_value() ? response_->OnData(data) : http::Answer::kContinue;
}

http::Answer LuaFilter::OnResponseEnd(http::HeaderMap* trailers) {
  return response_.has_value() ? response_->OnEnd(trailers) : http::Answer::kContinue;
}

void LuaFilter::OnComplete() {
  request_.reset();
  response_.reset();
}

// --- for its streams

const http::MetadataValue& LuaFilter::FilterContextValue() const {
  const auto* const route = context_.RouteConfig<Lua::RouteConfig>();
  return route != nullptr && route->filter_context.has_value() ? *route->filter_context
                                                               : config_.filter_context;
}

void LuaFilter::KeepMetadata(const std::string& name_space, const std::string& key,
                             http::MetadataValue value) {
  metadata_.Open(context_.stream_info(), name_space).fields[key] = std::move(value);
}

void LuaFilter::Override(const http::OverrideHost& host) {
  override_host_ = host;
  context_.stream_info().override_host = &override_host_;
}

}  // namespace remora::extensions
