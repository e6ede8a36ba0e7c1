#include "source/extensions/http_filters/dynamic_modules/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/extensions/http_filters/dynamic_modules/host_table.h"
#include "source/extensions/http_filters/dynamic_modules/module_config.h"

namespace remora::extensions {
namespace {

// Of which file a library is a copy; another one in its place, or another content, is not equal.
using FileVersion = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t, int64_t, int64_t>;

FileVersion VersionOf(const struct stat& file) {
  return {file.st_dev,          file.st_ino,         file.st_size,        file.st_mtim.tv_sec,
          file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
}

// What is loaded, by path.
struct Loaded {
  FileVersion version;
  std::weak_ptr<const Library> library;
};
struct Libraries {
  std::map<std::string, Loaded> by_path;
  std::vector<std::shared_ptr<const Library>> kept;
};

// Main's alone.
Libraries& OpenLibraries() {
  // Never destroyed: what is kept is not closed at the exit either.
  static Libraries& libraries = *new Libraries;
  return libraries;
}

// The name by which the loader knows it.
std::string PlaceOf(int memory) { return absl::StrCat("/proc/self/fd/", memory); }

absl::Status Errno(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(what.data(), what.size()), ": ", std::strerror(errno)));
}

struct OpenFile {
  int number = -1;
  ~OpenFile() {
    if (number >= 0) close(number);
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Library>> Library::Open(const std::string& path, bool keep) {
  const OpenFile file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts{};
  if (file.number < 0 || fstat(file.number, &facts) != 0) return Errno(path);
  if (!S_ISREG(facts.st_mode) || static_cast<uint64_t>(facts.st_size) > kMaxFileSize) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no file of at most ", kMaxFileSize >> 20, " MiB"));
  }
  Libraries& libraries = OpenLibraries();
  Loaded& loaded = libraries.by_path[path];
  std::shared_ptr<const Library> library = loaded.library.lock();
  if (library == nullptr || loaded.version != VersionOf(facts)) {
    std::shared_ptr<Library> opened(new Library(path));
    absl::Status status = opened->Load(file.number);
    if (!status.ok()) return status;
    loaded = {VersionOf(facts), opened};
    library = std::move(opened);
  }
  if (keep &&
      std::find(libraries.kept.begin(), libraries.kept.end(), library) == libraries.kept.end()) {
    libraries.kept.push_back(library);
  }
  return library;
}

absl::Status Library::Load(int file) {
  const std::string name = path_.substr(path_.rfind('/') + 1);
  memory_ = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (memory_ < 0) return Errno("memfd_create");
  for (;;) {
    const ssize_t copied = sendfile(memory_, file, nullptr, size_t{1} << 20);
    if (copied == 0) break;
    if (copied < 0) return Errno(path_);
  }
  const std::string place = PlaceOf(memory_);
  handle_ = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrReplaceAll(dlerror(), {{place, path_}}));
  }
  return Initialize();
}

absl::Status Library::Initialize() {
  using Init = const remora_module* (*)(const remora_host*, remora_config);
  const auto init = reinterpret_cast<Init>(dlsym(handle_, REMORA_FILTER_INIT_SYMBOL));
  if (init == nullptr) {
    const bool envoys = dlsym(handle_, "envoy_dynamic_module_on_program_init") != nullptr;
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " has no symbol " REMORA_FILTER_INIT_SYMBOL,
                     envoys ? ": it is a module for Envoy, whose interface is another one" : ""));
  }
  ConfigReading reading;
  const remora_module* const module = init(&HostTable(), reading.handle());
  if (module == nullptr || !reading.errors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " cannot be used: ", reading.ErrorText("its init function failed")));
  }
  module_ = CopyOf(*module);
  if (module_.abi_version == 0 || module_.abi_version > REMORA_FILTER_ABI_VERSION) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " needs version ", module_.abi_version,
                     " of the interface for filters; this binary has ", REMORA_FILTER_ABI_VERSION));
  }
  if (module_.create_config == nullptr || module_.destroy_config == nullptr ||
      module_.hooks == nullptr || module_.create_filter == nullptr ||
      module_.destroy_filter == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_,
        " lacks one of create_config, destroy_config, hooks, create_filter, destroy_filter"));
  }
  return absl::OkStatus();
}

Library::~Library() {
  if (handle_ != nullptr) {
    dlclose(handle_);
    // One that cannot be unloaded (-z nodelete, a unique symbol) keeps its name: the number must
    // not be that of another file, which dlopen would take for this one.
    void* const still = dlopen(PlaceOf(memory_).c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (still != nullptr) {
      dlclose(still);
      return;
    }
  }
  if (memory_ >= 0) close(memory_);
}

}  // namespace remora::extensions
