#include "source/runtime/disk_layer.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace remora::runtime {
namespace {

namespace fs = std::filesystem;

// A directory of its own, gone afterwards.
class Tree {
 public:
  Tree() {
    char name[] = "/tmp/remora_runtime_XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Tree() { fs::remove_all(path_); }
  void Write(const std::string& file, const std::string& text) {
    fs::create_directories(fs::path(path_ + "/" + file).parent_path());
    std::ofstream(path_ + "/" + file) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_CASE("Files are values, named by their path") {
  Tree tree;
  tree.Write("health_check/min_interval", "# how often\n 5 \n\n");
  tree.Write("a", "true\n");
  tree.Write("b/c/d", "{numerator: 1,\n denominator: HUNDRED}");
  tree.Write("text", "one\n#two\nthree\n");
  tree.Write("empty", "");
  const absl::StatusOr<Snapshot::Values> values = ReadDiskLayer(tree.path());
  REQUIRE(values.ok());
  CHECK(values->size() == 5);
  CHECK(values->at("health_check.min_interval").number == 5.0);
  CHECK(values->at("a").boolean == true);
  CHECK(values->at("b.c.d").fraction.has_value());
  CHECK(values->at("text").text == "one\nthree");
  CHECK(values->at("empty").text.empty());
}

TEST_CASE("Links to files and directories are followed, but not for ever") {
  Tree tree;
  tree.Write("real/x", "1");
  fs::create_symlink(tree.path() + "/real", tree.path() + "/link");
  CHECK(ReadDiskLayer(tree.path())->at("link.x").number == 1.0);
  fs::create_symlink(tree.path(), tree.path() + "/loop");
  CHECK_FALSE(ReadDiskLayer(tree.path()).ok());
}

TEST_CASE("A tree that is not there, or not sane, is an error") {
  Tree tree;
  CHECK_FALSE(DirectoryExists(tree.path() + "/no"));
  CHECK(DirectoryExists(tree.path()));
  CHECK_FALSE(ReadDiskLayer(tree.path() + "/no").ok());
  tree.Write("large", std::string(kMaxFile + 1, 'x'));
  CHECK_FALSE(ReadDiskLayer(tree.path()).ok());
}

}  // namespace
}  // namespace remora::runtime
