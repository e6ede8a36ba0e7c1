#pragma once

// Stream: the body of `/stats` or `/stats/prometheus`, made piece by piece when asked for.
//
// With 10,000 clusters the body has tens of megabytes. Next() does a bounded piece of work, about a
// millisecond, and the text that waits is never more than that work's: a reader that is slow, or
// goes away, costs nothing. Prometheus wants families together, whose metrics lie all over the
// Store: for each kind a list of places (12 bytes a metric) is made first, and pieces are empty
// meanwhile.
// Owner: the response. Thread: main. Nothing fails. Store and tags outlive it.
// Source: render.h for the formats.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "source/stats/cursor.h"
#include "source/stats/query.h"
#include "source/stats/render.h"

namespace remora::stats {

class Stream {
 public:
  Stream(Store& store, const TagExtractor& tags, Query query, size_t portion = Cursor::kPortion);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Sets `piece` to what comes next, which may be nothing yet; false at the end.
  bool Next(std::string& piece);

 private:
  class Prometheus;

  // Text and JSON: kinds that are shown together are one pass over the Store.
  bool StepPass(ChunkWriter& out);
  SnapshotFilter PassFilter() const;

  const Query query_;
  Cursor cursor_;
  int pass_ = 0;
  std::unique_ptr<JsonRenderer> json_;
  std::unique_ptr<Prometheus> prometheus_;
  bool done_ = false;
  std::deque<std::string> ready_;
};

}  // namespace remora::stats
