#pragma once

// Compressor, Decompressor: one body through a content coding, piece by piece; and the configured
// libraries that make them.
//
// A library belongs to a configuration and is immutable; codecs belong to their stream, or lie in a
// worker's Spares between two of them. Thread: the worker's. Bytes go from buffer to buffer without
// a copy in between. A compressor cannot fail. What a peer sends can make a decompressor fail: the
// bytes up to there are out, and it is not to be used again.
// Sources: RFC 1952 (gzip), RFC 7932 (br), RFC 8878 and RFC 9659 (zstd).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/buffer/buffer.h"

namespace remora::compression {

class Compressor {
 public:
  virtual ~Compressor() = default;
  // Takes all of `in`; what comes of it may be kept back for better compression.
  virtual void Compress(buffer::Buffer& in, buffer::Buffer& out) = 0;
  // All that was taken can be read from `out` now. Costs some compression.
  virtual void Flush(buffer::Buffer& out) = 0;
  virtual void Finish(buffer::Buffer& out) = 0;
  // As new again; false: this one cannot be.
  virtual bool Reset() = 0;
};

enum class Failure : uint8_t {
  kNone,
  kData,        // it is not of this coding, or damaged
  kTooLarge,    // more comes out than may
  kTrailing,    // bytes behind the end
  kDictionary,  // one is needed that is not there
  kChecksum,    // what came out is not what went in
  kMemory,      // it wants a larger window than is given to anybody
};

class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // Takes all of `in` and appends at most `most` bytes to `out`.
  virtual Failure Decompress(buffer::Buffer& in, uint64_t most, buffer::Buffer& out) = 0;
  // Nothing is missing: the body may end here.
  virtual bool whole() const = 0;
  // As new again; false: this one cannot be.
  virtual bool Reset() = 0;
};

// One configured coding. `Codec` is Compressor or Decompressor.
template <class Codec>
class Library {
 public:
  // `encoding`: its name in content-encoding; `word`: in the names of statistics.
  Library(std::string_view encoding, std::string_view word) : encoding_(encoding), word_(word) {}
  virtual ~Library() = default;
  virtual std::unique_ptr<Codec> Make() const = 0;
  std::string_view encoding() const { return encoding_; }
  std::string_view word() const { return word_; }

 private:
  const std::string_view encoding_;
  const std::string_view word_;
};

using CompressorLibrary = Library<Compressor>;
using DecompressorLibrary = Library<Decompressor>;

// Codecs of a worker that wait for their next body: a compressor is up to some hundred KiB, which
// need not come from the heap for each.
template <class Codec>
class Spares {
 public:
  static constexpr size_t kMost = 8;

  std::unique_ptr<Codec> Take(const Library<Codec>& library) {
    if (spares_.empty()) return library.Make();
    std::unique_ptr<Codec> codec = std::move(spares_.back());
    spares_.pop_back();
    return codec;
  }
  void Give(std::unique_ptr<Codec> codec) {
    if (spares_.size() < kMost && codec->Reset()) spares_.push_back(std::move(codec));
  }

 private:
  std::vector<std::unique_ptr<Codec>> spares_;
};

// --- gzip

struct GzipOptions {
  int level = -1;    // 1 to 9; -1: zlib's own choice
  int strategy = 0;  // zlib's number
  int window_bits = 12;
  int memory_level = 5;
};
std::unique_ptr<CompressorLibrary> MakeGzip(const GzipOptions& options);
// Several members, one behind the other, are one body.
std::unique_ptr<DecompressorLibrary> MakeGunzip(int window_bits);

// --- brotli

struct BrotliOptions {
  uint32_t quality = 3;
  uint32_t mode = 0;  // the library's number
  uint32_t window_bits = 18;
  uint32_t input_block_bits = 24;
  bool literal_context_modeling = true;
};
std::unique_ptr<CompressorLibrary> MakeBrotli(const BrotliOptions& options);
std::unique_ptr<DecompressorLibrary> MakeUnbrotli(bool ring_buffer_reallocation);

// --- zstd

struct ZstdOptions {
  int level = 3;
  bool checksum = false;
  int strategy = 0;  // the library's number; 0: that of the level
  std::string dictionary = {};
};
// Null: the dictionary is none, or does not go with the level.
std::unique_ptr<CompressorLibrary> MakeZstd(const ZstdOptions& options);
// A body names the dictionary that it needs. Null: one of them is none. Windows of more than 8 MiB
// are refused (RFC 9659).
std::unique_ptr<DecompressorLibrary> MakeUnzstd(const std::vector<std::string>& dictionaries);

}  // namespace remora::compression
