#pragma once

// Session::Library: the nghttp2 session of one http2::Session and its callbacks.
//
// Private to this folder's session.cc, stream.cc and library.cc, which include nghttp2 before it;
// no other file sees nghttp2's types. Owner: the Session. Thread: its worker. Callbacks turn frames
// into calls to streams; one that fails the session makes nghttp2 stop reading at once.

#include <vector>

#include "source/http/http2/session.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace remora::http2 {

struct Session::Library {
  explicit Library(Session& owner);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  static void SetFrameCallback(nghttp2_session_callbacks* callbacks);
  static void SetInputCallbacks(nghttp2_session_callbacks* callbacks);
  static void SetOutputCallbacks(nghttp2_session_callbacks* callbacks);

  // What nghttp2 takes; good until the next call.
  const std::vector<nghttp2_nv>& List(const std::vector<WireField>& fields);

  nghttp2_session* session = nullptr;
  std::vector<nghttp2_nv> list;
};

}  // namespace remora::http2
