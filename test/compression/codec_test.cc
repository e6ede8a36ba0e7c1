#include "source/compression/codec.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace remora::compression {
namespace {

using buffer::Buffer;

constexpr uint64_t kAny = 1'000'000'000;

// Some words, again and again, with numbers that make each line another one.
std::string Text(size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) {
    text += "a line of text that repeats itself, number " + std::to_string(i * 7919) + "\n";
  }
  text.resize(size);
  return text;
}

struct Pair {
  std::string name;
  std::shared_ptr<CompressorLibrary> compressor;
  std::shared_ptr<DecompressorLibrary> decompressor;
};

std::vector<Pair> All() {
  std::vector<Pair> pairs;
  pairs.push_back({"gzip", MakeGzip({}), MakeGunzip(15)});
  pairs.push_back(
      {"gzip 9", MakeGzip({.level = 9, .window_bits = 15, .memory_level = 9}), MakeGunzip(15)});
  pairs.push_back({"brotli", MakeBrotli({}), MakeUnbrotli(true)});
  pairs.push_back({"brotli 11",
                   MakeBrotli({.quality = 11, .mode = 1, .literal_context_modeling = false}),
                   MakeUnbrotli(false)});
  pairs.push_back({"zstd", MakeZstd({}), MakeUnzstd({})});
  pairs.push_back(
      {"zstd 19", MakeZstd({.level = 19, .checksum = true, .strategy = 2}), MakeUnzstd({})});
  return pairs;
}

class World {
 public:
  // In pieces of `piece` bytes.
  std::string Compress(Compressor& compressor, std::string_view text, size_t piece) {
    Buffer out(pool_);
    for (size_t at = 0; at < text.size(); at += piece) {
      Buffer in(pool_);
      in.Append(text.substr(at, piece));
      compressor.Compress(in, out);
      REQUIRE(in.empty());
    }
    compressor.Finish(out);
    return out.ToString();
  }
  Failure Decompress(Decompressor& decompressor, std::string_view bytes, size_t piece,
                     std::string& text, uint64_t most = kAny) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      Buffer in(pool_);
      Buffer out(pool_);
      in.Append(bytes.substr(at, piece));
      const Failure failure = decompressor.Decompress(in, most - text.size(), out);
      text += out.ToString();
      if (failure != Failure::kNone) return failure;
      REQUIRE(in.empty());
    }
    return Failure::kNone;
  }
  buffer::BlockPool& pool() { return pool_; }

 private:
  buffer::BlockPool pool_;
};

TEST_CASE("compression: what goes in comes out, however it is cut") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    for (const size_t size : {0, 1, 100, 4'095, 4'096, 4'097, 100'000, 1'000'000}) {
      const std::string text = Text(size);
      for (const size_t piece : {size_t{1}, size_t{1000}, size_t{20'000}}) {
        if (piece == 1 && size > 5'000) continue;
        const auto compressor = pair.compressor->Make();
        const std::string bytes = world.Compress(*compressor, text, piece);
        if (size > 1'000) CHECK(bytes.size() < size / 2);
        const auto decompressor = pair.decompressor->Make();
        std::string back;
        CHECK(decompressor->whole());
        CHECK(world.Decompress(*decompressor, bytes, piece, back) == Failure::kNone);
        CHECK(back == text);
        CHECK(decompressor->whole());
      }
    }
  }
}

TEST_CASE("compression: a flush lets everything out") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    const auto decompressor = pair.decompressor->Make();
    for (const std::string text : {"one", "two", "three"}) {
      Buffer in(world.pool());
      Buffer bytes(world.pool());
      in.Append(text);
      compressor->Compress(in, bytes);
      compressor->Flush(bytes);
      std::string back;
      CHECK(world.Decompress(*decompressor, bytes.ToString(), 1, back) == Failure::kNone);
      CHECK(back == text);
      CHECK_FALSE(decompressor->whole());
    }
  }
}

TEST_CASE("compression: spares are as new") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    Spares<Compressor> compressors;
    Spares<Decompressor> decompressors;
    std::string first;
    for (int round = 0; round < 3; ++round) {
      auto compressor = compressors.Take(*pair.compressor);
      auto decompressor = decompressors.Take(*pair.decompressor);
      const std::string bytes = world.Compress(*compressor, Text(10'000), 1'000);
      if (round == 0) first = bytes;
      CHECK(bytes == first);
      std::string back;
      CHECK(world.Decompress(*decompressor, bytes, 1'000, back) == Failure::kNone);
      CHECK(back == Text(10'000));
      // One is given back in the midst of a body.
      std::string part;
      auto other = decompressors.Take(*pair.decompressor);
      world.Decompress(*other, bytes.substr(0, bytes.size() / 2), 100, part);
      decompressors.Give(std::move(other));
      compressors.Give(std::move(compressor));
      decompressors.Give(std::move(decompressor));
    }
  }
}

TEST_CASE("compression: no more comes out than may") {
  World world;
  const std::string zeros(5'000'000, '\0');
  for (const Pair& pair : All()) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    const std::string bomb = world.Compress(*compressor, zeros, 100'000);
    CHECK(bomb.size() < 50'000);
    for (const uint64_t most : {uint64_t{0}, uint64_t{1}, uint64_t{4'095}, uint64_t{4'096},
                                uint64_t{1'000'000}, uint64_t{zeros.size() - 1}}) {
      const auto decompressor = pair.decompressor->Make();
      std::string back;
      CHECK(world.Decompress(*decompressor, bomb, 16'000, back, most) == Failure::kTooLarge);
      CHECK(back.size() == most);
    }
    const auto decompressor = pair.decompressor->Make();
    std::string back;
    CHECK(world.Decompress(*decompressor, bomb, 16'000, back, zeros.size()) == Failure::kNone);
    CHECK(back == zeros);
  }
}

TEST_CASE("compression: a body cut short is not whole") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    const std::string bytes = world.Compress(*compressor, Text(300), 300);
    for (size_t size = 1; size < bytes.size(); ++size) {
      const auto decompressor = pair.decompressor->Make();
      std::string back;
      CHECK(world.Decompress(*decompressor, bytes.substr(0, size), 1'000, back) == Failure::kNone);
      CHECK_FALSE(decompressor->whole());
    }
  }
}

TEST_CASE("compression: garbage is refused, whatever it is") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    const std::string bytes = world.Compress(*compressor, Text(300), 300);
    // Each byte changed: refused, not whole, or other text; never more than was in it.
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      const auto decompressor = pair.decompressor->Make();
      std::string back;
      world.Decompress(*decompressor, damaged, 7, back, 10'000);
      CHECK(back.size() <= 10'000);
    }
    const auto decompressor = pair.decompressor->Make();
    std::string back;
    CHECK(world.Decompress(*decompressor, std::string(1'000, 'x'), 7, back, 100'000) !=
          Failure::kNone);
  }
}

TEST_CASE("compression: what stands behind the end") {
  World world;
  for (const Pair& pair : All()) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    const std::string bytes = world.Compress(*compressor, "text", 4);
    for (const size_t piece : {size_t{1}, size_t{1'000}}) {
      const auto decompressor = pair.decompressor->Make();
      std::string back;
      CHECK(world.Decompress(*decompressor, bytes + "garbage!garbage!garbage!", piece, back) ==
            (pair.compressor->encoding() == "br" ? Failure::kTrailing : Failure::kData));
      CHECK(back == "text");
    }
    if (pair.compressor->encoding() == "br") continue;
    // gzip has members, zstd has frames.
    const auto decompressor = pair.decompressor->Make();
    std::string back;
    CHECK(world.Decompress(*decompressor, bytes + bytes, 5, back) == Failure::kNone);
    CHECK(back == "texttext");
    CHECK(decompressor->whole());
  }
}

TEST_CASE("compression: the checksum of gzip and zstd") {
  World world;
  for (const Pair& pair : {Pair{"gzip", MakeGzip({}), MakeGunzip(15)},
                           Pair{"zstd", MakeZstd({.checksum = true}), MakeUnzstd({})}}) {
    INFO(pair.name);
    const auto compressor = pair.compressor->Make();
    std::string bytes = world.Compress(*compressor, "text", 4);
    const size_t at = pair.name == "gzip" ? bytes.size() - 8 : bytes.size() - 1;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    const auto decompressor = pair.decompressor->Make();
    std::string back;
    CHECK(world.Decompress(*decompressor, bytes, 100, back) ==
          (pair.name == "gzip" ? Failure::kData : Failure::kChecksum));
  }
}

TEST_CASE("zstd: dictionaries") {
  World world;
  // Without the mark of zstd's own format it is content that both sides know.
  const std::string words = Text(2'000);
  const auto with = MakeZstd({.dictionary = words});
  REQUIRE(with != nullptr);
  const std::string small = world.Compress(*with->Make(), words.substr(500, 200), 200);
  CHECK(small.size() < world.Compress(*MakeZstd({})->Make(), words.substr(500, 200), 200).size());
  std::string back;
  const auto knows = MakeUnzstd({words});
  REQUIRE(knows != nullptr);
  CHECK(world.Decompress(*knows->Make(), small, 100, back) == Failure::kNone);
  CHECK(back == words.substr(500, 200));
  back.clear();
  CHECK(world.Decompress(*MakeUnzstd({})->Make(), small, 100, back) != Failure::kNone);
  // With the mark, but nothing behind it.
  const std::string broken("\x37\xa4\x30\xec\x01\x02", 6);
  CHECK(MakeZstd({.dictionary = broken + std::string(20, 'x')}) == nullptr);
  CHECK(MakeUnzstd({words, broken + std::string(20, 'x')}) == nullptr);
}

TEST_CASE("zstd: a window of more than 8 MiB is refused") {
  World world;
  // Magic, no single segment, window descriptor 2^24 (exponent 14, mantissa 0), an empty last
  // block.
  const std::string header("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9);
  std::string back;
  CHECK(world.Decompress(*MakeUnzstd({})->Make(), header, 100, back) == Failure::kMemory);
  std::string fits = header;
  fits[5] = 0x68;  // 2^23
  CHECK(world.Decompress(*MakeUnzstd({})->Make(), fits, 100, back) == Failure::kNone);
}

}  // namespace
}  // namespace remora::compression
