#pragma once

// Counters per HTTP status and per class: `upstream_rq_200`, `upstream_rq_2xx`.
//
// They come into being with the first response of that status, as in Envoy, so a cluster pays only
// for the statuses it saw. One object per owner and thread (a member of what a worker keeps for a
// cluster); the first Record of a status takes the Store's mutex, every later one is one lookup in
// a table of a few entries and two increments.
// A status outside 100..599 counts as `upstream_rq_unknown`. Fails never.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/stats/scope.h"
#include "source/stats/shard.h"

namespace remora::stats {

class CodeCounters {
 public:
  // `stem` is what stands before the status: "upstream_rq_".
  CodeCounters(Scope& scope, Shard& shard, std::string_view stem)
      : scope_(&scope), shard_(&shard), stem_(stem) {}

  void Record(uint32_t status) {
    const Entry* entry = table_.get() + (status & mask_);
    if (entry->status != status) [[unlikely]]
      entry = Find(status);
    entry->code.Inc();
    entry->group.Inc();
  }

 private:
  struct Entry {
    uint32_t status = kNone;
    Counter code;
    Counter group;
  };
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kFirstEntries = 4;

  Entry* Probe(uint32_t status) const;
  const Entry* Find(uint32_t status);
  void Grow();

  Scope* scope_;
  Shard* shard_;
  std::string stem_;
  uint32_t used_ = 0;
  uint32_t mask_ = 0;
  // Open addressing, a power of two, never full; one empty entry at first.
  std::unique_ptr<Entry[]> table_ = std::make_unique<Entry[]>(1);
};

}  // namespace remora::stats
