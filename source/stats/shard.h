#pragma once

// The cells of one thread: one shard per worker and one for main. Owned and filled by the Store
// (under its mutex); a shard's user only passes it to Scope::Make.
//
// Cells lie in chunks of about 4 KiB that never move and never share a cache line with another
// shard, so a worker's increment dirties no line that another worker writes. A group's cells are
// one run within a chunk. Freed runs are kept by length and given out again, zeroed.
// Fails never (out of memory ends the process).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/stats/handles.h"

namespace remora::stats {

class Shard {
 public:
  explicit Shard(uint32_t index) : index_(index) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // 0 is main; worker n is n + 1.
  uint32_t index() const { return index_; }

 private:
  friend class Scope;
  friend class Store;

  static constexpr size_t kLineCells = 64 / sizeof(Cell);
  static constexpr size_t kChunkCells = 4096 / sizeof(Cell);

  struct alignas(64) Line {
    Cell cells[kLineCells]{};
  };
  struct Chunk {
    std::unique_ptr<Line[]> lines;
    size_t size = 0;   // in cells
    size_t taken = 0;  // of them
  };

  // Both need the Store's mutex. A run of `count` zeroed cells, in one piece.
  Cell* Allocate(size_t count);
  void Free(Cell* run, size_t count);
  // Where rejected metrics of this thread write.
  Cell* sink() { return sink_.cells; }
  size_t MemoryUsage() const;

  const uint32_t index_;
  std::vector<Chunk> chunks_;
  absl::flat_hash_map<size_t, std::vector<Cell*>> free_runs_;  // by length
  Line sink_;
};

}  // namespace remora::stats
