// Buffers against std::string: any operations on a few buffers that share one pool.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "source/base/random.h"
#include "source/buffer/buffer.h"

namespace remora::buffer {
namespace {

constexpr size_t kBuffers = 4;

std::string Text(base::Random& random, size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random.Below(26));
  return text;
}

size_t Size(base::Random& random) {
  switch (random.Below(4)) {
    case 0:
      return random.Below(8);
    case 1:
      return random.Below(1024);
    case 2:
      return random.Below(20'000);
    default:
      return random.Below(60'000);
  }
}

struct Pair {
  Buffer buffer;
  std::string text;
};

void Fill(base::Random& random, Pair& pair) {
  Buffer::Reservation room;
  pair.buffer.Reserve(1 + random.Below(Buffer::kMaxReserve), room);
  size_t capacity = 0;
  for (size_t i = 0; i < room.count; ++i) capacity += room.vectors[i].iov_len;
  const std::string text = Text(random, std::min(capacity, Size(random)));
  size_t at = 0;
  for (size_t i = 0; i < room.count && at < text.size(); ++i) {
    const size_t n = std::min(room.vectors[i].iov_len, text.size() - at);
    std::memcpy(room.vectors[i].iov_base, text.data() + at, n);
    at += n;
  }
  pair.buffer.Commit(room, text.size());
  pair.text += text;
}

void Step(base::Random& random, std::vector<Pair>& pairs) {
  Pair& pair = pairs[random.Below(kBuffers)];
  Pair& other = pairs[random.Below(kBuffers)];
  const size_t some = random.Below(pair.text.size() + 1);
  switch (random.Below(9)) {
    case 0:
    case 1: {
      const std::string text = Text(random, Size(random));
      pair.buffer.Append(text);
      pair.text += text;
      return;
    }
    case 2:
      pair.buffer.Drain(some);
      pair.text.erase(0, some);
      return;
    case 3:
      if (&pair == &other) return;
      other.buffer.MoveFrom(pair.buffer);
      other.text += pair.text;
      pair.text.clear();
      return;
    case 4:
    case 5:
      if (&pair == &other) return;
      other.buffer.MoveFrom(pair.buffer, some);
      other.text += pair.text.substr(0, some);
      pair.text.erase(0, some);
      return;
    case 6:
      return Fill(random, pair);
    case 7:
      if (&pair == &other) return;
      other.buffer = std::move(pair.buffer);
      other.text = std::move(pair.text);
      pair.text.clear();
      return;
    default: {
      const std::string text = Text(random, random.Below(2000));
      std::memcpy(pair.buffer.ReserveContiguous(text.size()), text.data(), text.size());
      pair.buffer.CommitContiguous(text.size());
      pair.text += text;
    }
  }
}

void Check(base::Random& random, const Pair& pair) {
  REQUIRE(pair.buffer.length() == pair.text.size());
  CHECK(pair.buffer.empty() == pair.text.empty());
  REQUIRE(pair.buffer.ToString() == pair.text);
  const size_t from = random.Below(pair.text.size() + 1);
  std::string part(random.Below(pair.text.size() - from + 1), '\0');
  pair.buffer.CopyOut(from, part.size(), part.data());
  CHECK(part == pair.text.substr(from, part.size()));
  std::string pieces;
  for (size_t i = 0; i < pair.buffer.slice_count(); ++i) {
    CHECK_FALSE(pair.buffer.Piece(i).empty());
    pieces += pair.buffer.Piece(i);
  }
  CHECK(pieces == pair.text);
}

TEST_CASE("buffer property: any operations, as on strings") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    base::Random random(seed);
    BlockPool pool(random.Below(20));
    {
      std::vector<Pair> pairs;
      for (size_t i = 0; i < kBuffers; ++i) pairs.push_back({Buffer(pool), ""});
      for (int step = 0; step < 100; ++step) {
        Step(random, pairs);
        for (const Pair& pair : pairs) {
          if (pair.text.size() < 4096 || step % 10 == 0) Check(random, pair);
        }
      }
      for (const Pair& pair : pairs) Check(random, pair);
    }
    CHECK(pool.live() == 0);
  }
}

}  // namespace
}  // namespace remora::buffer
