#pragma once

// The handles by which the product counts: Counter, Gauge, Histogram, TextReadout.
//
// A handle is one pointer into the cells of one shard: trivially copyable, 8 bytes, kept by value.
// A default-constructed handle points to a sink, so that counting never branches and an owner may
// be built without a Store (tests do).
// Threads: only the thread of the shard may write through a handle (a relaxed load and a relaxed
// store, no locked instruction); the main thread sums all shards with relaxed loads.
// Lifetime: a handle is valid until its scope was removed *and* Store::Quiesce was told that every
// thread let go of it. Nothing here fails.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "source/stats/histogram.h"

namespace remora::stats {

using Cell = std::atomic<uint64_t>;

enum class Kind : uint8_t { kCounter, kGauge, kHistogram, kTextReadout };

// What a histogram's value means. It is documentation only: no output carries it.
enum class Unit : uint8_t { kNone, kMilliseconds, kMicroseconds, kBytes };

// Where default handles write; nobody reads it. What a worker counts per request is never left
// default, or threads would fight for this line: a metric that the operator's matcher rejects
// writes to a sink of its own shard.
// clang-format off
alignas(64) inline constinit Cell sink_cells[2]{};
// clang-format on

namespace detail {
inline void AddTo(Cell& cell, uint64_t n) {
  cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
}  // namespace detail

// A number that only grows.
class Counter {
 public:
  constexpr Counter() = default;
  constexpr explicit Counter(Cell* cell) : cell_(cell) {}

  void Inc() const { detail::AddTo(*cell_, 1); }
  void Add(uint64_t n) const { detail::AddTo(*cell_, n); }

 private:
  Cell* cell_ = sink_cells;
};

// A number that goes up and down. Each shard holds a signed difference; a reader sees their sum.
// The second cell remembers that the gauge was touched: Envoy's `usedonly` shows a gauge that was
// set to 0, and readiness probes depend on it.
class Gauge {
 public:
  static constexpr uint64_t kMoved = 1;  // in cell 1: changed by differences
  static constexpr uint64_t kSet = 2;    // in cell 1: set to a value, of all 64 bits

  constexpr Gauge() = default;
  constexpr explicit Gauge(Cell* cells) : cells_(cells) {}

  void Inc() const { Add(1); }
  void Dec() const { Sub(1); }
  void Add(uint64_t n) const {
    detail::AddTo(cells_[0], n);
    cells_[1].store(kMoved, std::memory_order_relaxed);
  }
  void Sub(uint64_t n) const { Add(~n + 1); }

  // Only on the main shard, for gauges that only the main thread writes: it replaces this shard's
  // part of the sum, not the sum.
  void Set(uint64_t value) const {
    cells_[0].store(value, std::memory_order_relaxed);
    cells_[1].store(kSet, std::memory_order_relaxed);
  }

 private:
  Cell* cells_ = sink_cells;
};

// A distribution of values. The buckets are allocated by the first Record on each shard.
class Histogram {
 public:
  constexpr Histogram() = default;
  constexpr explicit Histogram(HistogramSlot* slot) : slot_(slot) {}

  void Record(uint64_t value) const {
    HistogramBins* bins = slot_->bins.load(std::memory_order_relaxed);
    if (bins == nullptr) [[unlikely]] {
      bins = slot_->FirstUse();
      if (bins == nullptr) return;
    }
    bins->Record(value);
  }

 private:
  HistogramSlot* slot_ = &sink_slot;
};

// A short text, such as the version of a configuration. Main thread only.
struct TextCell {
  std::string value;
  bool used = false;
};

class TextReadout {
 public:
  constexpr TextReadout() = default;
  constexpr explicit TextReadout(TextCell* cell) : cell_(cell) {}

  void Set(std::string_view value) const {
    if (cell_ == nullptr) return;
    cell_->value = value;
    cell_->used = true;
  }

 private:
  TextCell* cell_ = nullptr;
};

}  // namespace remora::stats
