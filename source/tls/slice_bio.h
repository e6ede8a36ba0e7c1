#pragma once

// SliceBio: BoringSSL's view of a Transport's bytes: reads come from what was just received, writes
// go to where the next send takes them from. It never blocks on writing.
//
// Owned by the SSL object, which the Transport owns, so the bytes that it points to are there.
// Thread: the connection's worker. Private to the folder. Make gives null when memory is out;
// nothing else fails.

extern "C" {
struct bio_st;  // NOLINT(readability-identifier-naming): BoringSSL's name
}

namespace remora::tls {

class Transport;

struct SliceBio {
  // Null when memory is out.
  static bio_st* Make(Transport& transport);
  static int Read(bio_st* bio, char* to, int size);
  static int Write(bio_st* bio, const char* from, int size);
};

}  // namespace remora::tls
