#pragma once

// SliceBio: BoringSSL's view of a Transport's bytes: reads come from what was just received, writes
// go to where the next send takes them from. It never blocks on writing.
//
// Owned by the SSL object. Thread: the connection's worker. For this folder's .cc files.

#include <openssl/bio.h>

namespace remora::tls {

class Transport;

struct SliceBio {
  // Null when memory is out.
  static BIO* Make(Transport& transport);
  static int Read(BIO* bio, char* to, int size);
  static int Write(BIO* bio, const char* from, int size);
};

}  // namespace remora::tls
