#include "source/tls/fingerprint.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace remora::tls {
namespace {

using Numbers = std::vector<uint16_t>;

constexpr uint16_t kServerName = 0;
constexpr uint16_t kProtocols = 16;
// What stands for a hash of nothing.
constexpr char kNoHash[] = "000000000000";
constexpr size_t kHashBytes = 6;

// 0x0a0a, 0x1a1a, ..., 0xfafa: to be ignored by everybody.
bool IsGrease(uint16_t number) {
  return (number & 0x0f0f) == 0x0a0a && number >> 8 == (number & 0xff);
}

Numbers WithoutGrease(Numbers numbers) {
  std::erase_if(numbers, IsGrease);
  return numbers;
}

std::string Hexadecimal(const Numbers& numbers) {
  return absl::StrJoin(numbers, ",", [](std::string* out, uint16_t number) {
    absl::StrAppendFormat(out, "%04x", number);
  });
}

std::string_view VersionText(const net::HelloShape& shape) {
  const Numbers offered = WithoutGrease(shape.versions);
  const uint16_t version =
      offered.empty() ? shape.version : *std::max_element(offered.begin(), offered.end());
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    default:
      return "00";
  }
}

// The first and the last character of the first protocol; of others than letters and digits, a half
// of the byte.
std::string ProtocolText(const std::vector<std::string>& protocols) {
  if (protocols.empty() || protocols.front().empty()) return "00";
  const auto first = static_cast<unsigned char>(protocols.front().front());
  const auto last = static_cast<unsigned char>(protocols.front().back());
  if (absl::ascii_isalnum(first) && absl::ascii_isalnum(last)) {
    return {static_cast<char>(first), static_cast<char>(last)};
  }
  return absl::StrFormat("%x%x", first >> 4, last & 0x0f);
}

std::string CipherHash(Numbers ciphers) {
  if (ciphers.empty()) return kNoHash;
  std::sort(ciphers.begin(), ciphers.end());
  return HashPrefix(Hexadecimal(ciphers), kHashBytes);
}

std::string ExtensionHash(Numbers extensions, const Numbers& signature_algorithms) {
  std::erase_if(extensions,
                [](uint16_t type) { return type == kServerName || type == kProtocols; });
  if (extensions.empty()) return kNoHash;
  std::sort(extensions.begin(), extensions.end());
  std::string text = Hexadecimal(extensions);
  if (!signature_algorithms.empty()) {
    absl::StrAppend(&text, "_", Hexadecimal(signature_algorithms));
  }
  return HashPrefix(text, kHashBytes);
}

}  // namespace

std::string HashPrefix(std::string_view bytes, size_t count) {
  uint8_t hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), hash);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<char*>(hash), std::min(count, sizeof(hash))));
}

std::string Ja3(const net::HelloShape& shape) {
  const std::string text =
      absl::StrCat(shape.version, ",", absl::StrJoin(WithoutGrease(shape.ciphers), "-"), ",",
                   absl::StrJoin(WithoutGrease(shape.extensions), "-"), ",",
                   absl::StrJoin(WithoutGrease(shape.groups), "-"), ",",
                   absl::StrJoin(shape.point_formats, "-"));
  uint8_t hash[MD5_DIGEST_LENGTH];
  MD5(reinterpret_cast<const uint8_t*>(text.data()), text.size(), hash);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(hash), sizeof(hash)));
}

std::string Ja4(const net::ClientHello& hello) {
  const net::HelloShape& shape = hello.shape;
  const Numbers ciphers = WithoutGrease(shape.ciphers);
  const Numbers extensions = WithoutGrease(shape.extensions);
  const bool named =
      std::find(extensions.begin(), extensions.end(), kServerName) != extensions.end();
  const std::string_view version = VersionText(shape);
  return absl::StrCat("t", absl::string_view(version.data(), version.size()), named ? "d" : "i",
                      absl::StrFormat("%02d%02d", std::min<size_t>(ciphers.size(), 99),
                                      std::min<size_t>(extensions.size(), 99)),
                      ProtocolText(hello.protocols), "_", CipherHash(ciphers), "_",
                      ExtensionHash(extensions, shape.signature_algorithms));
}

}  // namespace remora::tls
