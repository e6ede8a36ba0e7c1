#include "source/config/meaning.h"

#include <string>

#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "source/base/hash.h"

namespace remora::config {

Meaning MeaningOf(const google::protobuf::Message& message) {
  // The text has maps in the order of their keys and shows what is inside an Any.
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  constexpr uint64_t kOtherSeed = 0x9E3779B97F4A7C15;  // any other
  return {base::XxHash64(text), base::XxHash64(text, kOtherSeed)};
}

}  // namespace remora::config
