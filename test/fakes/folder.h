#pragma once

// Folder: a folder of a test's own, empty at first, that goes with all that is in it by then.
//
//   fakes::Folder folder;
//   const std::string file = folder.Write("a.yaml", "name: a");
//
// Owner and thread: the test's, which makes it before what uses it. Throws when there is no room
// for it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace remora::fakes {

class Folder final {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "remora_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~Folder() {
    // Destructors do not throw: what cannot be removed stays.
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  // The path of `name` in it, which may be there or not.
  std::string At(const std::string& name) const { return path_ + "/" + name; }
  // Replaces what the file has; returns its path.
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(At(name), std::ios::binary) << text;
    return At(name);
  }

 private:
  std::string path_;
};

}  // namespace remora::fakes
