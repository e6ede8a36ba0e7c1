#include "source/extensions/http_filters/dynamic_modules/module_config.h"

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/extensions/http_filters/dynamic_modules/handle_table.h"

namespace remora::extensions {

ConfigReading::ConfigReading(const http::MetadataValue* of, std::vector<DefinedMetric>* defined)
    : value(of),
      metrics(defined),
      handle_(HandleTable::OfThread().Add(HandleTable::Kind::kConfig, this)) {}

ConfigReading::~ConfigReading() { HandleTable::OfThread().Remove(handle_); }

std::string ConfigReading::ErrorText(std::string_view otherwise) const {
  std::string text;
  for (const auto& [field, message] : errors) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", field, field.empty() ? "" : ": ", message);
  }
  return text.empty() ? std::string(otherwise) : text;
}

RouteSetting::~RouteSetting() {
  const Made* made = made_.load(std::memory_order_acquire);
  while (made != nullptr) delete std::exchange(made, made->next);
}

ModuleValue RouteSetting::Make(const std::shared_ptr<const Library>& library,
                               ConfigReading& reading) const {
  const remora_module& module = library->module();
  if (module.create_route_config == nullptr) {
    reading.errors.emplace_back("", "the module has no configuration of routes");
    return {};
  }
  void* const value =
      module.create_route_config(reading.handle(), {filter_name_.data(), filter_name_.size()});
  ModuleValue owned(library, value, module.destroy_route_config);
  return reading.errors.empty() ? std::move(owned) : ModuleValue();
}

bool RouteSetting::MakeFirst(std::shared_ptr<const Library> library, ConfigReading& reading) {
  ModuleValue value = Make(library, reading);
  if (value.get() == nullptr) return false;
  made_.store(new Made{std::move(value), std::move(library)}, std::memory_order_release);
  return true;
}

const void* RouteSetting::For(const std::shared_ptr<const Library>& library) const {
  const Made* made = made_.load(std::memory_order_acquire);
  if (made->library == library) return made->value.get();
  for (; made != nullptr; made = made->next) {
    if (made->library == library) return made->value.get();
  }
  return MakeFor(library);
}

const void* RouteSetting::MakeFor(const std::shared_ptr<const Library>& library) const {
  const std::string& path = made_.load(std::memory_order_acquire)->library->path();
  ConfigReading reading(&value_);
  ModuleValue value;
  if (path == library->path()) {
    value = Make(library, reading);
  } else {
    reading.errors.emplace_back("", absl::StrCat("the route's module is ", path));
  }
  if (value.get() == nullptr) {
    REMORA_LOG(kFilter, kError, "a route's configuration is none for ", library->path(), ": ",
               reading.ErrorText("it is refused"));
  }
  // That there is none is kept too. Of two workers at once both are kept, and the last is found.
  auto* const made = new Made{std::move(value), library};
  made->next = made_.load(std::memory_order_acquire);
  while (!made_.compare_exchange_weak(made->next, made, std::memory_order_acq_rel)) {
  }
  return made->value.get();
}

}  // namespace remora::extensions
