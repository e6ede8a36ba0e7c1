#include <memory>

#define ZLIB_CONST
#include <zlib.h>

#include "source/base/check.h"
#include "source/compression/codec.h"
#include "source/compression/pieces.h"

namespace remora::compression {
namespace {

// What zlib adds to window bits for the format of gzip instead of its own.
constexpr int kGzipFormat = 16;

unsigned char* Bytes(char* data) { return reinterpret_cast<unsigned char*>(data); }

void SetInput(z_stream& stream, std::string_view piece) {
  stream.next_in = reinterpret_cast<const unsigned char*>(piece.data());
  stream.avail_in = static_cast<unsigned>(piece.size());
}

class GzipCompressor final : public Compressor {
 public:
  explicit GzipCompressor(const GzipOptions& options) {
    CHECK(deflateInit2(&stream_, options.level, Z_DEFLATED, options.window_bits + kGzipFormat,
                       options.memory_level, options.strategy) == Z_OK);
  }
  ~GzipCompressor() override { deflateEnd(&stream_); }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  void Compress(buffer::Buffer& in, buffer::Buffer& out) override {
    ForEachPiece(in, [&](std::string_view piece) {
      SetInput(stream_, piece);
      Run(Z_NO_FLUSH, out);
      return piece.size();
    });
  }
  void Flush(buffer::Buffer& out) override { Run(Z_SYNC_FLUSH, out); }
  void Finish(buffer::Buffer& out) override { Run(Z_FINISH, out); }
  bool Reset() override { return deflateReset(&stream_) == Z_OK; }

 private:
  void Run(int flush, buffer::Buffer& out) {
    do {
      Room room(out, kRoom);
      stream_.next_out = Bytes(room.data());
      stream_.avail_out = static_cast<unsigned>(room.size());
      deflate(&stream_, flush);  // its only failures are wrong arguments, and nothing to do
      room.Keep(room.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

class GzipDecompressor final : public Decompressor {
 public:
  explicit GzipDecompressor(int window_bits) {
    CHECK(inflateInit2(&stream_, window_bits + kGzipFormat) == Z_OK);
  }
  ~GzipDecompressor() override { inflateEnd(&stream_); }
  GzipDecompressor(const GzipDecompressor&) = delete;
  GzipDecompressor& operator=(const GzipDecompressor&) = delete;

  Failure Decompress(buffer::Buffer& in, uint64_t most, buffer::Buffer& out) override {
    Failure failure = Failure::kNone;
    ForEachPiece(in, [&](std::string_view piece) {
      SetInput(stream_, piece);
      failure = Run(most, out);
      return failure == Failure::kNone ? piece.size() : 0;
    });
    return failure;
  }
  bool whole() const override { return whole_; }
  bool Reset() override {
    whole_ = true;
    return inflateReset(&stream_) == Z_OK;
  }

 private:
  Failure Run(uint64_t& most, buffer::Buffer& out) {
    do {
      if (whole_) inflateReset(&stream_);  // the first member, or one more
      whole_ = false;
      Room room(out, RoomBeyond(most));
      stream_.next_out = Bytes(room.data());
      stream_.avail_out = static_cast<unsigned>(room.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const size_t written = room.size() - stream_.avail_out;
      if (written > most) {
        room.Keep(static_cast<size_t>(most));
        return Failure::kTooLarge;
      }
      most -= room.Keep(written);
      if (result == Z_MEM_ERROR) return Failure::kMemory;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Failure::kData;
      whole_ = result == Z_STREAM_END;
    } while (stream_.avail_in > 0 || (stream_.avail_out == 0 && !whole_));
    return Failure::kNone;
  }

  z_stream stream_{};
  bool whole_ = true;
};

class GzipLibrary final : public CompressorLibrary {
 public:
  explicit GzipLibrary(const GzipOptions& options) : Library("gzip", "gzip"), options_(options) {}
  std::unique_ptr<Compressor> Make() const override {
    return std::make_unique<GzipCompressor>(options_);
  }

 private:
  const GzipOptions options_;
};

class GunzipLibrary final : public DecompressorLibrary {
 public:
  explicit GunzipLibrary(int window_bits) : Library("gzip", "gzip"), window_bits_(window_bits) {}
  std::unique_ptr<Decompressor> Make() const override {
    return std::make_unique<GzipDecompressor>(window_bits_);
  }

 private:
  const int window_bits_;
};

}  // namespace

std::unique_ptr<CompressorLibrary> MakeGzip(const GzipOptions& options) {
  return std::make_unique<GzipLibrary>(options);
}

std::unique_ptr<DecompressorLibrary> MakeGunzip(int window_bits) {
  return std::make_unique<GunzipLibrary>(window_bits);
}

}  // namespace remora::compression
