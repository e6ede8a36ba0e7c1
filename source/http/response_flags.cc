#include "source/http/response_flags.h"

namespace remora::http {
namespace {

constexpr std::string_view kWords[] = {
#define REMORA_FLAG_WORD(id, text) text,
    REMORA_RESPONSE_FLAG_LIST(REMORA_FLAG_WORD)
#undef REMORA_FLAG_WORD
};

}  // namespace

std::string ResponseFlags::ToString() const {
  if (empty()) return "-";
  std::string text;
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    if (!Has(static_cast<ResponseFlag>(i))) continue;
    if (!text.empty()) text += ',';
    text += kWords[i];
  }
  return text;
}

}  // namespace remora::http
