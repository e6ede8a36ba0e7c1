#pragma once

// Library: a module, loaded.
//
//   file --copy--> memory --dlopen--> remora_filter_init(host table) --> the module's table
//
// What is loaded is a copy in memory: the file may be replaced or written over at any time, and
// each version of it is a library of its own, also while an older one is still in use.
// Configurations that name a file which has not changed share one; whoever has a piece of a
// module's holds its library, and the last one closes it.
//
// Thread: Open on main. A library may be let go of by any thread. Every failure is a status that
// says what and why.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "source/sdk/remora_filter_abi.h"

namespace remora::extensions {

class Library {
 public:
  static constexpr uint64_t kMaxFileSize = uint64_t{256} << 20;

  // `keep`: it is never closed.
  static absl::StatusOr<std::shared_ptr<const Library>> Open(const std::string& path, bool keep);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const std::string& path() const { return path_; }
  // What lies beyond the size that the module gave is null.
  const remora_module& module() const { return module_; }

 private:
  explicit Library(std::string path) : path_(std::move(path)) {}
  absl::Status Load(int file);
  absl::Status Initialize();

  const std::string path_;
  int memory_ = -1;  // open as long as the library: its number is in the name that is loaded
  void* handle_ = nullptr;
  remora_module module_{};
};

}  // namespace remora::extensions
