#pragma once

// What a module has made of a configuration, and what it may ask while it makes it.
//
// ConfigReading is what the handle means that create_config and its like are given: the value,
// where errors go, and which metrics were defined. ModuleValue is what came out of it: owned here,
// destroyed by its module, which it keeps loaded. RouteSetting is a route's: made anew, once, for
// each other version of its module that a stream of the route has (the filter was configured again,
// the route was not), so that a module never sees what another one has made.
//
// Threads: main, at load; RouteSetting::For any worker. Errors come back as texts.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/extensions/http_filters/dynamic_modules/library.h"
#include "source/http/metadata.h"

namespace remora::extensions {

struct DefinedMetric {
  std::string name;
  uint32_t kind = REMORA_COUNTER;
};

class ConfigReading {
 public:
  static constexpr size_t kMaxMetrics = 1000;

  // Without a value: for the init function.
  explicit ConfigReading(const http::MetadataValue* of = nullptr,
                         std::vector<DefinedMetric>* defined = nullptr);
  ~ConfigReading();
  ConfigReading(const ConfigReading&) = delete;
  ConfigReading& operator=(const ConfigReading&) = delete;

  uint64_t handle() const { return handle_; }
  // One line; `otherwise` when there are none.
  std::string ErrorText(std::string_view otherwise) const;

  const http::MetadataValue* const value;
  std::vector<DefinedMetric>* const metrics;  // null: none can be defined here
  std::vector<std::pair<std::string, std::string>> errors;

 private:
  const uint64_t handle_;
};

class ModuleValue {
 public:
  using Destroy = void (*)(void*);

  ModuleValue() = default;
  ModuleValue(std::shared_ptr<const Library> library, void* value, Destroy destroy)
      : library_(std::move(library)), value_(value), destroy_(destroy) {}
  ~ModuleValue() {
    if (value_ != nullptr && destroy_ != nullptr) destroy_(value_);
  }
  ModuleValue(ModuleValue&& other) noexcept
      : library_(std::move(other.library_)),
        value_(std::exchange(other.value_, nullptr)),
        destroy_(other.destroy_) {}
  ModuleValue& operator=(ModuleValue&& other) noexcept {
    std::swap(library_, other.library_);
    std::swap(value_, other.value_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }

  const std::shared_ptr<const Library>& library() const { return library_; }
  void* get() const { return value_; }

 private:
  std::shared_ptr<const Library> library_;  // outlives the value
  void* value_ = nullptr;
  Destroy destroy_ = nullptr;
};

class RouteSetting {
 public:
  RouteSetting(std::string filter_name, http::MetadataValue value)
      : filter_name_(std::move(filter_name)), value_(std::move(value)) {}
  ~RouteSetting();
  RouteSetting(const RouteSetting&) = delete;
  RouteSetting& operator=(const RouteSetting&) = delete;

  // Makes the first one; why it could not is in `reading`.
  bool MakeFirst(std::shared_ptr<const Library> library, ConfigReading& reading);
  const http::MetadataValue& value() const { return value_; }
  // What that library, or another version of its file, has made of it; null: it does not take it.
  const void* For(const std::shared_ptr<const Library>& library) const;

 private:
  struct Made {
    ModuleValue value;
    std::shared_ptr<const Library> library;
    Made* next = nullptr;
  };

  // Null, or an error in `reading`: it is refused.
  ModuleValue Make(const std::shared_ptr<const Library>& library, ConfigReading& reading) const;
  const void* MakeFor(const std::shared_ptr<const Library>& library) const;

  const std::string filter_name_;
  const http::MetadataValue value_;
  // Only ever grows, at its front: found without a lock.
  mutable std::atomic<Made*> made_{nullptr};
};

// Tables and structs of a module: as many bytes as it says, the rest 0.
template <class T>
T CopyOf(const T& of);

}  // namespace remora::extensions

// --- implementation of the template ---

#include <algorithm>
#include <cstring>

namespace remora::extensions {

template <class T>
T CopyOf(const T& of) {
  size_t size = 0;
  std::memcpy(&size, &of, sizeof(size));
  T copy{};
  std::memcpy(static_cast<void*>(&copy), &of, std::min(size, sizeof(T)));
  return copy;
}

}  // namespace remora::extensions
