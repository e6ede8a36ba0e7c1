#include "source/buffer/buffer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

namespace remora::buffer {
namespace {

constexpr size_t kBlock = Block::capacity();

Buffer Make(BlockPool& pool, std::string_view text) {
  Buffer buffer(pool);
  buffer.Append(text);
  return buffer;
}

TEST_CASE("buffer: empty owns nothing") {
  BlockPool pool;
  Buffer buffer(pool);
  CHECK(buffer.empty());
  CHECK(buffer.Front().empty());
  CHECK(buffer.ToString().empty());
  CHECK(pool.live() == 0);
  buffer.Clear();
  buffer.Append("");
  CHECK(pool.live() == 0);
}

TEST_CASE("buffer: append fills blocks one after the other") {
  BlockPool pool;
  const std::string text(kBlock + 10, 'x');
  Buffer buffer = Make(pool, text);
  CHECK(buffer.length() == kBlock + 10);
  CHECK(buffer.slice_count() == 2);
  CHECK(buffer.ToString() == text);
  buffer.Append("yz");
  CHECK(buffer.slice_count() == 2);
  buffer.Clear();
  CHECK(pool.live() == 0);
  CHECK(pool.idle() == 2);
}

TEST_CASE("buffer: drain within, across and to the end of slices") {
  BlockPool pool;
  Buffer buffer = Make(pool, std::string(kBlock, 'a') + "bc");
  buffer.Drain(kBlock - 1);
  CHECK(buffer.ToString() == "abc");
  buffer.Drain(2);
  CHECK(buffer.ToString() == "c");
  CHECK(pool.live() == 1);
  buffer.Drain(1);
  CHECK(pool.live() == 0);
}

TEST_CASE("buffer: moving everything is pointer work, small pieces are copied") {
  BlockPool pool;
  SECTION("large: the block changes owner") {
    Buffer from = Make(pool, std::string(1000, 'x'));
    const char* const data = from.Front().data();
    Buffer to(pool);
    to.MoveFrom(from);
    CHECK(from.empty());
    CHECK(to.Front().data() == data);
  }
  SECTION("small, into a block with room: a copy, so that the block is free again") {
    Buffer from = Make(pool, "abc");
    Buffer to = Make(pool, "123");
    to.MoveFrom(from);
    CHECK(to.ToString() == "123abc");
    CHECK(to.slice_count() == 1);
    CHECK(pool.live() == 1);
  }
  SECTION("large, behind others") {
    Buffer from = Make(pool, std::string(1000, 'x'));
    Buffer to = Make(pool, "123");
    to.MoveFrom(from);
    CHECK(to.ToString() == "123" + std::string(1000, 'x'));
    CHECK(to.slice_count() == 2);
  }
}

TEST_CASE("buffer: a part of a slice becomes a view of the same block") {
  BlockPool pool;
  Buffer from = Make(pool, std::string(600, 'a') + std::string(600, 'b'));
  Buffer to(pool);
  to.MoveFrom(from, 600);
  CHECK(pool.live() == 1);
  CHECK(to.ToString() == std::string(600, 'a'));
  CHECK(from.ToString() == std::string(600, 'b'));
  // A shared block is not written to: what is appended goes elsewhere.
  to.Append("1");
  from.Append("2");
  CHECK(pool.live() == 3);
  CHECK(to.ToString() == std::string(600, 'a') + "1");
  CHECK(from.ToString() == std::string(600, 'b') + "2");
}

TEST_CASE("buffer: a small part is copied and does not pin the block") {
  BlockPool pool;
  Buffer from = Make(pool, std::string(kBlock, 'a'));
  Buffer to(pool);
  to.MoveFrom(from, Buffer::kCopyThreshold - 1);
  from.Clear();
  CHECK(pool.live() == 1);
  CHECK(to.length() == Buffer::kCopyThreshold - 1);
}

TEST_CASE("buffer: the block of a view is writable again when it is the only one") {
  BlockPool pool;
  Buffer from = Make(pool, std::string(600, 'a') + std::string(600, 'b'));
  Buffer to(pool);
  to.MoveFrom(from, 600);
  from.Clear();
  to.Append("xyz");
  CHECK(to.slice_count() == 1);
  CHECK(to.ToString() == std::string(600, 'a') + "xyz");
}

TEST_CASE("buffer: more slices than fit inline") {
  BlockPool pool;
  Buffer to(pool);
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string text(1000, static_cast<char>('a' + i % 26));
    Buffer from = Make(pool, text);
    to.MoveFrom(from);
    expected += text;
  }
  CHECK(to.slice_count() == 50);
  CHECK(to.ToString() == expected);
  Buffer other(std::move(to));
  CHECK(to.empty());
  CHECK(other.ToString() == expected);
  to.Append("again");
  CHECK(to.ToString() == "again");
  to = std::move(other);
  CHECK(to.ToString() == expected);
}

TEST_CASE("buffer: moved buffers with inline slices keep their own") {
  BlockPool pool;
  Buffer a = Make(pool, "one");
  Buffer b(std::move(a));
  a.Append("two");
  CHECK(b.ToString() == "one");
  CHECK(a.ToString() == "two");
}

TEST_CASE("buffer: reserve and commit") {
  BlockPool pool;
  Buffer buffer(pool);
  Buffer::Reservation room;
  SECTION("nothing read gives everything back") {
    buffer.Reserve(4, room);
    CHECK(room.count == 4);
    CHECK(pool.live() == 4);
    buffer.Commit(room, 0);
    CHECK(pool.live() == 0);
    CHECK(buffer.slice_count() == 0);
  }
  SECTION("a part of it is kept") {
    buffer.Reserve(3, room);
    std::memset(room.vectors[0].iov_base, 'a', room.vectors[0].iov_len);
    std::memset(room.vectors[1].iov_base, 'b', 5);
    buffer.Commit(room, room.vectors[0].iov_len + 5);
    CHECK(pool.live() == 2);
    CHECK(buffer.ToString() == std::string(kBlock, 'a') + "bbbbb");
  }
  SECTION("the free tail of the last block comes first") {
    buffer.Append("head");
    buffer.Reserve(1, room);
    CHECK(room.blocks[0] == nullptr);
    std::memcpy(room.vectors[0].iov_base, "tail", 4);
    buffer.Commit(room, 4);
    CHECK(buffer.ToString() == "headtail");
    CHECK(buffer.slice_count() == 1);
  }
  SECTION("but not when it is small or shared") {
    buffer.Append(std::string(kBlock - 100, 'x'));
    buffer.Reserve(1, room);
    CHECK(room.blocks[0] != nullptr);
    buffer.Commit(room, 0);
    Buffer view(pool);
    buffer.Drain(kBlock - 2000);
    view.MoveFrom(buffer, 600);
    buffer.Reserve(1, room);
    CHECK(room.blocks[0] != nullptr);
    buffer.Commit(room, 0);
  }
}

TEST_CASE("buffer: contiguous room") {
  BlockPool pool;
  Buffer buffer(pool);
  std::memcpy(buffer.ReserveContiguous(kBlock), "abc", 3);
  buffer.CommitContiguous(3);
  CHECK(buffer.ToString() == "abc");
  buffer.ReserveContiguous(kBlock);  // does not fit behind: a block of its own, not used
  buffer.CommitContiguous(0);
  CHECK(buffer.slice_count() == 1);
  CHECK(pool.live() == 1);
}

TEST_CASE("buffer: copy out of any place, pieces for writev") {
  BlockPool pool;
  Buffer buffer = Make(pool, std::string(kBlock - 1, 'a') + "bcd");
  char out[4] = {};
  buffer.CopyOut(kBlock - 2, 3, out);
  CHECK(std::string(out) == "abc");
  iovec vectors[8];
  CHECK(buffer.Slices(vectors, 8) == 2);
  CHECK(vectors[1].iov_len == 2);
  CHECK(buffer.Slices(vectors, 1) == 1);
  CHECK(buffer.Piece(1) == "cd");
}

TEST_CASE("block pool: keeps no more idle blocks than it may, last in first out") {
  BlockPool pool(2);
  Block* const a = pool.Take();
  Block* const b = pool.Take();
  Block* const c = pool.Take();
  CHECK(pool.live() == 3);
  a->Unref();
  b->Unref();
  c->Unref();
  CHECK(pool.idle() == 2);
  Block* const again = pool.Take();
  CHECK(again == b);
  again->Ref();
  CHECK_FALSE(again->unique());
  again->Unref();
  CHECK(again->unique());
  again->Unref();
  CHECK(pool.live() == 0);
}

}  // namespace
}  // namespace remora::buffer
