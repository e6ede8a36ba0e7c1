#include "source/http/response_flags.h"

namespace remora::http {

const std::string_view kFlagWords[] = {
#define REMORA_FLAG_WORD(id, text) text,
    REMORA_RESPONSE_FLAG_LIST(REMORA_FLAG_WORD)
#undef REMORA_FLAG_WORD
};

// The constants' names without their "k".
const std::string_view kFlagNames[] = {
#define REMORA_FLAG_NAME(id, text) std::string_view(#id).substr(1),
    REMORA_RESPONSE_FLAG_LIST(REMORA_FLAG_NAME)
#undef REMORA_FLAG_NAME
};

ResponseFlag FlagOfWord(std::string_view word) {
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    if (kFlagWords[i] == word) return static_cast<ResponseFlag>(i);
  }
  return ResponseFlag::kNone;
}

std::string ResponseFlags::ToString() const {
  std::string text;
  AppendTo(text, kFlagWords);
  return text;
}

void ResponseFlags::AppendTo(std::string& out, const std::string_view* names) const {
  if (empty()) {
    out += '-';
    return;
  }
  bool first = true;
  // Envoy prints them in the order in which they are set: the end of the tries is known before what
  // the last one ends as.
  constexpr auto kFirst = static_cast<unsigned>(ResponseFlag::kUpstreamRetryLimitExceeded);
  if (Has(ResponseFlag::kUpstreamRetryLimitExceeded)) {
    first = false;
    out += names[kFirst];
  }
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    if (i == kFirst || !Has(static_cast<ResponseFlag>(i))) continue;
    if (!first) out += ',';
    first = false;
    out += names[i];
  }
}

}  // namespace remora::http
