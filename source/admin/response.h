#pragma once

// Response: what an admin handler answers, as a plain value: a status, a type and a body, whole or
// produced piece by piece for those that fill megabytes. Or a promise of one (LaterResponse).
// Thread: main. A piece source keeps what it needs alive by itself (a World, a Snapshot's text),
// since the client decides how long the transfer takes.
// Owner: AdminFilter while it is being sent. Thread: main.

#include <cstdint>
#include <memory>
#include <optional>
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

struct LaterResponse;

struct Response {
  uint16_t status = 200;
  std::string_view content_type = kPlainText;  // a literal
  std::string body;
  PieceSource more;                                // what follows `body`; null when nothing does
  std::shared_ptr<LaterResponse> later = nullptr;  // not null: this comes in its place
};

// A response that somebody else has to find out. Shared by who asked, who tells it to whom it may
// concern by then, and by who waits. Thread: main; it may die on any.
struct LaterResponse {
  // Set by who waits, until it does not any more; called at most once.
  absl::AnyInvocable<void(Response)> take;
  // It was there before anybody waited.
  std::optional<Response> response;

  void Set(Response found) {
    if (take != nullptr) {
      std::exchange(take, nullptr)(std::move(found));
    } else {
      response = std::move(found);
    }
  }
};

inline Response Text(std::string body) { return {200, kPlainText, std::move(body), nullptr}; }
inline Response Error(uint16_t status, std::string body) {
  return {status, kPlainText, std::move(body), nullptr};
}
inline Response Json(std::string body) { return {200, kJson, std::move(body), nullptr}; }

// The pieces of a vector, one after the other.
PieceSource PiecesOf(std::vector<std::string> pieces);

}  // namespace remora::admin
