#include "source/net/plaintext.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

namespace remora::net {
namespace {

// writev takes at most this many pieces a call; 64 x 16 KiB is more than a socket buffer holds.
constexpr size_t kMaxVectors = 64;

}  // namespace

IoResult Plaintext::Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) {
  IoResult result;
  while (true) {
    // At least one block, and no more of them than the budget has left.
    const size_t left = (budget - result.bytes) / buffer::Block::capacity();
    buffer::Buffer::Reservation reservation;
    input.Reserve(std::clamp<size_t>(left, 1, pieces_), reservation);
    size_t room = 0;
    for (size_t i = 0; i < reservation.count; ++i) room += reservation.vectors[i].iov_len;
    ssize_t n;
    if (reservation.count == 1) {
      n = recv(fd, reservation.vectors[0].iov_base, room, 0);
    } else {
      msghdr message = {};
      message.msg_iov = reservation.vectors;
      message.msg_iovlen = reservation.count;
      n = recvmsg(fd, &message, 0);
    }
    const int error = errno;
    input.Commit(reservation, n > 0 ? static_cast<size_t>(n) : 0);
    if (n == 0) {
      result.next = IoResult::Next::kEnd;
      return result;
    }
    if (n < 0) {
      if (error == EINTR) continue;
      if (error == EAGAIN) return result;
      result.next = IoResult::Next::kError;
      result.error = error;
      return result;
    }
    result.bytes += static_cast<size_t>(n);
    const bool full = static_cast<size_t>(n) == room;
    if (!full) pieces_ = 1;
    if (!full && !peer_closed) return result;
    if (full) {
      pieces_ =
          static_cast<uint8_t>(std::min<size_t>(size_t{pieces_} * 4, buffer::Buffer::kMaxReserve));
    }
    if (result.bytes >= budget) {
      result.next = IoResult::Next::kAgain;
      return result;
    }
  }
}

IoResult Plaintext::Write(int fd, buffer::Buffer& output) {
  IoResult result;
  while (!output.empty()) {
    struct iovec vectors[kMaxVectors];
    const size_t count = output.Slices(vectors, kMaxVectors);
    ssize_t n;
    size_t offered = vectors[0].iov_len;
    if (count == 1) {
      n = send(fd, vectors[0].iov_base, offered, MSG_NOSIGNAL);
    } else {
      for (size_t i = 1; i < count; ++i) offered += vectors[i].iov_len;
      msghdr message = {};
      message.msg_iov = vectors;
      message.msg_iovlen = count;
      n = sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) return result;
      result.next = IoResult::Next::kError;
      result.error = errno;
      return result;
    }
    output.Drain(static_cast<size_t>(n));
    result.bytes += static_cast<size_t>(n);
    // A short write means a full socket buffer: the next event says when there is room.
    if (static_cast<size_t>(n) < offered) return result;
  }
  return result;
}

}  // namespace remora::net
