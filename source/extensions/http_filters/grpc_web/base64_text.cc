#include "source/extensions/http_filters/grpc_web/base64_text.h"

#include <string>

#include "absl/strings/escaping.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// -1: none of the letters.
int ValueOf(char letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+') return 62;
  return letter == '/' ? 63 : -1;
}

}  // namespace

// --- text to bytes

bool Base64Reader::EndGroup(char* out, size_t& size) {
  const size_t bytes = 3u - padding_;
  // Bits that mean nothing are 0, or two texts would mean the same.
  if (padding_ > 2 || (group_ & ((1u << (8 * padding_)) - 1)) != 0) return false;
  for (size_t i = 0; i < bytes; ++i) {
    out[size++] = static_cast<char>(group_ >> (16 - 8 * i));
  }
  group_ = 0;
  letters_ = padding_ = 0;
  return true;
}

bool Base64Reader::Read(const buffer::Buffer& text, buffer::Buffer& out) {
  constexpr size_t kPiece = 3 * 1024;
  char bytes[kPiece + 3];
  size_t size = 0;
  for (size_t i = 0; i < text.slice_count(); ++i) {
    for (const char letter : text.Piece(i)) {
      const int value = ValueOf(letter);
      if (letter == '=') {
        ++padding_;
        group_ <<= 6;
      } else if (value < 0 || padding_ > 0) {
        return false;
      } else {
        group_ = group_ << 6 | static_cast<uint32_t>(value);
      }
      if (++letters_ == 4 && !EndGroup(bytes, size)) return false;
      if (size >= kPiece) {
        out.Append({bytes, size});
        size = 0;
      }
    }
  }
  out.Append({bytes, size});
  return true;
}

// --- bytes to text

void MessageWriter::EndText(buffer::Buffer& out) {
  if (bytes_ == 0) return;
  group_ <<= 8 * (3 - bytes_);
  char text[4] = {kLetters[group_ >> 18 & 63], kLetters[group_ >> 12 & 63],
                  kLetters[group_ >> 6 & 63], kLetters[group_ & 63]};
  for (size_t i = bytes_ + 1u; i < 4; ++i) text[i] = '=';
  out.Append({text, 4});
  group_ = 0;
  bytes_ = 0;
}

void MessageWriter::Put(unsigned char byte, buffer::Buffer& out) {
  group_ = group_ << 8 | byte;
  if (++bytes_ == 3) EndText(out);
}

void MessageWriter::Write(const buffer::Buffer& bytes, buffer::Buffer& out) {
  for (size_t i = 0; i < bytes.slice_count(); ++i) {
    for (const char c : bytes.Piece(i)) {
      const auto byte = static_cast<unsigned char>(c);
      Put(byte, out);
      if (prefix_have_ < grpc::kPrefixSize) {
        // The flag stands in front of the size.
        if (++prefix_have_ > 1) left_ = left_ << 8 | byte;
        if (prefix_have_ < grpc::kPrefixSize || left_ > 0) continue;
      } else if (--left_ > 0) {
        continue;
      }
      Finish(out);
    }
  }
}

void MessageWriter::Finish(buffer::Buffer& out) {
  EndText(out);
  prefix_have_ = 0;
  left_ = 0;
}

void AppendBase64(std::string_view bytes, buffer::Buffer& out) {
  out.Append(absl::Base64Escape(config::ToAbsl(bytes)));
}

}  // namespace remora::extensions
