#include "source/http/http2/memory.h"

#include <cstring>
#include <set>
#include <string>
#include <vector>

// Both base/check.h and Catch2 define CHECK; tests mean the latter.
#undef CHECK
#include <catch2/catch.hpp>

namespace remora::http2 {
namespace {

TEST_CASE("memory: pieces of every size hold what is written to them") {
  Memory memory;
  std::vector<std::string> written;
  std::vector<void*> pieces;
  for (size_t size = 0; size < 6000; size += 37) {
    void* const piece = Memory::Allocate(size % 2 == 0 ? &memory : nullptr, size);
    REQUIRE(piece != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(piece) % alignof(std::max_align_t) == 0);
    written.emplace_back(size, static_cast<char>('a' + size % 26));
    std::memcpy(piece, written.back().data(), size);
    pieces.push_back(piece);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    CHECK(std::string(static_cast<char*>(pieces[i]), written[i].size()) == written[i]);
    Memory::Free(pieces[i]);
  }
  Memory::Free(nullptr);
}

TEST_CASE("memory: a piece that grows keeps its bytes") {
  Memory memory;
  void* piece = Memory::Reallocate(&memory, nullptr, 10);
  std::memcpy(piece, "0123456789", 10);
  for (const size_t size : {20u, 33u, 500u, 5000u, 100000u}) {
    piece = Memory::Reallocate(&memory, piece, size);
    REQUIRE(piece != nullptr);
    CHECK(std::memcmp(piece, "0123456789", 10) == 0);
  }
  Memory::Free(piece);
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("memory: what is given back is used again, and little is kept") {
  Memory memory;
  void* const piece = Memory::Allocate(&memory, 100);
  Memory::Free(piece);
  CHECK(memory.kept() == 128);
  CHECK(Memory::Allocate(&memory, 128) == piece);
  CHECK(memory.kept() == 0);
  Memory::Free(piece);
  std::vector<void*> pieces;
  for (int i = 0; i < 1000; ++i) pieces.push_back(Memory::Allocate(&memory, 1000));
  CHECK(std::set<void*>(pieces.begin(), pieces.end()).size() == pieces.size());
  for (void* each : pieces) Memory::Free(each);
  CHECK(memory.kept() <= Memory::kMostKept);
  CHECK(memory.kept() > Memory::kMostKept - 2048);
}
#endif

}  // namespace
}  // namespace remora::http2
