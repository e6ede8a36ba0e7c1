#pragma once

// Cursor: reads all metrics of a Store in name order, some at a time, so that a reader of hundreds
// of thousands never has them all in memory and never holds the thread for long.
//
// What is added while it runs may be left out; what is removed is left out from then on. Values are
// those of the moment in which their portion is read.
// Owner: who reads. Thread: main. Nothing fails. The Store outlives it.

#include <cstddef>
#include <string>
#include <vector>

#include "source/stats/snapshot.h"

namespace remora::stats {

class Store;

class Cursor {
 public:
  static constexpr size_t kPortion = 1000;

  explicit Cursor(Store& store, size_t portion = kPortion);

  // The next metrics that `filter` takes: about as many as a portion, maybe none; false, and
  // nothing, when all were read. `merge`: of one name and kind there is one (two scopes may
  // overlap).
  bool Next(const SnapshotFilter& filter, Snapshot& portion, bool merge = true);
  void Rewind() { at_ = 0, from_.clear(), done_ = false; }
  // One metric again; nothing when it has gone.
  void Read(const MetricPlace& place, SnapshotBuilder& builder) const;

 private:
  Store& store_;
  size_t portion_;
  std::vector<std::string> prefixes_;  // of the scopes, sorted; the root's is not among them
  size_t at_ = 0;
  std::string from_;  // names from here on were not read yet
  bool done_ = false;
};

}  // namespace remora::stats
