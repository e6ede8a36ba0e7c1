#pragma once

// Wire: one end of a socket in a test's own hands: sends any bytes, reads messages or raw bytes,
// closes in every way. Blocking, with a bound on every wait (kPatience), after which it throws
// WireError: a test fails, it never hangs. Owner and thread: the test's (or a scripted upstream's).

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "source/net/address.h"
#include "test/harness/message.h"

namespace remora::harness {

// Long enough for a loaded machine under sanitizers; nothing waits for it to pass.
inline constexpr std::chrono::seconds kPatience{30};

class WireError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How a peer ended the connection.
enum class WireEnd { kFin, kReset };

class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {}
  ~Wire() { Close(); }
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&& other) noexcept;

  // All of it.
  void Send(std::string_view bytes);
  // All of it, unless the peer ends the connection half-way: what it answers then says whether that
  // was right.
  void SendUnlessClosed(std::string_view bytes);
  // As much as the kernel takes now and until the peer has not read for a moment: used to fill a
  // path whose reader stands still. Returns how much was taken.
  size_t SendUntilStuck(std::string_view bytes);

  Message ReceiveRequest() { return Receive(MessageKind::kRequest, false); }
  Message ReceiveResponse(bool bodiless = false) {
    return Receive(MessageKind::kResponse, bodiless);
  }
  // Bytes up to and with `mark`.
  std::string ReceiveUntil(std::string_view mark);
  std::string ReceiveExactly(size_t size);
  // Everything to the end of the connection.
  std::string ReceiveAll();
  // The peer's end, with nothing before it.
  WireEnd AwaitEnd();
  // Waits without a bound until something is there to be received; false at the end.
  bool AwaitBytes();
  // What has arrived and was not taken, without waiting.
  const std::string& pending() const { return bytes_; }

  void HalfClose();
  void Close();
  // RST in place of FIN.
  void Reset();

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  Message Receive(MessageKind kind, bool bodiless);
  // Waits for more bytes; false at the end of the connection.
  bool ReadMore();
  std::string_view SendSome(std::string_view bytes);
  void Await(short events, const char* what);
  void ReadOnce();

  int fd_ = -1;
  std::string bytes_;
  std::optional<WireEnd> end_;
};

// Connects; `from` is the own address ("127.0.0.2"), any when empty.
Wire Connect(const net::Address& address, std::string_view from = {});

}  // namespace remora::harness
