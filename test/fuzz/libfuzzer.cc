// libFuzzer's entry: mutates the target that REMORA_FUZZ_TARGET names (tools/fuzz sets it).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "test/fuzz/targets/targets.h"

namespace {

using remora::fuzz::Target;

Target FindTarget() {
  const char* name = std::getenv("REMORA_FUZZ_TARGET");
  for (const Target& target : REMORA_FUZZ_TARGETS) {
    if (name != nullptr && std::string_view(name) == target.name) return target;
  }
  std::fprintf(stderr, "REMORA_FUZZ_TARGET names no target of this binary\n");
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const Target target = FindTarget();
  target.run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
