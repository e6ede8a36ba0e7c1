#include "source/tls/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "source/tls/certificate_facts.h"
#include "source/tls/errors.h"
#include "source/tls/slice_bio.h"

namespace remora::tls {
namespace {

using Next = net::IoResult::Next;

// One recv: some records, so that bulk needs few calls.
constexpr size_t kReceive = 64 * 1024;
constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
// One send: as many whole records as are likely to fit into a socket's buffer, and their frames.
constexpr size_t kPlainBatch = 4 * kRecord;
constexpr size_t kSend = kPlainBatch + 4 * SSL3_RT_MAX_ENCRYPTED_OVERHEAD + 64;
// Answers of the library's own while reading: a flight with a chain, tickets.
constexpr size_t kAnswer = 8 * 1024;

int64_t MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * event::kSecond + now.tv_nsec;
}

}  // namespace

Transport::Transport(std::shared_ptr<const Context> context, SslStats& stats,
                     TransportEvents& events, std::string peer, std::string session_key)
    : context_(std::move(context)),
      events_(events),
      peer_text_(std::make_unique<std::string>(std::move(peer))),
      session_key_(std::move(session_key)) {
  handshake_.stats = &stats;
}

Transport::~Transport() = default;

bool Transport::Prepare() {
  ssl_ = context_->MakeSsl(handshake_);
  if (ssl_ == nullptr) return false;
  BIO* bio = SliceBio::Make(*this);
  if (bio == nullptr) return false;
  SSL_set_bio(ssl_.get(), bio, bio);
  if (session_key_.empty()) return true;
  handshake_.keeper = this;
  handshake_.keep_session = [](void* self, SessionPtr session) {
    auto* transport = static_cast<Transport*>(self);
    transport->events_.KeepSession(transport->session_key_, transport->context_,
                                   std::move(session));
  };
  return true;
}

net::TransportSocket::Started Transport::Start(int fd) {
  handshake_.fd = fd;
  started_ns_ = MonotonicNow();
  if (context_->server()) return Started::kHandshake;
  uint8_t out[kAnswer];
  out_ = out;
  out_room_ = sizeof(out);
  net::IoResult result;
  Shake(result);  // only writes the greeting
  SendOut(fd, result);
  out_ = nullptr;
  out_room_ = 0;
  untold_ = state_ == State::kFailed;
  return Started::kHandshake;
}

void Transport::Release() {
  if (!std::exchange(handshake_.held, false)) return;
  proceed_ = handshake_.greeted;
}

net::IoResult Transport::Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) {
  net::IoResult result;
  if (std::exchange(untold_, false)) {
    result.next = Next::kFailed;
    return result;
  }
  if (state_ == State::kFailed) return ThrowAway(fd);
  if (handshake_.held && handshake_.greeted) {
    // What comes now can wait in the kernel, but not the news that nobody waits any more.
    if (peer_closed) result.next = Next::kEnd;
    return result;
  }
  uint8_t in[kReceive];
  uint8_t out[kAnswer];
  out_ = out;
  out_room_ = sizeof(out);
  out_size_ = 0;
  std::string unread = std::exchange(unread_, {});
  in_ = reinterpret_cast<const uint8_t*>(unread.data());
  in_size_ = unread.size();
  bool receive = !std::exchange(proceed_, false) && in_size_ == 0;
  bool more = true;  // the last recv did not prove the socket empty
  while (true) {
    if (receive) {
      if (!more) break;
      const ssize_t n = recv(fd, in, sizeof(in), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) {
        result.next = n < 0 ? Next::kError : state_ == State::kOpen ? Next::kCut : Next::kEnd;
        result.error = n < 0 ? errno : 0;
        if (n < 0 && state_ == State::kHandshaking) failure_ = SystemFailure(result.error);
        break;
      }
      in_ = in;
      in_size_ = static_cast<size_t>(n);
      // Within the handshake, where nobody writes and nothing may ever time out, until it is empty:
      // a reset that came right behind bytes shows in no other event (Connection::Options).
      more = in_size_ == sizeof(in) || peer_closed || state_ == State::kHandshaking;
    }
    receive = true;
    if (state_ == State::kHandshaking && !Shake(result)) {
      SendOut(fd, result);
      if (result.held) unread_.assign(reinterpret_cast<const char*>(in_), in_size_);
      if (result.held || state_ == State::kFailed || result.next == Next::kError) break;
      continue;
    }
    if (state_ == State::kOpen && !Decrypt(input, budget, result)) break;
  }
  if (state_ == State::kFailed) SendOut(fd, result);
  KeepOut();
  result.pending = !unsent_.empty();
  out_ = nullptr;
  out_room_ = 0;
  in_size_ = 0;
  return result;
}

bool Transport::Shake(net::IoResult& result) {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    OnConnected(result);
    return true;
  }
  switch (SSL_get_error(ssl_.get(), done)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return false;
    case SSL_ERROR_PENDING_CERTIFICATE:
      result.held = true;
      return false;
    default:
      Fail(result);
      return false;
  }
}

void Transport::OnConnected(net::IoResult& result) {
  state_ = State::kOpen;
  result.connected = true;
  duration_ = std::max<int64_t>(MonotonicNow() - started_ns_, 1);
  if (SSL_session_reused(ssl_.get()) && context_->check() != nullptr) {
    // It was checked when the session was made, by an equal check.
    handshake_.validated = context_->check()->asks() || !handshake_.names.empty();
  }
  events_.OnHandshake(*this);
  peer_text_.reset();
}

bool Transport::Decrypt(buffer::Buffer& input, size_t budget, net::IoResult& result) {
  while (true) {
    buffer::Buffer::Reservation reservation;
    input.Reserve(1, reservation);
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), reservation.vectors[0].iov_base,
                           static_cast<int>(reservation.vectors[0].iov_len));
    input.Commit(reservation, n > 0 ? static_cast<size_t>(n) : 0);
    if (n > 0) {
      result.bytes += static_cast<size_t>(n);
      continue;
    }
    switch (SSL_get_error(ssl_.get(), n)) {
      case SSL_ERROR_WANT_READ:
        if (result.bytes < budget) return true;
        result.next = Next::kAgain;  // what was received is decrypted; there may be more behind it
        return false;
      case SSL_ERROR_WANT_WRITE:
        return true;
      case SSL_ERROR_ZERO_RETURN:
        result.next = Next::kEnd;
        return false;
      default:
        Fail(result);
        return false;
    }
  }
}

void Transport::Fail(net::IoResult& result) {
  const ErrorQueue errors = TakeErrors(handshake_.refusal);
  const SslCounters& stats = handshake_.stats->counters();
  if (errors.no_certificate) {
    stats.fail_verify_no_cert.Inc();
  } else if (errors.any && !errors.verify_failed) {
    stats.connection_error.Inc();
  }
  failure_ = errors.any ? errors.text : "TLS_error:|closed:TLS_error_end";
  const bool shaking = state_ == State::kHandshaking;
  state_ = State::kFailed;
  result.next = Next::kFailed;
  if (shaking) events_.OnFailure(*this, peer_text_ != nullptr ? *peer_text_ : std::string());
}

net::IoResult Transport::ThrowAway(int fd) {
  net::IoResult result;
  char bytes[4096];
  for (int i = 0; i < 16; ++i) {
    const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    if (n > 0) continue;
    if (n == 0) result.next = Next::kEnd;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      result.next = Next::kError;
      result.error = errno;
    }
    return result;
  }
  result.next = Next::kAgain;
  return result;
}

void Transport::KeepOut() {
  if (out_size_ == 0) return;
  unsent_.insert(0, reinterpret_cast<const char*>(out_), out_size_);
  out_size_ = 0;
}

void Transport::SendOut(int fd, net::IoResult& result) {
  while (out_size_ + unsent_.size() > 0) {
    iovec pieces[2] = {{out_, out_size_}, {unsent_.data(), unsent_.size()}};
    msghdr message = {};
    message.msg_iov = out_size_ > 0 ? pieces : pieces + 1;
    message.msg_iovlen = out_size_ > 0 && !unsent_.empty() ? 2 : 1;
    const ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      if (errno != EAGAIN && errno != ENOBUFS && result.next == Next::kWait) {
        result.next = Next::kError;
        result.error = errno;
      }
      break;
    }
    auto sent = static_cast<size_t>(n);
    const size_t whole = out_size_ + unsent_.size();
    const size_t of_out = std::min(sent, out_size_);
    out_ += of_out;
    out_room_ -= of_out;
    out_size_ -= of_out;
    unsent_.erase(0, sent - of_out);
    if (sent < whole) break;  // the socket's buffer is full
  }
  KeepOut();
  if (unsent_.empty()) unsent_.shrink_to_fit();
}

net::IoResult Transport::Write(int fd, buffer::Buffer& output) {
  net::IoResult result;
  if (state_ != State::kOpen) return result;
  uint8_t out[kSend];
  uint8_t plain[kRecord];
  while (true) {
    out_ = out;
    out_room_ = sizeof(out);
    out_size_ = 0;
    // Nothing more is encrypted while there are records that the kernel would not take.
    if (unsent_.size() < kAnswer) {
      for (size_t batch = 0; batch < kPlainBatch && !output.empty();) {
        const size_t size = std::min(kRecord, output.length());
        const std::string_view front = output.Front();
        const void* from = front.data();
        if (front.size() < size) {
          output.CopyOut(0, size, reinterpret_cast<char*>(plain));
          from = plain;
        }
        ERR_clear_error();
        const int n = SSL_write(ssl_.get(), from, static_cast<int>(size));
        if (n <= 0) {
          Fail(result);
          SendOut(fd, result);
          out_ = nullptr;
          out_room_ = 0;
          return result;
        }
        output.Drain(static_cast<size_t>(n));
        result.bytes += static_cast<size_t>(n);
        batch += static_cast<size_t>(n);
      }
    }
    SendOut(fd, result);
    if (!unsent_.empty() || output.empty() || result.next != Next::kWait) break;
  }
  out_ = nullptr;
  out_room_ = 0;
  result.pending = !unsent_.empty();
  return result;
}

net::IoResult Transport::Finish(int fd) {
  net::IoResult result;
  if (state_ != State::kOpen) return result;
  uint8_t out[64];
  out_ = out;
  out_room_ = sizeof(out);
  out_size_ = 0;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  SendOut(fd, result);
  out_ = nullptr;
  out_room_ = 0;
  result.pending = !unsent_.empty() && result.next == Next::kWait;
  return result;
}

}  // namespace remora::tls
