#include <memory>

// For ZSTD_d_refMultipleDDicts.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "source/base/check.h"
#include "source/compression/codec.h"
#include "source/compression/pieces.h"

namespace remora::compression {
namespace {

// RFC 9659: what a decoder of the content coding has to take, and no more. 8 MiB.
constexpr int kLargestWindowLog = 23;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CDict* dictionary) const { ZSTD_freeCDict(dictionary); }
  void operator()(ZSTD_DDict* dictionary) const { ZSTD_freeDDict(dictionary); }
};

class ZstdCompressor final : public Compressor {
 public:
  // `dictionary` outlives it; may be null.
  ZstdCompressor(const ZstdOptions& options, const ZSTD_CDict* dictionary) {
    CHECK(context_ != nullptr);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, options.level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, options.checksum ? 1 : 0);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_strategy, options.strategy);
    if (dictionary != nullptr) ZSTD_CCtx_refCDict(context_.get(), dictionary);
  }

  void Compress(buffer::Buffer& in, buffer::Buffer& out) override {
    ForEachPiece(in, [&](std::string_view piece) {
      Run(ZSTD_e_continue, piece, out);
      return piece.size();
    });
  }
  void Flush(buffer::Buffer& out) override { Run(ZSTD_e_flush, {}, out); }
  void Finish(buffer::Buffer& out) override { Run(ZSTD_e_end, {}, out); }
  bool Reset() override {
    return ZSTD_isError(ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only)) == 0;
  }

 private:
  void Run(ZSTD_EndDirective directive, std::string_view piece, buffer::Buffer& out) {
    ZSTD_inBuffer from{piece.data(), piece.size(), 0};
    size_t left = 0;  // of what is to be written out
    do {
      Room room(out, kRoom);
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &to, &from, directive);
      CHECK(ZSTD_isError(left) == 0);
      room.Keep(to.pos);
    } while (directive == ZSTD_e_continue ? from.pos < from.size : left > 0);
  }

  const std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};

Failure FailureOf(size_t result) {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_dictionary_wrong:
    case ZSTD_error_dictionary_corrupted:
      return Failure::kDictionary;
    case ZSTD_error_checksum_wrong:
      return Failure::kChecksum;
    case ZSTD_error_frameParameter_windowTooLarge:
    case ZSTD_error_memory_allocation:
      return Failure::kMemory;
    default:
      return Failure::kData;
  }
}

using Dictionaries = std::vector<std::unique_ptr<ZSTD_DDict, Free>>;

class ZstdDecompressor final : public Decompressor {
 public:
  // `dictionaries` outlive it.
  explicit ZstdDecompressor(const Dictionaries& dictionaries) {
    CHECK(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kLargestWindowLog);
    if (!dictionaries.empty()) {
      ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_refMultipleDDicts, ZSTD_rmd_refMultipleDDicts);
    }
    for (const auto& dictionary : dictionaries) {
      ZSTD_DCtx_refDDict(context_.get(), dictionary.get());
    }
  }

  Failure Decompress(buffer::Buffer& in, uint64_t most, buffer::Buffer& out) override {
    Failure failure = Failure::kNone;
    ForEachPiece(in, [&](std::string_view piece) {
      failure = Run(piece, most, out);
      return failure == Failure::kNone ? piece.size() : 0;
    });
    return failure;
  }
  bool whole() const override { return whole_; }
  bool Reset() override {
    whole_ = true;
    return ZSTD_isError(ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only)) == 0;
  }

 private:
  Failure Run(std::string_view piece, uint64_t& most, buffer::Buffer& out) {
    ZSTD_inBuffer from{piece.data(), piece.size(), 0};
    bool full = false;
    do {
      Room room(out, RoomBeyond(most));
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      const size_t result = ZSTD_decompressStream(context_.get(), &to, &from);
      if (to.pos > most) {
        room.Keep(static_cast<size_t>(most));
        return Failure::kTooLarge;
      }
      full = to.pos == to.size;
      most -= room.Keep(to.pos);
      if (ZSTD_isError(result) != 0) return FailureOf(result);
      whole_ = result == 0;
    } while (from.pos < from.size || (full && !whole_));
    return Failure::kNone;
  }

  const std::unique_ptr<ZSTD_DCtx, Free> context_{ZSTD_createDCtx()};
  bool whole_ = true;
};

class ZstdLibrary final : public CompressorLibrary {
 public:
  ZstdLibrary(const ZstdOptions& options, std::unique_ptr<ZSTD_CDict, Free> dictionary)
      : Library("zstd", "zstd"), options_(options), dictionary_(std::move(dictionary)) {}
  std::unique_ptr<Compressor> Make() const override {
    return std::make_unique<ZstdCompressor>(options_, dictionary_.get());
  }

 private:
  const ZstdOptions options_;
  const std::unique_ptr<ZSTD_CDict, Free> dictionary_;
};

class UnzstdLibrary final : public DecompressorLibrary {
 public:
  explicit UnzstdLibrary(Dictionaries dictionaries)
      : Library("zstd", "zstd"), dictionaries_(std::move(dictionaries)) {}
  std::unique_ptr<Decompressor> Make() const override {
    return std::make_unique<ZstdDecompressor>(dictionaries_);
  }

 private:
  const Dictionaries dictionaries_;
};

}  // namespace

std::unique_ptr<CompressorLibrary> MakeZstd(const ZstdOptions& options) {
  std::unique_ptr<ZSTD_CDict, Free> dictionary;
  if (!options.dictionary.empty()) {
    dictionary.reset(
        ZSTD_createCDict(options.dictionary.data(), options.dictionary.size(), options.level));
    if (dictionary == nullptr) return nullptr;
  }
  return std::make_unique<ZstdLibrary>(options, std::move(dictionary));
}

std::unique_ptr<DecompressorLibrary> MakeUnzstd(const std::vector<std::string>& dictionaries) {
  Dictionaries made;
  for (const std::string& bytes : dictionaries) {
    made.emplace_back(ZSTD_createDDict(bytes.data(), bytes.size()));
    if (made.back() == nullptr) return nullptr;
  }
  return std::make_unique<UnzstdLibrary>(std::move(made));
}

}  // namespace remora::compression
