#include "source/base/arena.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "source/base/random.h"

namespace remora::base {
namespace {

TEST_CASE("arena: nothing is allocated before it is used, everything comes back") {
  ArenaPool pool;
  {
    Arena arena(pool);
    CHECK(arena.used() == 0);
    CHECK(arena.Copy("").empty());
    CHECK(pool.idle_blocks() == 0);
    CHECK(arena.Copy("hello") == "hello");
    CHECK(arena.used() == 5);
  }
  CHECK(pool.idle_blocks() == 1);
}

TEST_CASE("arena: a warm pool is used again, last in first out") {
  ArenaPool pool;
  Arena arena(pool);
  const char* const first = arena.AllocateBytes(10);
  arena.Reset();
  CHECK(arena.used() == 0);
  CHECK(arena.AllocateBytes(10) == first);
}

TEST_CASE("arena: alignment") {
  ArenaPool pool;
  Arena arena(pool);
  for (const size_t alignment : {1, 2, 4, 8, 16}) {
    arena.AllocateBytes(3);
    CHECK(reinterpret_cast<uintptr_t>(arena.Allocate(24, alignment)) % alignment == 0);
  }
}

TEST_CASE("arena: a large object leaves the rest of the block usable") {
  ArenaPool pool;
  Arena arena(pool);
  const char* const first = arena.AllocateBytes(16);
  char* const large = arena.AllocateBytes(100'000);
  std::memset(large, 'x', 100'000);
  CHECK(arena.AllocateBytes(16) == first + 16);
  CHECK(arena.used() == 100'032);
  arena.Reset();
  CHECK(pool.idle_blocks() == 1);
}

TEST_CASE("arena: grows the last allocation in place while the block has room") {
  ArenaPool pool;
  Arena arena(pool);
  char* const text = arena.AllocateBytes(10);
  CHECK(arena.TryExtend(text, 10, 100));
  CHECK(arena.used() == 100);
  CHECK_FALSE(arena.TryExtend(text, 10, 20));  // not its end any more
  CHECK_FALSE(arena.TryExtend(text, 100, ArenaPool::kBlockSize + 1));
  arena.AllocateBytes(1);
  CHECK_FALSE(arena.TryExtend(text, 100, 110));
}

TEST_CASE("arena: the pool keeps no more than it may") {
  ArenaPool pool(2);
  std::vector<char*> blocks;
  for (int i = 0; i < 5; ++i) blocks.push_back(pool.Take());
  for (char* block : blocks) pool.Give(block);
  CHECK(pool.idle_blocks() == 2);
}

TEST_CASE("arena: Make runs the destructor and leaves the memory") {
  struct Counted {
    explicit Counted(int& count) : count(count) {}
    ~Counted() { ++count; }
    int& count;
  };
  ArenaPool pool;
  Arena arena(pool);
  int destroyed = 0;
  {
    const ArenaPtr<Counted> object = arena.Make<Counted>(destroyed);
  }
  CHECK(destroyed == 1);
  arena.New<Counted>(destroyed);
  arena.Reset();
  CHECK(destroyed == 1);
}

TEST_CASE("arena property: pieces do not overlap and keep their bytes") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    ArenaPool pool;
    Arena arena(pool);
    for (int round = 0; round < 3; ++round) {
      std::vector<std::pair<std::string_view, std::string>> pieces;
      size_t total = 0;
      for (int i = 0; i < 100; ++i) {
        const size_t size = random.Below(random.Below(20) == 0 ? 20'000 : 400);
        std::string text(size, static_cast<char>('a' + random.Below(26)));
        pieces.emplace_back(arena.Copy(text), text);
        total += size;
      }
      for (const auto& [piece, text] : pieces) CHECK(piece == text);
      CHECK(arena.used() == total);
      arena.Reset();
    }
  }
}

}  // namespace
}  // namespace remora::base
