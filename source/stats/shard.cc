#include "source/stats/shard.h"

#include <algorithm>

namespace remora::stats {

Cell* Shard::Allocate(size_t count) {
  if (const auto runs = free_runs_.find(count); runs != free_runs_.end() && !runs->second.empty()) {
    Cell* run = runs->second.back();
    runs->second.pop_back();
    return run;
  }
  if (chunks_.empty() || chunks_.back().size - chunks_.back().taken < count) {
    const size_t lines = (std::max(count, kChunkCells) + kLineCells - 1) / kLineCells;
    chunks_.push_back({std::make_unique<Line[]>(lines), lines * kLineCells, 0});
  }
  Chunk& chunk = chunks_.back();
  // A run may begin in the middle of a line and go over to the next one: a line is an array, and
  // lines follow each other without a gap (the assertion), so the cells of a chunk are one array.
  static_assert(sizeof(Line) == kLineCells * sizeof(Cell));
  Cell* run = chunk.lines[0].cells + chunk.taken;
  chunk.taken += count;
  return run;
}

void Shard::Free(Cell* run, size_t count) {
  for (size_t i = 0; i < count; ++i) run[i].store(0, std::memory_order_relaxed);
  free_runs_[count].push_back(run);
}

size_t Shard::MemoryUsage() const {
  size_t bytes = sizeof(*this) + chunks_.capacity() * sizeof(Chunk);
  for (const Chunk& chunk : chunks_) bytes += chunk.size * sizeof(Cell);
  for (const auto& [count, runs] : free_runs_) bytes += runs.capacity() * sizeof(Cell*);
  return bytes;
}

}  // namespace remora::stats
