#include "source/stats/code_counters.h"

#include <string>

namespace remora::stats {

CodeCounters::Entry* CodeCounters::Probe(uint32_t status) const {
  uint32_t i = status & mask_;
  while (table_[i].status != status && table_[i].status != kNone) i = (i + 1) & mask_;
  return &table_[i];
}

const CodeCounters::Entry* CodeCounters::Find(uint32_t status) {
  if (status < 100 || status > 599) status = 0;
  Entry* entry = Probe(status);
  if (entry->status == status) return entry;
  if (2 * (used_ + 1) > mask_ + 1) {
    Grow();
    entry = Probe(status);
  }
  ++used_;
  entry->status = status;
  if (status == 0) {
    entry->code = scope_->MakeCounter(*shard_, stem_ + "unknown");
  } else {
    entry->code = scope_->MakeCounter(*shard_, stem_ + std::to_string(status));
    entry->group = scope_->MakeCounter(*shard_, stem_ + std::to_string(status / 100) + "xx");
  }
  return entry;
}

void CodeCounters::Grow() {
  const uint32_t old_size = mask_ + 1;
  const std::unique_ptr<Entry[]> old = std::move(table_);
  mask_ = old_size < kFirstEntries ? kFirstEntries - 1 : 2 * old_size - 1;
  table_ = std::make_unique<Entry[]>(mask_ + 1);
  for (uint32_t i = 0; i < old_size; ++i) {
    if (old[i].status != kNone) *Probe(old[i].status) = old[i];
  }
}

}  // namespace remora::stats
