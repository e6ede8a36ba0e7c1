#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "source/config/format_config.h"
#include "source/extensions/http_filters/dynamic_modules/module_filter.h"

namespace remora::extensions {
namespace {

using config::ConfigContext;
using ModuleProto = envoy::extensions::dynamic_modules::v3::DynamicModuleConfig;

bool IsModuleName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
  });
}

// Empty after an error.
std::string PathOf(const ModuleProto& proto, ConfigContext& context) {
  if (proto.has_module()) {
    if (proto.module().local().filename().empty()) {
      context.AddError("dynamic_module_config.module.local",
                       "needs a filename: a module is a file");
    }
    return proto.module().local().filename();
  }
  if (proto.name().empty() || !IsModuleName(proto.name())) {
    context.AddError("dynamic_module_config.name",
                     "needs a name of letters, digits, '_', '-' and '.', or module.local.filename");
    return "";
  }
  const char* const folder = std::getenv("ENVOY_DYNAMIC_MODULES_SEARCH_PATH");
  return absl::StrCat(folder == nullptr ? "." : folder, "/lib", proto.name(), ".so");
}

// Null after an error.
std::shared_ptr<const Library> Load(const ModuleProto& proto, ConfigContext& context) {
  const std::string path = PathOf(proto, context);
  if (path.empty()) return nullptr;
  absl::StatusOr<std::shared_ptr<const Library>> library =
      Library::Open(path, proto.do_not_close());
  if (library.ok()) return *std::move(library);
  context.AddError("dynamic_module_config", std::string(library.status().message()));
  return nullptr;
}

// Nothing after an error.
std::optional<http::MetadataValue> ReadValue(const google::protobuf::Any& any,
                                             ConfigContext& context) {
  google::protobuf::Struct fields;
  google::protobuf::StringValue text;
  google::protobuf::BytesValue bytes;
  http::MetadataValue value;
  if (any.type_url().empty() || any.UnpackTo(&fields)) return config::ToMetadataValue(fields);
  value.kind = http::MetadataValue::Kind::kString;
  if (any.UnpackTo(&text)) {
    value.text = text.value();
  } else if (any.UnpackTo(&bytes)) {
    value.text = bytes.value();
  } else {
    context.AddError("filter_config", "needs a Struct, a StringValue or a BytesValue");
    return std::nullopt;
  }
  return value;
}

// Tells the context; true when there were none.
bool Report(const ConfigReading& reading, bool made, ConfigContext& context) {
  for (const auto& [field, message] : reading.errors) {
    context.AddError(
        absl::StrCat("filter_config", field.empty() || field.front() == '[' ? "" : ".", field),
        message);
  }
  if (!made && reading.errors.empty()) {
    context.AddError("filter_config", "the module refuses it and does not say why");
  }
  return made && reading.errors.empty();
}

bool HasHooks(const remora_module& module, uint32_t hooks) {
  const auto has = [&](uint32_t hook, const void* function) {
    return (hooks & hook) == 0 || function != nullptr;
  };
  const auto address = [](auto* function) { return reinterpret_cast<const void*>(function); };
  return (hooks & ~uint32_t{REMORA_ALL_HOOKS}) == 0 &&
         has(REMORA_ON_REQUEST_HEAD, address(module.on_request_head)) &&
         has(REMORA_ON_REQUEST_DATA, address(module.on_request_data)) &&
         has(REMORA_ON_REQUEST_END, address(module.on_request_end)) &&
         has(REMORA_ON_RESPONSE_HEAD, address(module.on_response_head)) &&
         has(REMORA_ON_RESPONSE_DATA, address(module.on_response_data)) &&
         has(REMORA_ON_RESPONSE_END, address(module.on_response_end));
}

}  // namespace

std::optional<DynamicModules::Config> DynamicModules::Make(std::shared_ptr<const Library> library,
                                                           std::string_view name,
                                                           const http::MetadataValue& value,
                                                           ConfigContext& context) {
  constexpr size_t kMaxFilterSize = 64 << 10;
  const remora_module& module = library->module();
  std::vector<DefinedMetric> metrics;
  ConfigReading reading(&value, &metrics);
  void* const made = module.create_config(reading.handle(), {name.data(), name.size()});
  ModuleValue owned(std::move(library), made, module.destroy_config);
  if (!Report(reading, made != nullptr, context)) return std::nullopt;
  Config config{std::move(owned), module.hooks(made), 0, std::move(metrics)};
  if (module.filter_size != nullptr) config.filter_size = module.filter_size(made);
  if (!HasHooks(module, config.hooks) || config.filter_size > kMaxFilterSize) {
    context.AddError("dynamic_module_config",
                     "the module names hooks that it does not have, or filters over 64 KiB");
    return std::nullopt;
  }
  return config;
}

std::optional<DynamicModules::RouteConfig> DynamicModules::MakeRoute(
    std::shared_ptr<const Library> library, std::string_view name, http::MetadataValue value,
    ConfigContext& context) {
  auto setting = std::make_unique<RouteSetting>(std::string(name), std::move(value));
  ConfigReading reading(&setting->value());
  const bool made = setting->MakeFirst(std::move(library), reading);
  if (!Report(reading, made, context)) return std::nullopt;
  return RouteConfig{std::move(setting)};
}

std::optional<DynamicModules::Config> DynamicModules::Parse(const Proto& proto,
                                                            ConfigContext& context) {
  std::shared_ptr<const Library> library = Load(proto.dynamic_module_config(), context);
  const std::optional<http::MetadataValue> value = ReadValue(proto.filter_config(), context);
  if (library == nullptr || !value.has_value()) return std::nullopt;
  return Make(std::move(library), proto.filter_name(), *value, context);
}

std::optional<DynamicModules::RouteConfig> DynamicModules::ParseRoute(const RouteProto& proto,
                                                                      ConfigContext& context) {
  std::shared_ptr<const Library> library = Load(proto.dynamic_module_config(), context);
  std::optional<http::MetadataValue> value = ReadValue(proto.filter_config(), context);
  if (library == nullptr || !value.has_value()) return std::nullopt;
  return MakeRoute(std::move(library), proto.per_route_config_name(), *std::move(value), context);
}

std::unique_ptr<http::FilterWorkerState> DynamicModules::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<ModuleState>(config.metrics, setup);
}

http::FilterPtr DynamicModules::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<ModuleFilter>(config, context);
}

http::Hooks DynamicModules::HooksOf(const Config& config) {
  // The request's head comes in any case: whether there is a filter is said there.
  return {static_cast<uint8_t>(config.hooks | http::Hooks::kHead | http::Hooks::kComplete)};
}
static_assert(int{REMORA_ON_REQUEST_HEAD} == int{http::Hooks::kHead} &&
              int{REMORA_ON_REQUEST_DATA} == int{http::Hooks::kData} &&
              int{REMORA_ON_REQUEST_END} == int{http::Hooks::kEnd} &&
              int{REMORA_ON_RESPONSE_HEAD} == http::Hooks::kHead << http::Hooks::kResponse);

}  // namespace remora::extensions
