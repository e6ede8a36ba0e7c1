#include "source/http/connection_manager/path_normalizer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace remora::connection_manager {
namespace {

enum class PathByte : uint8_t {
  kPass,        // stays as it is
  kUnreserved,  // stays, and is unescaped
  kEscape,      // is escaped
};

constexpr std::array<PathByte, 256> BuildPathBytes() {
  std::array<PathByte, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] = i <= 0x20 || i >= 0x7f ? PathByte::kEscape : PathByte::kPass;
  }
  for (const char c : std::string_view("\"#<>?^`{|}")) {
    table[static_cast<uint8_t>(c)] = PathByte::kEscape;
  }
  for (const char c : std::string_view("-_~")) {
    table[static_cast<uint8_t>(c)] = PathByte::kUnreserved;
  }
  for (char c = '0'; c <= '9'; ++c) table[static_cast<uint8_t>(c)] = PathByte::kUnreserved;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<uint8_t>(c)] = PathByte::kUnreserved;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<uint8_t>(c)] = PathByte::kUnreserved;
  return table;
}
constexpr std::array<PathByte, 256> kPathBytes = BuildPathBytes();

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that `%xx` at `at` stands for; -1 when there is none.
int EscapedByte(std::string_view text, size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return -1;
  const int high = HexValue(text[at + 1]);
  const int low = HexValue(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Bytes that say "." at `at`: 1, 3 for %2e, or 0.
size_t DotSize(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  if (text[at] == '.') return 1;
  return EscapedByte(text, at) == '.' ? 3 : 0;
}

bool IsSlash(char c) { return c == '/' || c == '\\'; }

class PathWriter {
 public:
  PathWriter(std::string_view path, base::Arena& arena)
      // Each byte becomes three at most; one more for a slash in front.
      : path_(path), out_(arena.AllocateBytes(path.size() * 3 + 1)) {}

  std::optional<std::string_view> Write() {
    if (path_.empty() || !IsSlash(path_[0])) Put('/');
    while (at_ < path_.size()) {
      if (const size_t dot = DotSize(path_, at_); dot > 0) {
        TakeDot(dot);
      } else if (path_[at_] == '\\') {
        Put('/');
        ++at_;
      } else if (path_[at_] == '%') {
        if (!TakePercent()) return std::nullopt;
      } else {
        TakeByte();
      }
    }
    return std::string_view(out_, size_);
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  void Put(char c) { out_[size_++] = c; }

  // A dot is special where a segment begins.
  void TakeDot(size_t dot) {
    if (size_ == 0 || out_[size_ - 1] != '/') {
      Put('.');
      at_ += dot;
      return;
    }
    const size_t behind = at_ + dot;
    const size_t second = DotSize(path_, behind);
    if (EndsSegment(behind)) {
      at_ = BehindSlash(behind);
    } else if (second > 0 && EndsSegment(behind + second)) {
      BackUp();
      at_ = BehindSlash(behind + second);
    } else {
      Put('.');
      at_ = behind;
    }
  }
  bool EndsSegment(size_t at) const { return at >= path_.size() || IsSlash(path_[at]); }
  size_t BehindSlash(size_t at) const { return std::min(at + 1, path_.size()); }

  // To behind the slash before the last one; the first slash stays.
  void BackUp() {
    if (size_ <= 1) return;
    --size_;
    while (out_[size_ - 1] != '/') --size_;
  }

  // False for an escaped NUL.
  bool TakePercent() {
    const int byte = EscapedByte(path_, at_);
    if (byte < 0) {
      stray_percent_ = size_;
      Put('%');
      ++at_;
      return true;
    }
    if (byte == 0) return false;
    if (kPathBytes[static_cast<size_t>(byte)] == PathByte::kUnreserved) {
      Put(static_cast<char>(byte));
      at_ += 3;
      if (stray_percent_ != kNone && size_ - stray_percent_ <= 3) FixNestedEscape();
      return true;
    }
    std::memcpy(out_ + size_, path_.data() + at_, 3);
    size_ += 3;
    at_ += 3;
    return true;
  }

  // `%%34%31` must not become `%41`, which the next one would unescape: the stray percent sign is
  // escaped then.
  void FixNestedEscape() {
    const size_t behind = size_ - stray_percent_ - 1;  // bytes behind the percent sign: 1 or 2
    char digits[2] = {out_[stray_percent_ + 1], 0};
    if (behind == 2) {
      digits[1] = out_[stray_percent_ + 2];
    } else if (at_ < path_.size()) {
      digits[1] = path_[at_];
    }
    if (HexValue(digits[0]) < 0 || HexValue(digits[1]) < 0) return;
    std::memmove(out_ + stray_percent_ + 3, out_ + stray_percent_ + 1, behind);
    out_[stray_percent_ + 1] = '2';
    out_[stray_percent_ + 2] = '5';
    size_ += 2;
    stray_percent_ = kNone;
  }

  void TakeByte() {
    constexpr char kHex[] = "0123456789ABCDEF";
    const auto byte = static_cast<uint8_t>(path_[at_++]);
    if (kPathBytes[byte] != PathByte::kEscape) {
      Put(static_cast<char>(byte));
      return;
    }
    Put('%');
    Put(kHex[byte >> 4]);
    Put(kHex[byte & 15]);
  }

  std::string_view path_;
  char* out_;
  size_t at_ = 0;
  size_t size_ = 0;
  size_t stray_percent_ = kNone;  // where one was written that begins no escape
};

}  // namespace

std::optional<std::string_view> NormalizePath(std::string_view path, base::Arena& arena) {
  const bool plain =
      !path.empty() && path[0] == '/' && std::none_of(path.begin(), path.end(), [](char c) {
        return c == '.' || c == '%' || c == '\\' ||
               kPathBytes[static_cast<uint8_t>(c)] == PathByte::kEscape;
      });
  if (plain) return path;
  return PathWriter(path, arena).Write();
}

std::string_view MergeSlashes(std::string_view path, base::Arena& arena) {
  if (path.find("//") == std::string_view::npos) return path;
  char* out = arena.AllocateBytes(path.size());
  size_t size = 0;
  for (const char c : path) {
    if (c != '/' || size == 0 || out[size - 1] != '/') out[size++] = c;
  }
  return {out, size};
}

std::string_view UnescapeSlashes(std::string_view path, base::Arena& arena) {
  const auto slash_at = [path](size_t at) {
    const int byte = EscapedByte(path, at);
    return byte == '/' || byte == '\\' ? static_cast<char>(byte) : '\0';
  };
  size_t at = path.find('%');
  while (at != std::string_view::npos && slash_at(at) == '\0') at = path.find('%', at + 1);
  if (at == std::string_view::npos) return path;
  char* out = arena.AllocateBytes(path.size());
  size_t size = 0;
  for (at = 0; at < path.size();) {
    const char slash = slash_at(at);
    out[size++] = slash != '\0' ? slash : path[at];
    at += slash != '\0' ? 3 : 1;
  }
  return {out, size};
}

}  // namespace remora::connection_manager
