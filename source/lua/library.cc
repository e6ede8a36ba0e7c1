// The module's one function: scripts of LuaJIT behind source/lua/script.h.

#include <type_traits>

#include "source/lua/state.h"

namespace remora::lua {
namespace {

class LuaJit final : public Library {
 public:
  std::unique_ptr<Script> Load(std::string_view name, std::string_view text, const Limits& limits,
                               std::string& error) override {
    auto state = std::make_unique<State>();
    if (!state->Load(name, text, limits, error)) return nullptr;
    return state;
  }
};

}  // namespace
}  // namespace remora::lua

extern "C" remora::lua::Library* RemoraLua1() {
  static remora::lua::LuaJit library;
  return &library;
}

static_assert(std::is_same_v<decltype(&RemoraLua1), remora::lua::Open>);
