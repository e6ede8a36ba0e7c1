#include <nghttp2/nghttp2.h>

#include <cstring>
#include <string_view>

#include "source/http/http2/library.h"

#include "source/base/check.h"

namespace remora::http2 {
namespace {

// nghttp2's own limit of answers that wait; max_outbound_control_frames is the one that counts,
// because what is answered goes to the output in the same turn.
constexpr size_t kMaxQueuedAcks = 100000;

std::string_view View(nghttp2_rcbuf* text) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(text);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

int ResultOf(bool goes_on) { return goes_on ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

Session& SessionOf(void* user) { return *static_cast<Session*>(user); }

Stream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

bool Ends(const nghttp2_frame_hd& head) { return (head.flags & NGHTTP2_FLAG_END_STREAM) != 0; }

FloodGuard::Outbound OutboundKind(const nghttp2_frame_hd& head) {
  switch (head.type) {
    case NGHTTP2_DATA:
      return FloodGuard::Outbound::kData;
    case NGHTTP2_RST_STREAM:
      return FloodGuard::Outbound::kControl;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
      // What a peer can make us send.
      return (head.flags & NGHTTP2_FLAG_ACK) != 0 ? FloodGuard::Outbound::kControl
                                                  : FloodGuard::Outbound::kOther;
    default:
      return FloodGuard::Outbound::kOther;
  }
}

nghttp2_mem MemoryOf(Memory* memory) {
  nghttp2_mem functions;
  functions.mem_user_data = memory;
  functions.malloc = [](size_t size, void* user) {
    return Memory::Allocate(static_cast<Memory*>(user), size);
  };
  functions.free = [](void* piece, void*) { Memory::Free(piece); };
  functions.calloc = [](size_t count, size_t size, void* user) -> void* {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
    void* const piece = Memory::Allocate(static_cast<Memory*>(user), bytes);
    return piece != nullptr ? std::memset(piece, 0, bytes) : nullptr;
  };
  functions.realloc = [](void* piece, size_t size, void* user) {
    return Memory::Reallocate(static_cast<Memory*>(user), piece, size);
  };
  return functions;
}

}  // namespace

Session::Library::Library(Session& owner) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  CHECK(nghttp2_option_new(&option) == 0);
  SetFrameCallback(callbacks);
  SetInputCallbacks(callbacks);
  SetOutputCallbacks(callbacks);
  // What a message may look like is ours (HeaderBlock), and so is giving credit back.
  nghttp2_option_set_no_http_messaging(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, kMaxQueuedAcks);
  nghttp2_option_set_max_deflate_dynamic_table_size(option,
                                                    owner.options_.protocol.hpack_table_size);
  // As Envoy: until the peer's first SETTINGS it allows what we would.
  nghttp2_option_set_peer_max_concurrent_streams(option,
                                                 owner.options_.protocol.max_concurrent_streams);
  // Resets by a peer are counted by who knows the time.
  constexpr uint64_t kNoLimit = 1 << 30;
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
  nghttp2_mem memory = MemoryOf(owner.options_.memory);
  const int result =
      owner.role_ == Role::kServer
          ? nghttp2_session_server_new3(&session, callbacks, &owner, option, &memory)
          : nghttp2_session_client_new3(&session, callbacks, &owner, option, &memory);
  CHECK(result == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

Session::Library::~Library() { nghttp2_session_del(session); }

const std::vector<nghttp2_nv>& Session::Library::List(const std::vector<WireField>& fields) {
  list.clear();
  for (const WireField& field : fields) {
    // nghttp2 copies both, and changes neither.
    const auto text = [](std::string_view view) {
      return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(view.data()));
    };
    const uint8_t flags = field.unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    list.push_back(
        {text(field.name), text(field.value), field.name.size(), field.value.size(), flags});
  }
  return list;
}

// A frame that is not CONTINUATION or of an unknown type is complete.
void Session::Library::SetFrameCallback(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session* library, const nghttp2_frame* frame, void* user) {
        Session& session = SessionOf(user);
        const nghttp2_frame_hd& head = frame->hd;
        const bool ends = Ends(head);
        switch (head.type) {
          case NGHTTP2_HEADERS: {
            // A server's stream knows where to count once the request has begun, a client's until
            // the response has ended.
            Stream* const stream = StreamOf(library, head.stream_id);
            const bool client = session.role_ == Role::kClient;
            if (client) CountFrame(stream, head.length, true, false);
            const bool fine = session.OnPayload(head.length - frame->headers.padlen, ends) &&
                              session.OnBlockEnd(ends);
            if (!client) CountFrame(stream, head.length, true, false);
            return ResultOf(fine);
          }
          case NGHTTP2_DATA: {
            Stream* const stream = StreamOf(library, head.stream_id);
            CountFrame(stream, head.length, false, false);
            if (!session.OnPayload(head.length - frame->data.padlen, ends)) return ResultOf(false);
            return ResultOf(stream == nullptr || !ends || session.OnBodyEnd(*stream));
          }
          case NGHTTP2_RST_STREAM:
            session.options_.stats.rx_reset.Inc();
            break;
          case NGHTTP2_GOAWAY:
            session.OnPeerGoAway();
            break;
          case NGHTTP2_SETTINGS:
            session.events_.OnPeerLimits();
            break;
          case NGHTTP2_PING:
            if ((head.flags & NGHTTP2_FLAG_ACK) != 0) session.events_.OnPingAck();
            break;
          default:
            break;
        }
        return 0;
      });
}

void Session::Library::SetInputCallbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
        return ResultOf(SessionOf(user).OnFrameBegin(head->type, head->stream_id));
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session* library, const nghttp2_frame* frame, void* user) {
        Session& session = SessionOf(user);
        const int32_t id = frame->hd.stream_id;
        const bool begins =
            frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
        session.OnBlockBegin(begins ? session.BeginPeerStream(id) : StreamOf(library, id));
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback2(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name,
                    nghttp2_rcbuf* value, uint8_t, void* user) {
        SessionOf(user).OnField(View(name), View(value));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* library, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
        return ResultOf(SessionOf(user).OnBody(StreamOf(library, id),
                                               reinterpret_cast<const char*>(data), size));
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session* library, int32_t id, uint32_t error_code, void* user) {
        Stream* const stream = StreamOf(library, id);
        if (stream != nullptr) SessionOf(user).OnStreamClosed(*stream, error_code);
        return ResultOf(!SessionOf(user).failed());
      });
}

void Session::Library::SetOutputCallbacks(nghttp2_session_callbacks* callbacks) {
  nghttp2_session_callbacks_set_send_data_callback(
      callbacks, [](nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                    nghttp2_data_source* source, void* user) {
        constexpr size_t kFrameHeadSize = 9;
        SessionOf(user).MoveData(*static_cast<Stream*>(source->ptr),
                                 {reinterpret_cast<const char*>(head), kFrameHeadSize}, size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](nghttp2_session* library, const nghttp2_frame* frame, void* user) {
        Session& session = SessionOf(user);
        if (frame->hd.type == NGHTTP2_RST_STREAM) session.options_.stats.tx_reset.Inc();
        if (frame->hd.type == NGHTTP2_GOAWAY) session.OnGoAwaySent(frame->goaway.error_code);
        const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        Stream* const stream = message ? StreamOf(library, frame->hd.stream_id) : nullptr;
        CountFrame(stream, frame->hd.length, frame->hd.type == NGHTTP2_HEADERS, true);
        if (stream != nullptr && Ends(frame->hd)) session.OnEndSent(*stream);
        return ResultOf(session.OnFrameSent(OutboundKind(frame->hd)));
      });
}

}  // namespace remora::http2
