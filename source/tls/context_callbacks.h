#pragma once

// ContextCallbacks: what BoringSSL asks a context during a handshake.
//
// Static functions in BoringSSL's signatures; the connection is the SSL object's app data
// (Handshake). Thread: the worker that drives the handshake. Only the builder hands them out:
// private to the folder. Nothing fails but by an answer.

#include <cstdint>

extern "C" {
struct evp_cipher_ctx_st;
struct hmac_ctx_st;
struct ssl_early_callback_ctx;
struct ssl_session_st;
struct ssl_st;
enum ssl_select_cert_result_t : int;
enum ssl_verify_result_t : int;
}

namespace remora::tls {

struct ContextCallbacks {
  static ssl_select_cert_result_t OnClientHello(const ssl_early_callback_ctx* hello);
  static ssl_verify_result_t OnVerify(ssl_st* ssl, uint8_t* alert);
  static int OnSelectAlpn(ssl_st* ssl, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                          unsigned in_size, void* context);
  static int OnTicketKey(ssl_st* ssl, uint8_t* name, uint8_t* iv, evp_cipher_ctx_st* cipher,
                         hmac_ctx_st* hmac, int encrypt);
  static int OnNewSession(ssl_st* ssl, ssl_session_st* session);
  static void OnKeyLog(const ssl_st* ssl, const char* line);
};

}  // namespace remora::tls
