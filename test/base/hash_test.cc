#include "source/base/hash.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>

namespace remora::base {
namespace {

TEST_CASE("xxHash's published values") {
  CHECK(XxHash64("") == 0xef46db3751d8e999);
  CHECK(XxHash64("foo") == 0x33bf00a859c4ba3f);
  CHECK(XxHash64("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1);
  CHECK(XxHash64("foo", 1) != XxHash64("foo"));
}

TEST_CASE("MurmurHash2 is the hash of libstdc++ at every length") {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    INFO(text);
    CHECK(MurmurHash64(text) == std::hash<std::string>{}(text));
    text += static_cast<char>('a' + i % 26);
  }
}

}  // namespace
}  // namespace remora::base
