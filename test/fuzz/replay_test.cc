// Feeds every target its corpus (test/fuzz/corpus/<target>), as every test run does: whole, cut
// short, and changed a little at random, the same way every time. REMORA_FUZZ_ROUNDS=N changes each
// file N times (default 20). A fixed finding is kept as a file.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "source/base/random.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {
namespace {

uint64_t Rounds() {
  const char* text = std::getenv("REMORA_FUZZ_ROUNDS");
  return text == nullptr ? 20 : std::strtoull(text, nullptr, 10);
}

// Bytes that steer parsers, the NUL at the end too.
constexpr char kOften[] = "\r\n :,;0\t\0%{}[]\"aF-";

// A few random changes: bytes set, removed, doubled, pieces of another file put in.
std::string Change(std::string bytes, const std::string& other, base::Random& random) {
  for (uint64_t n = 1 + random.Below(4); n != 0; --n) {
    const size_t at = random.Below(bytes.size() + 1);
    switch (random.Below(5)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        bytes.erase(at, 1 + random.Below(8));
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, 1 + random.Below(32)));
        break;
      case 3:
        bytes.insert(at, 1, kOften[random.Below(sizeof(kOften))]);
        break;
      default:
        bytes.insert(at, other.substr(random.Below(other.size() + 1), random.Below(64)));
    }
  }
  return bytes;
}

// The input as text that can be put into a file.
std::string Shown(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    char piece[8];
    std::snprintf(piece, sizeof(piece), c >= 32 && c < 127 && c != '\\' ? "%c" : "\\x%02x",
                  static_cast<unsigned char>(c));
    text += piece;
  }
  return text;
}

void RunChanged(const Target& target, const std::vector<std::string>& files) {
  base::Random random(files.size());
  const uint64_t rounds = Rounds();
  for (uint64_t round = 0; round < rounds; ++round) {
    for (const std::string& file : files) {
      const std::string bytes = Change(file, files[random.Below(files.size())], random);
      try {
        target.run(bytes);
      } catch (const std::exception& error) {
        FAIL_CHECK(target.name << ": " << error.what() << "\ninput: " << Shown(bytes));
      }
    }
  }
}

void Replay(const std::vector<Target>& targets) {
  for (const Target& target : targets) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string("test/fuzz/corpus/") + target.name)) {
      if (entry.path().filename() != "BUILD.bazel") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    CHECK(paths.size() >= 5);
    std::vector<std::string> files;
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      files.push_back(bytes);
      INFO(path.string());
      CHECK_NOTHROW(target.run(bytes));
      // Every beginning of it, too: most bugs of parsers are at ends.
      for (size_t size = 0; size < std::min<size_t>(bytes.size(), 400); ++size) {
        INFO("its first " << size << " bytes");
        REQUIRE_NOTHROW(target.run(std::string_view(bytes).substr(0, size)));
      }
    }
    RunChanged(target, files);
  }
}

TEST_CASE("corpora: the sans-I/O targets") { Replay(CoreTargets()); }
TEST_CASE("corpora: the configuration loader") { Replay(ConfigTargets()); }

}  // namespace
}  // namespace remora::fuzz
