#pragma once

// GoogleStream: a call by the gRPC library, step by step: one message is read at a time, when the
// one before was taken, and one is written; what else is to be sent waits here.
//
//   kStart --ok--> Read ... kRead --ok--> user, Read ...
//      '--no--------------------'--no--> Finish --> kFinish --> user's OnClosed
//
// Owner and thread: as Stream; known to its GoogleClient while it is open.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "source/grpc/google_client.h"

namespace remora::grpc {

class GoogleStream final : public Stream {
 public:
  GoogleStream(GoogleClient& client, const Service& service, uint64_t id, StreamUser& user);
  ~GoogleStream() override { Close(); }
  GoogleStream(const GoogleStream&) = delete;
  GoogleStream& operator=(const GoogleStream&) = delete;

  // Null: there is no library. The call's events come to OnEvent.
  void Use(GoogleCallPtr call);
  void OnEvent(GoogleEvent& event);

  // Stream
  event::Dispatcher& dispatcher() override { return client_.dispatcher_; }
  void Send(buffer::Buffer& message) override;
  void EndSending() override;
  bool writable() const override { return started_ && waiting_bytes_ < buffer_limit_; }
  uint64_t waiting_bytes() const override { return waiting_bytes_; }
  void Pause() override { paused_ = true; }
  void Resume() override;
  void Close() override;

 private:
  static void OnTurnEnd(void* self);
  void WriteNext();
  void OnWritten();
  void Deliver();
  void Finish(const Status& status);

  GoogleClient& client_;
  GoogleClient::PrefixStats& stats_;
  StreamUser& user_;
  const uint64_t id_;
  const uint64_t buffer_limit_;
  event::TurnTask turn_end_;
  GoogleCallPtr call_;
  std::deque<std::string> waiting_;  // the first of them is being written, with `writing_`
  uint64_t waiting_bytes_ = 0;
  buffer::Buffer input_;       // a message that the user has paused
  std::optional<Status> end_;  // not told yet
  bool has_input_ = false;
  bool started_ = false;
  bool writing_ = false;
  bool ending_ = false;  // EndSending was called
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace remora::grpc
