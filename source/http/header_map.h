#pragma once

// HeaderMap: the fields of one message, in order, as views into its stream's arena.
//
// Owner: a RequestHead, a ResponseHead or a trailer block; dies with the arena. Thread: its worker.
// Names are lower-case, always; values hold no CR, LF or NUL (the codecs see to both, and Add/Set
// check values given by filters: an invalid one is refused and false returned). Request line,
// status and host are not here: they are fields of the head. Duplicates stay separate entries.
//
// A field that came from the wire untouched is marked canonical: `name: value CR LF` stands in the
// arena byte for byte, so a serializer copies runs of such lines at once.
//
// Look-up by HeaderId is a bit test when absent and a short scan when present.

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "source/base/arena.h"
#include "source/http/header_id.h"

namespace remora::http {

struct HeaderEntry {
  const char* name_data;
  const char* value_data;
  uint32_t value_size;
  uint16_t name_size;  // 0: removed
  HeaderId id;
  bool canonical;

  std::string_view name() const { return {name_data, name_size}; }
  std::string_view value() const { return {value_data, value_size}; }
  bool removed() const { return name_size == 0; }
};

// RFC 9110 section 5.1 and 5.5: what a name (lower-case) and a value may hold.
bool IsValidHeaderName(std::string_view name);
bool IsValidHeaderValue(std::string_view value);

// A set of known names, for "has or remove any of these" in a few instructions.
class HeaderIdSet {
 public:
  constexpr HeaderIdSet(std::initializer_list<HeaderId> ids) {
    for (const HeaderId id : ids) {
      bits[static_cast<unsigned>(id) / 64] |= uint64_t{1} << (static_cast<unsigned>(id) % 64);
    }
  }
  constexpr bool Has(HeaderId id) const {
    const auto bit = static_cast<unsigned>(id);
    return bit < 128 && ((bits[bit / 64] >> (bit % 64)) & 1);
  }
  uint64_t bits[2] = {0, 0};
};

class HeaderMap {
 public:
  static constexpr size_t kMaxNameSize = 0xffff;

  explicit HeaderMap(base::Arena& arena) : arena_(&arena) {}
  HeaderMap(HeaderMap&&) = default;
  HeaderMap& operator=(HeaderMap&&) = default;
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  base::Arena& arena() const { return *arena_; }
  size_t size() const { return live_; }
  bool empty() const { return live_ == 0; }

  bool Has(HeaderId id) const {
    const auto bit = static_cast<unsigned>(id);
    return (present_[bit / 64] >> (bit % 64)) & 1;
  }
  // The first value; empty when there is none.
  std::string_view Get(HeaderId id) const {
    if (!Has(id)) return {};
    return Find(id)->value();
  }
  // `name` must be lower-case. Null when absent.
  const HeaderEntry* Find(std::string_view name) const;
  const HeaderEntry* Find(HeaderId id) const;
  // Number of fields of that name.
  size_t Count(std::string_view name) const;
  size_t Count(HeaderId id) const;

  // Appends a field; name and value are copied to the arena. False (and nothing added) when either
  // is not valid on the wire.
  bool Add(std::string_view name, std::string_view value);
  bool Add(HeaderId id, std::string_view value);
  // Replaces all fields of that name with one (in the place of the first).
  bool Set(std::string_view name, std::string_view value);
  bool Set(HeaderId id, std::string_view value);
  // As Set, without a copy and a check: for literals and for values that are known to be valid and
  // live in the arena.
  void SetReference(HeaderId id, std::string_view value) {
    if (Has(id)) {
      SetEntry(HeaderName(id), id, value);
    } else {
      AddReference(id, value);
    }
  }
  void AddReference(HeaderId id, std::string_view value) {
    const std::string_view name = HeaderName(id);
    Push({name.data(), value.data(), static_cast<uint32_t>(value.size()),
          static_cast<uint16_t>(name.size()), id, false});
  }

  // For names known beforehand, with what LookUpHeaderId says of them. Name and value outlive the
  // map and are known to be valid.
  const HeaderEntry* Find(std::string_view name, HeaderId id) const {
    return id != HeaderId::kOther ? Find(id) : const_cast<HeaderMap*>(this)->FindMutable(name, id);
  }
  void SetReference(std::string_view name, HeaderId id, std::string_view value) {
    SetEntry(name, id, value);
  }
  void AddReference(const HeaderEntry& entry) { Push(entry); }

  // How many were removed.
  size_t Remove(std::string_view name);
  size_t Remove(HeaderId id);
  size_t Remove(std::string_view name, HeaderId id) {
    return id != HeaderId::kOther ? Remove(id) : RemoveAll(name, id, nullptr);
  }
  bool HasAnyOf(const HeaderIdSet& ids) const {
    return ((present_[0] & ids.bits[0]) | (present_[1] & ids.bits[1])) != 0;
  }
  void RemoveAnyOf(const HeaderIdSet& ids);

  // For codecs, whose fields are already in the arena, checked and lower-case: the place of the
  // next field, to be filled there; it becomes one by AddNext() and is nothing without.
  HeaderEntry& Next() {
    if (__builtin_expect(count_ == capacity_, 0)) Grow();
    return entries_[count_];
  }
  void AddNext() {
    MarkPresent(entries_[count_++].id);
    ++live_;
  }

  // In order. The callback must not change the map.
  template <class F>
  void ForEach(F&& f) const {
    for (uint32_t i = 0; i < count_; ++i) {
      if (!entries_[i].removed()) f(entries_[i]);
    }
  }
  const HeaderEntry* entries() const { return entries_; }
  uint32_t entry_count() const { return count_; }  // with removed ones

 private:
  static constexpr uint32_t kFirstCapacity = 24;
  void MarkPresent(HeaderId id) {
    if (id == HeaderId::kOther) return;
    const auto bit = static_cast<unsigned>(id);
    present_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
  HeaderEntry* FindMutable(std::string_view name, HeaderId id);
  void Push(const HeaderEntry& entry) {
    if (__builtin_expect(count_ == capacity_, 0)) Grow();
    entries_[count_++] = entry;
    ++live_;
    MarkPresent(entry.id);
  }
  void Grow();
  void SetEntry(std::string_view name, HeaderId id, std::string_view value);
  size_t RemoveAll(std::string_view name, HeaderId id, HeaderEntry* keep);

  base::Arena* arena_;
  HeaderEntry* entries_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  uint32_t live_ = 0;
  uint64_t present_[2] = {0, 0};
};

}  // namespace remora::http
