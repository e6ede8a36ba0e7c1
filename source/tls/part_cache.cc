#include "source/tls/part_cache.h"

#include <openssl/sha.h>

namespace remora::tls {

std::string PartCache::KeyOf(std::initializer_list<std::string_view> pieces) {
  SHA256_CTX hash;
  SHA256_Init(&hash);
  for (const std::string_view piece : pieces) {
    const uint64_t size = piece.size();
    SHA256_Update(&hash, &size, sizeof(size));
    SHA256_Update(&hash, piece.data(), piece.size());
  }
  std::string key(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<uint8_t*>(key.data()), &hash);
  return key;
}

void PartCache::Sweep() {
  absl::erase_if(parts_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace remora::tls
