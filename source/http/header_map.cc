#include "source/http/header_map.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace remora::http {
namespace {

constexpr std::array<bool, 256> BuildNameBytes() {
  std::array<bool, 256> table{};
  // RFC 9110 section 5.6.2 tchar, lower-case letters only.
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<uint8_t>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<uint8_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kNameBytes = BuildNameBytes();

}  // namespace

bool IsValidHeaderName(std::string_view name) {
  if (name.empty() || name.size() > HeaderMap::kMaxNameSize) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return kNameBytes[static_cast<uint8_t>(c)]; });
}

bool IsValidHeaderValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

const HeaderEntry* HeaderMap::Find(HeaderId id) const {
  if (!Has(id)) return nullptr;
  for (uint32_t i = 0; i < count_; ++i) {
    if (entries_[i].id == id && !entries_[i].removed()) return &entries_[i];
  }
  return nullptr;
}

const HeaderEntry* HeaderMap::Find(std::string_view name) const {
  const HeaderId id = LookUpHeaderId(name);
  if (id != HeaderId::kOther) return Find(id);
  return const_cast<HeaderMap*>(this)->FindMutable(name, id);
}

HeaderEntry* HeaderMap::FindMutable(std::string_view name, HeaderId id) {
  if (id != HeaderId::kOther) return const_cast<HeaderEntry*>(Find(id));
  for (uint32_t i = 0; i < count_; ++i) {
    HeaderEntry& entry = entries_[i];
    if (entry.id == HeaderId::kOther && entry.name_size == name.size() && !entry.removed() &&
        std::memcmp(entry.name_data, name.data(), name.size()) == 0) {
      return &entry;
    }
  }
  return nullptr;
}

size_t HeaderMap::Count(HeaderId id) const {
  if (!Has(id)) return 0;
  size_t n = 0;
  for (uint32_t i = 0; i < count_; ++i) n += entries_[i].id == id && !entries_[i].removed();
  return n;
}

size_t HeaderMap::Count(std::string_view name) const {
  const HeaderId id = LookUpHeaderId(name);
  if (id != HeaderId::kOther) return Count(id);
  size_t n = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    n += !entries_[i].removed() && entries_[i].name() == name;
  }
  return n;
}

void HeaderMap::Grow() {
  const uint32_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  auto* larger = static_cast<HeaderEntry*>(
      arena_->Allocate(capacity * sizeof(HeaderEntry), alignof(HeaderEntry)));
  if (count_ > 0) std::memcpy(larger, entries_, count_ * sizeof(HeaderEntry));
  entries_ = larger;
  capacity_ = capacity;
}

bool HeaderMap::Add(std::string_view name, std::string_view value) {
  if (!IsValidHeaderName(name) || !IsValidHeaderValue(value)) return false;
  const std::string_view name_copy = arena_->Copy(name);
  const std::string_view value_copy = arena_->Copy(value);
  Push({name_copy.data(), value_copy.data(), static_cast<uint32_t>(value.size()),
        static_cast<uint16_t>(name.size()), LookUpHeaderId(name), false});
  return true;
}

bool HeaderMap::Add(HeaderId id, std::string_view value) {
  if (!IsValidHeaderValue(value)) return false;
  AddReference(id, arena_->Copy(value));
  return true;
}

size_t HeaderMap::RemoveAll(std::string_view name, HeaderId id, HeaderEntry* keep) {
  size_t removed = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    HeaderEntry& entry = entries_[i];
    if (&entry == keep || entry.removed() || entry.id != id) continue;
    if (id == HeaderId::kOther && entry.name() != name) continue;
    entry.name_size = 0;
    ++removed;
  }
  live_ -= static_cast<uint32_t>(removed);
  if (id != HeaderId::kOther && keep == nullptr) {
    const auto bit = static_cast<unsigned>(id);
    present_[bit / 64] &= ~(uint64_t{1} << (bit % 64));
  }
  return removed;
}

void HeaderMap::SetEntry(std::string_view name, HeaderId id, std::string_view value) {
  HeaderEntry* first = FindMutable(name, id);
  if (first == nullptr) {
    Push({name.data(), value.data(), static_cast<uint32_t>(value.size()),
          static_cast<uint16_t>(name.size()), id, false});
    return;
  }
  first->value_data = value.data();
  first->value_size = static_cast<uint32_t>(value.size());
  first->canonical = false;
  RemoveAll(name, id, first);
}

bool HeaderMap::Set(HeaderId id, std::string_view value) {
  if (!IsValidHeaderValue(value)) return false;
  SetEntry(HeaderName(id), id, arena_->Copy(value));
  return true;
}

bool HeaderMap::Set(std::string_view name, std::string_view value) {
  if (!IsValidHeaderName(name) || !IsValidHeaderValue(value)) return false;
  const HeaderId id = LookUpHeaderId(name);
  SetEntry(id == HeaderId::kOther ? arena_->Copy(name) : HeaderName(id), id, arena_->Copy(value));
  return true;
}

size_t HeaderMap::Remove(HeaderId id) {
  if (!Has(id)) return 0;
  return RemoveAll({}, id, nullptr);
}

void HeaderMap::RemoveAnyOf(const HeaderIdSet& ids) {
  if (!HasAnyOf(ids)) return;
  for (uint32_t i = 0; i < count_; ++i) {
    HeaderEntry& entry = entries_[i];
    if (entry.removed() || !ids.Has(entry.id)) continue;
    entry.name_size = 0;
    --live_;
  }
  present_[0] &= ~ids.bits[0];
  present_[1] &= ~ids.bits[1];
}

size_t HeaderMap::Remove(std::string_view name) {
  const HeaderId id = LookUpHeaderId(name);
  if (id != HeaderId::kOther) return Remove(id);
  return RemoveAll(name, id, nullptr);
}

}  // namespace remora::http
