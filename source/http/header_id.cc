#include "source/http/header_id.h"

#include <array>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace remora::http {
namespace {

// Four bytes of a name: an unaligned load at run time, bytes at compile time.
constexpr uint32_t LoadWord(const char* at) {
  if (std::is_constant_evaluated()) {
    uint32_t word = 0;
    for (int i = 3; i >= 0; --i) word = word << 8 | static_cast<uint8_t>(at[i]);
    return word;
  }
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// The factors were searched for: 70 of the 71 names have a slot of their own.
constexpr unsigned kTableBits = 9;
constexpr size_t kTableSize = size_t{1} << kTableBits;
constexpr size_t Hash(std::string_view name) {
  const size_t n = name.size();
  uint32_t mixed = static_cast<uint32_t>(n);
  if (n >= 4) {
    mixed += LoadWord(name.data()) ^ (LoadWord(name.data() + n - 4) * 0xf9341c69u);
  } else {
    const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(name[i])}; };
    mixed += byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
  }
  return (mixed * 0x966baea1u) >> (32 - kTableBits);
}

struct Table {
  std::array<uint8_t, kTableSize> slots;
};

// Open addressing; 0xff ends a probe.
constexpr Table BuildTable() {
  Table table{};
  for (auto& slot : table.slots) slot = 0xff;
  for (size_t i = 0; i < std::size(kHeaderNames); ++i) {
    size_t at = Hash(kHeaderNames[i]);
    while (table.slots[at] != 0xff) at = (at + 1) % kTableSize;
    table.slots[at] = static_cast<uint8_t>(i);
  }
  return table;
}

constexpr Table kTable = BuildTable();

// Compares names of the same size, of at least 4 and at most 16 bytes, without a call: two words
// from each end, which overlap.
template <class Word>
bool SameEnds(const char* a, const char* b, size_t size) {
  Word words[4];
  std::memcpy(&words[0], a, sizeof(Word));
  std::memcpy(&words[1], b, sizeof(Word));
  std::memcpy(&words[2], a + size - sizeof(Word), sizeof(Word));
  std::memcpy(&words[3], b + size - sizeof(Word), sizeof(Word));
  return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
}

// A look-up from slot `at` on, for what the first look does not find.
__attribute__((noinline)) HeaderId ProbeFurther(std::string_view name, size_t at) {
  for (;; at = (at + 1) % kTableSize) {
    const uint8_t slot = kTable.slots[at];
    if (slot == 0xff) return HeaderId::kOther;
    if (kHeaderNames[slot] == name) return static_cast<HeaderId>(slot);
  }
}

}  // namespace

HeaderId LookUpHeaderId(std::string_view name) {
  const size_t size = name.size();
  if (size == 0) return HeaderId::kOther;
  const size_t at = Hash(name);
  const uint8_t slot = kTable.slots[at];
  if (slot == 0xff) return HeaderId::kOther;
  const std::string_view known = kHeaderNames[slot];
  if (known.size() == size && size <= 16) {
    if (size >= 8) {
      if (SameEnds<uint64_t>(name.data(), known.data(), size)) return static_cast<HeaderId>(slot);
    } else if (size >= 4) {
      if (SameEnds<uint32_t>(name.data(), known.data(), size)) return static_cast<HeaderId>(slot);
    }
  }
  return ProbeFurther(name, at);
}

}  // namespace remora::http
