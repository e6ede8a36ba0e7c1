#include "source/tls/part_cache.h"

#include <openssl/sha.h>

#include <utility>

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

SharedText PartCache::Share(std::string text) {
  if (text.empty()) return {};
  constexpr std::string_view kKind = "text";
  const std::string key = KeyOf({text});
  std::shared_ptr<const std::string> found = Find<std::string>(kKind, key);
  if (found == nullptr) {
    found = std::make_shared<const std::string>(std::move(text));
    Add(kKind, key, found);
  }
  return SharedText(std::move(found));
}

void PartCache::Sweep() {
  absl::erase_if(parts_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace remora::tls
