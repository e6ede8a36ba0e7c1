#pragma once

// PositionMap: from a field's path to the place in the file that set it.
//
// Holds the documents a message was read from and walks them by the path when asked, so it costs
// nothing until there is something to report. Where the field itself was not written (a required
// field is missing) the nearest message around it that was written answers. With --config-yaml two
// documents are merged: the later one is asked first, with indices of lists that both of them have
// shifted by what the earlier one put there.
// Immutable after loading; any thread may read. Unknown paths give a position without a line.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/config/config_error.h"
#include "source/config/document.h"

namespace remora::config {

struct Position {
  std::string_view file;  // Of the PositionMap's document.
  int line = 0;
  int column = 0;
  size_t document = 0;  // Which of the documents, in loading order.
};

class PositionMap final {
 public:
  // The path of a list in the merged message -> how many of its items come from earlier documents.
  using Shifts = absl::flat_hash_map<std::string, size_t>;

  void AddDocument(std::shared_ptr<const Document> document, Shifts shifts = {});

  Position Find(std::string_view path) const;

  // Gives every error without a line its file, line and column.
  void Locate(ErrorList& errors) const;

  // Locates, sorts by document, line and column (those without a line come last), keeps `max`.
  void Finish(ErrorList& errors, size_t max) const;

 private:
  struct Layer {
    std::shared_ptr<const Document> document;
    Shifts shifts;
  };

  std::vector<Layer> layers_;
};

}  // namespace remora::config
