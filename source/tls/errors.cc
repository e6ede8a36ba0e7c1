#include "source/tls/errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "absl/strings/str_cat.h"

namespace remora::tls {
namespace {

std::string_view OrEmpty(const char* text) { return text != nullptr ? text : ""; }

}  // namespace

ErrorQueue TakeErrors(std::string_view detail) {
  ErrorQueue out;
  while (const uint32_t error = ERR_get_error()) {
    out.any = true;
    const bool of_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    const int reason = ERR_GET_REASON(error);
    const bool verify = of_ssl && reason == SSL_R_CERTIFICATE_VERIFY_FAILED;
    out.verify_failed |= verify;
    const bool none = of_ssl && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
    out.no_certificate |= none;
    if (out.text.empty()) out.text = "TLS_error:";
    absl::StrAppend(&out.text, "|", error, ":", OrEmpty(ERR_lib_error_string(error)).data(),
                    ":OPENSSL_internal:", OrEmpty(ERR_reason_error_string(error)).data());
    if (none) out.text += ":peer did not provide required client certificate";
    if (verify && !detail.empty()) {
      absl::StrAppend(&out.text, ":", absl::string_view(detail.data(), detail.size()));
    }
  }
  if (out.any) out.text += ":TLS_error_end";
  return out;
}

std::string SystemFailure(int error) {
  return absl::StrCat("TLS_error:|", ERR_PACK(ERR_LIB_SYS, error),
                      ":system library:OPENSSL_internal:", OrEmpty(strerrordesc_np(error)).data(),
                      ":TLS_error_end");
}

std::string TakeReason() {
  const uint32_t error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
  return reason != nullptr ? reason : "unknown";
}

}  // namespace remora::tls
