#include "source/tls/handles.h"

#include <openssl/evp.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace remora::tls {

void Release::operator()(crypto_buffer_pool_st* object) const { CRYPTO_BUFFER_POOL_free(object); }
void Release::operator()(crypto_buffer_st* object) const { CRYPTO_BUFFER_free(object); }
void Release::operator()(evp_pkey_st* object) const { EVP_PKEY_free(object); }
void Release::operator()(ssl_ctx_st* object) const { SSL_CTX_free(object); }
void Release::operator()(ssl_session_st* object) const { SSL_SESSION_free(object); }
void Release::operator()(ssl_st* object) const { SSL_free(object); }
void Release::operator()(x509_st* object) const { X509_free(object); }
void Release::operator()(x509_store_st* object) const { X509_STORE_free(object); }

}  // namespace remora::tls
