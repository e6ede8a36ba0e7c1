#pragma once

// ContextCallbacks: what BoringSSL asks a context during a handshake.
//
// Static functions in BoringSSL's signatures; the connection is the SSL object's app data
// (Handshake). Thread: the worker that drives the handshake. Only the builder hands them out, so
// this header is for this folder's .cc files. Nothing fails but by an answer.

#include <openssl/ssl.h>

namespace remora::tls {

struct ContextCallbacks {
  static ssl_select_cert_result_t OnClientHello(const SSL_CLIENT_HELLO* hello);
  static ssl_verify_result_t OnVerify(SSL* ssl, uint8_t* alert);
  static int OnSelectAlpn(SSL* ssl, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                          unsigned in_size, void* context);
  static int OnTicketKey(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
                         HMAC_CTX* hmac, int encrypt);
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);
  static void OnKeyLog(const SSL* ssl, const char* line);
};

}  // namespace remora::tls
