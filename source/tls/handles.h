#pragma once

// Owners of BoringSSL's objects, for headers that must not include BoringSSL's.
//
// Each is a unique_ptr whose deleter gives back one reference.
// Thread: that of the owner; where BoringSSL counts references, other threads may hold others.
// Nothing fails.

#include <memory>

// NOLINTBEGIN(readability-identifier-naming): BoringSSL's names
extern "C" {
struct crypto_buffer_pool_st;
struct crypto_buffer_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
struct x509_st;
struct x509_store_st;
}
// NOLINTEND(readability-identifier-naming)

namespace remora::tls {

struct Release {
  void operator()(crypto_buffer_pool_st* object) const;
  void operator()(crypto_buffer_st* object) const;
  void operator()(evp_pkey_st* object) const;
  void operator()(ssl_ctx_st* object) const;
  void operator()(ssl_session_st* object) const;
  void operator()(ssl_st* object) const;
  void operator()(x509_st* object) const;
  void operator()(x509_store_st* object) const;
};

using BufferPoolPtr = std::unique_ptr<crypto_buffer_pool_st, Release>;
using BufferPtr = std::unique_ptr<crypto_buffer_st, Release>;
using KeyPtr = std::unique_ptr<evp_pkey_st, Release>;
using SslContextPtr = std::unique_ptr<ssl_ctx_st, Release>;
using SessionPtr = std::unique_ptr<ssl_session_st, Release>;
using SslPtr = std::unique_ptr<ssl_st, Release>;
using X509Ptr = std::unique_ptr<x509_st, Release>;
using StorePtr = std::unique_ptr<x509_store_st, Release>;

}  // namespace remora::tls
