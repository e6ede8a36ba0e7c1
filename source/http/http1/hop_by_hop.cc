#include "source/http/http1/hop_by_hop.h"

#include <algorithm>
#include <array>

#include "source/http/ascii.h"
#include "source/http/field_list.h"

namespace remora::http1 {

using http::HeaderId;

bool AddConnectionTokens(std::string_view value, ConnectionTokens& tokens) {
  if (value == "keep-alive") {  // by far the most frequent
    tokens.keep_alive = true;
    return ++tokens.count <= ConnectionTokens::kMaxTokens;
  }
  while (!value.empty()) {
    const std::string_view token = http::NextElement(value);
    if (token.empty()) continue;
    if (++tokens.count > ConnectionTokens::kMaxTokens) return false;
    if (http::EqualsWord(token, "close")) {
      tokens.close = true;
    } else if (http::EqualsWord(token, "keep-alive")) {
      tokens.keep_alive = true;
    } else if (http::EqualsWord(token, "upgrade")) {
      tokens.upgrade = true;
    } else if (!http::EqualsWord(token, "http2-settings")) {
      tokens.nominated[tokens.nominated_count++] = {token.data(), token.size()};
    }
  }
  return true;
}

bool RemoveNominated(const ConnectionTokens& tokens, bool is_request, http::HeaderMap& headers) {
  for (uint32_t i = 0; i < tokens.nominated_count; ++i) {
    const std::string_view token(tokens.nominated[i].text, tokens.nominated[i].size);
    // No field of ours is longer; longer names are compared in the arena.
    std::array<char, 64> small;
    char* lower =
        token.size() <= small.size() ? small.data() : headers.arena().AllocateBytes(token.size());
    std::transform(token.begin(), token.end(), lower, http::ToLower);
    const std::string_view name(lower, token.size());
    const HeaderId id = http::LookUpHeaderId(name);
    switch (id) {
      case HeaderId::kXForwardedFor:
      case HeaderId::kXForwardedHost:
      case HeaderId::kXForwardedProto:
        if (is_request) return false;
        break;
      case HeaderId::kContentLength:
      case HeaderId::kTransferEncoding:
      case HeaderId::kHost:
      case HeaderId::kTe:
        continue;
      default:
        if (is_request && name.front() == ':') return false;
    }
    headers.Remove(name);
  }
  return true;
}

}  // namespace remora::http1
