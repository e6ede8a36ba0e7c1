#include "source/admin/response.h"

#include <utility>

namespace remora::admin {

PieceSource PiecesOf(std::vector<std::string> pieces) {
  return [pieces = std::move(pieces), next = size_t{0}](std::string& piece) mutable {
    if (next == pieces.size()) return false;
    piece = std::move(pieces[next++]);
    return true;
  };
}

}  // namespace remora::admin
