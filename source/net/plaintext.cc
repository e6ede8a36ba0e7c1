#include "source/net/plaintext.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace remora::net {
namespace {

// writev takes at most this many pieces a call; 64 x 16 KiB is more than a socket buffer holds.
constexpr size_t kMaxVectors = 64;

// Reads once into so many blocks; bytes, 0 at the end, or a negative errno value. `room` is what
// there was place for.
ssize_t ReadBlocks(int fd, buffer::Buffer& input, size_t blocks, size_t& room) {
  buffer::Buffer::Reservation reservation;
  input.Reserve(blocks, reservation);
  room = 0;
  for (size_t i = 0; i < reservation.count; ++i) room += reservation.vectors[i].iov_len;
  msghdr message = {};
  message.msg_iov = reservation.vectors;
  message.msg_iovlen = reservation.count;
  ssize_t n = recvmsg(fd, &message, 0);
  if (n < 0) n = -errno;
  input.Commit(reservation, n > 0 ? static_cast<size_t>(n) : 0);
  return n;
}

// The same with one block, or what is left of the last one.
ssize_t ReadOne(int fd, buffer::Buffer& input, size_t& room) {
  buffer::Buffer::Reservation reservation;
  input.Reserve(1, reservation);
  room = reservation.vectors[0].iov_len;
  ssize_t n = recv(fd, reservation.vectors[0].iov_base, room, 0);
  if (n < 0) n = -errno;
  input.Commit(reservation, n > 0 ? static_cast<size_t>(n) : 0);
  return n;
}

// Sends as many pieces as one call takes; bytes, or a negative errno value. `offered` is what they
// have together.
ssize_t WritePieces(int fd, const buffer::Buffer& output, size_t& offered) {
  struct iovec vectors[kMaxVectors];
  msghdr message = {};
  message.msg_iov = vectors;
  message.msg_iovlen = output.Slices(vectors, kMaxVectors);
  offered = 0;
  for (size_t i = 0; i < message.msg_iovlen; ++i) offered += vectors[i].iov_len;
  const ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
  return n < 0 ? -errno : n;
}

ssize_t WriteOne(int fd, const buffer::Buffer& output, size_t& offered) {
  const std::string_view piece = output.Front();
  offered = piece.size();
  const ssize_t n = send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
  return n < 0 ? -errno : n;
}

}  // namespace

IoResult Plaintext::Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) {
  IoResult result;
  while (true) {
    size_t blocks = pieces_;
    // At least one block, and no more of them than the budget has left.
    if (blocks > 1) {
      blocks = std::clamp<size_t>((budget - result.bytes) / buffer::Block::capacity(), 1, blocks);
    }
    size_t room;
    const ssize_t n = blocks == 1 ? ReadOne(fd, input, room) : ReadBlocks(fd, input, blocks, room);
    if (n == 0) {
      result.next = IoResult::Next::kEnd;
      return result;
    }
    if (n < 0) {
      if (n == -EINTR) continue;
      if (n == -EAGAIN) return result;
      result.next = IoResult::Next::kError;
      result.error = static_cast<int>(-n);
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
    size_t offered;
    const ssize_t n = output.slice_count() == 1 ? WriteOne(fd, output, offered)
                                                : WritePieces(fd, output, offered);
    if (n < 0) {
      if (n == -EINTR) continue;
      if (n == -EAGAIN || n == -ENOBUFS) return result;
      result.next = IoResult::Next::kError;
      result.error = static_cast<int>(-n);
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
