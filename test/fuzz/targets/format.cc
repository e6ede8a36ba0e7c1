#include "source/http/formatter/format.h"
#include "test/fuzz/targets/targets.h"
#include "test/http/formatter/sample.h"

namespace remora::fuzz {

void RunFormat(std::string_view input) {
  static formatter::Sample& sample = *new formatter::Sample();
  for (const bool omit_empty : {false, true}) {
    formatter::Format::Options options;
    options.omit_empty = omit_empty;
    const absl::StatusOr<formatter::Format> format = formatter::Format::Parse(input, options);
    if (!format.ok()) {
      Require(!format.status().message().empty(), "an error without words");
      return;
    }
    formatter::Exchange full = sample.exchange();
    full.wall_now = 1'700'000'000'000'000'000;  // else EMIT_TIME asks the clock, each time anew
    const http::StreamInfo nothing;
    const formatter::Exchange bare{nothing};
    std::string text;
    format->AppendTo(text, full);
    std::string value;
    // UNIQUE_ID is another one each time.
    const bool random = input.find("UNIQUE_ID") != std::string_view::npos;
    if (format->AppendValueTo(value, full) && !random)
      Require(value == text, "a value prints otherwise");
    if (format->constant() != nullptr) {
      Require(*format->constant() == text, "a constant prints otherwise");
    }
    format->AppendTo(text, bare);
    format->AppendValueTo(value, bare);
  }
}

}  // namespace remora::fuzz
