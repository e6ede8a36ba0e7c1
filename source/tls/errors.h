#pragma once

// What BoringSSL has in its error queue, in words.
//
// The queue is the thread's; every call empties it. Nothing fails. Envoy's form, so that rules on
// %DOWNSTREAM_TRANSPORT_FAILURE_REASON% keep working:
//   TLS_error:|<code>:<library>:OPENSSL_internal:<reason>:<detail>:TLS_error_end

#include <string>
#include <string_view>

namespace remora::tls {

struct ErrorQueue {
  std::string text;  // as above; empty: the queue was empty
  bool any = false;
  bool verify_failed = false;   // the peer's certificate was refused by us
  bool no_certificate = false;  // the peer sent none
};

// `detail` says more about a refused certificate.
ErrorQueue TakeErrors(std::string_view detail = {});

// The same of an error number of the system: the connection broke while it shook hands.
std::string SystemFailure(int error);

// The first reason alone: "BAD_DECRYPT"; "unknown" when there is none.
std::string TakeReason();

}  // namespace remora::tls
