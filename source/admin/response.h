#pragma once

// Response: what an admin handler answers, as a plain value: a status, a type and a body, whole or
// produced piece by piece for those that fill megabytes.
// Thread: main. A piece source keeps what it needs alive by itself (a World, a Snapshot's text),
// since the client decides how long the transfer takes.
// Owner: AdminFilter while it is being sent. Thread: main.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace remora::admin {

inline constexpr std::string_view kPlainText = "text/plain; charset=UTF-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kHtml = "text/html; charset=UTF-8";

// About what one piece of a body should have.
inline constexpr size_t kPieceSize = 64 * 1024;

// Sets `piece` to what comes next, which may be nothing yet; false when there is nothing left.
using PieceSource = absl::AnyInvocable<bool(std::string& piece)>;

struct Response {
  uint16_t status = 200;
  std::string_view content_type = kPlainText;  // a literal
  std::string body;
  PieceSource more;  // what follows `body`; null when nothing does
};

inline Response Text(std::string body) { return {200, kPlainText, std::move(body), nullptr}; }
inline Response Error(uint16_t status, std::string body) {
  return {status, kPlainText, std::move(body), nullptr};
}
inline Response Json(std::string body) { return {200, kJson, std::move(body), nullptr}; }

// The pieces of a vector, one after the other.
PieceSource PiecesOf(std::vector<std::string> pieces);

}  // namespace remora::admin
