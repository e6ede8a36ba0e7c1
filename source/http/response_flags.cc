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
  out += names[static_cast<unsigned>(first_)];
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<ResponseFlag>(i);
    if (flag == first_ || !Has(flag)) continue;
    out += ',';
    out += names[i];
  }
}

}  // namespace remora::http
