#include "source/tls/slice_bio.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>

#include "source/tls/transport.h"

namespace remora::tls {
namespace {

long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Made once, never changed, shared by all connections.
const BIO_METHOD* Method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slice");
    BIO_meth_set_read(made, &SliceBio::Read);
    BIO_meth_set_write(made, &SliceBio::Write);
    BIO_meth_set_ctrl(made, &Control);
    return made;
  }();
  return kMethod;
}

}  // namespace

BIO* SliceBio::Make(Transport& transport) {
  BIO* bio = BIO_new(Method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  return bio;
}

int SliceBio::Read(BIO* bio, char* to, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t taken = std::min(static_cast<size_t>(size), transport.in_size_);
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(to, transport.in_, taken);
  transport.in_ += taken;
  transport.in_size_ -= taken;
  return static_cast<int>(taken);
}

int SliceBio::Write(BIO* bio, const char* from, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto bytes = static_cast<size_t>(size);
  // Behind what is waiting, if anything is.
  if (transport.unsent_.empty() && transport.out_room_ - transport.out_size_ >= bytes) {
    std::memcpy(transport.out_ + transport.out_size_, from, bytes);
    transport.out_size_ += bytes;
  } else {
    transport.unsent_.append(from, bytes);
  }
  return size;
}

}  // namespace remora::tls
