#include "source/http/header_id.h"

#include <array>
#include <cstring>
#include <iterator>

namespace remora::http {
namespace {

// Length, last, middle and a late byte tell our names apart well: at most a few share a slot.
constexpr size_t kTableSize = 512;
constexpr size_t Hash(std::string_view name) {
  const size_t n = name.size();
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(name[i])); };
  return (n * 37 + byte(n - 1) * 5 + byte(n / 2) * 11 + byte(n * 3 / 4) * 17 + byte(0)) %
         kTableSize;
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

}  // namespace

HeaderId LookUpHeaderId(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  for (size_t at = Hash(name);; at = (at + 1) % kTableSize) {
    const uint8_t slot = kTable.slots[at];
    if (slot == 0xff) return HeaderId::kOther;
    if (kHeaderNames[slot].size() == name.size() &&
        std::memcmp(kHeaderNames[slot].data(), name.data(), name.size()) == 0) {
      return static_cast<HeaderId>(slot);
    }
  }
}

}  // namespace remora::http
