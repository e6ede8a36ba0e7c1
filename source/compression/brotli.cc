#include <brotli/decode.h>
#include <brotli/encode.h>

#include <memory>

#include "source/base/check.h"
#include "source/compression/codec.h"
#include "source/compression/pieces.h"

namespace remora::compression {
namespace {

const uint8_t* Bytes(std::string_view piece) {
  return reinterpret_cast<const uint8_t*>(piece.data());
}
uint8_t* Bytes(char* data) { return reinterpret_cast<uint8_t*>(data); }

class BrotliCompressor final : public Compressor {
 public:
  explicit BrotliCompressor(const BrotliOptions& options) {
    CHECK(state_ != nullptr);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, options.quality);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_MODE, options.mode);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, options.window_bits);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGBLOCK, options.input_block_bits);
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING,
                              options.literal_context_modeling ? 0 : 1);
  }
  ~BrotliCompressor() override { BrotliEncoderDestroyInstance(state_); }
  BrotliCompressor(const BrotliCompressor&) = delete;
  BrotliCompressor& operator=(const BrotliCompressor&) = delete;

  void Compress(buffer::Buffer& in, buffer::Buffer& out) override {
    ForEachPiece(in, [&](std::string_view piece) {
      Run(BROTLI_OPERATION_PROCESS, piece, out);
      return piece.size();
    });
  }
  void Flush(buffer::Buffer& out) override { Run(BROTLI_OPERATION_FLUSH, {}, out); }
  void Finish(buffer::Buffer& out) override { Run(BROTLI_OPERATION_FINISH, {}, out); }
  bool Reset() override { return false; }

 private:
  void Run(BrotliEncoderOperation operation, std::string_view piece, buffer::Buffer& out) {
    size_t left = piece.size();
    const uint8_t* next = Bytes(piece);
    do {
      Room room(out, kRoom);
      size_t free = room.size();
      uint8_t* to = Bytes(room.data());
      BrotliEncoderCompressStream(state_, operation, &left, &next, &free, &to, nullptr);
      room.Keep(room.size() - free);
    } while (left > 0 || BrotliEncoderHasMoreOutput(state_) != BROTLI_FALSE);
  }

  BrotliEncoderState* const state_ = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
};

class BrotliDecompressor final : public Decompressor {
 public:
  explicit BrotliDecompressor(bool ring_buffer_reallocation) {
    CHECK(state_ != nullptr);
    BrotliDecoderSetParameter(state_, BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION,
                              ring_buffer_reallocation ? 0 : 1);
  }
  ~BrotliDecompressor() override { BrotliDecoderDestroyInstance(state_); }
  BrotliDecompressor(const BrotliDecompressor&) = delete;
  BrotliDecompressor& operator=(const BrotliDecompressor&) = delete;

  Failure Decompress(buffer::Buffer& in, uint64_t most, buffer::Buffer& out) override {
    Failure failure = Failure::kNone;
    ForEachPiece(in, [&](std::string_view piece) {
      failure = Run(piece, most, out);
      return failure == Failure::kNone ? piece.size() : 0;
    });
    return failure;
  }
  bool whole() const override {
    return BrotliDecoderIsUsed(state_) == BROTLI_FALSE ||
           BrotliDecoderIsFinished(state_) != BROTLI_FALSE;
  }
  bool Reset() override { return false; }

 private:
  Failure Run(std::string_view piece, uint64_t& most, buffer::Buffer& out) {
    size_t left = piece.size();
    const uint8_t* next = Bytes(piece);
    for (;;) {
      Room room(out, RoomBeyond(most));
      size_t free = room.size();
      uint8_t* to = Bytes(room.data());
      const BrotliDecoderResult result =
          BrotliDecoderDecompressStream(state_, &left, &next, &free, &to, nullptr);
      const size_t written = room.size() - free;
      if (written > most) {
        room.Keep(static_cast<size_t>(most));
        return Failure::kTooLarge;
      }
      most -= room.Keep(written);
      switch (result) {
        case BROTLI_DECODER_RESULT_ERROR:
          return Failure::kData;
        case BROTLI_DECODER_RESULT_SUCCESS:
          return left > 0 ? Failure::kTrailing : Failure::kNone;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
          return Failure::kNone;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
          break;
      }
    }
  }

  BrotliDecoderState* const state_ = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
};

class BrotliLibrary final : public CompressorLibrary {
 public:
  explicit BrotliLibrary(const BrotliOptions& options)
      : Library("br", "brotli"), options_(options) {}
  std::unique_ptr<Compressor> Make() const override {
    return std::make_unique<BrotliCompressor>(options_);
  }

 private:
  const BrotliOptions options_;
};

class UnbrotliLibrary final : public DecompressorLibrary {
 public:
  explicit UnbrotliLibrary(bool ring_buffer_reallocation)
      : Library("br", "brotli"), ring_buffer_reallocation_(ring_buffer_reallocation) {}
  std::unique_ptr<Decompressor> Make() const override {
    return std::make_unique<BrotliDecompressor>(ring_buffer_reallocation_);
  }

 private:
  const bool ring_buffer_reallocation_;
};

}  // namespace

std::unique_ptr<CompressorLibrary> MakeBrotli(const BrotliOptions& options) {
  return std::make_unique<BrotliLibrary>(options);
}

std::unique_ptr<DecompressorLibrary> MakeUnbrotli(bool ring_buffer_reallocation) {
  return std::make_unique<UnbrotliLibrary>(ring_buffer_reallocation);
}

}  // namespace remora::compression
