#pragma once

// State: one Lua state, with the limits that its scripts live under, and the runs in it.
//
//   Step -> lua_cpcall(Resume) -> coroutine -> bindings -> Stream
//
// Four things bound a run: a count of steps, which a hook counts every kHookSteps instructions and
// which functions of strings and tables are charged for what they touch; the processor time between
// two waits; the bytes that the state holds; the bytes that one run allocates. The compiler of
// LuaJIT is off: hooks are not called from what it makes. Who is over a limit gets an error at
// every further instruction, so that no pcall() outlives it.
//
// Lua raises errors by unwinding: frames between a binding and Resume have nothing to destroy.
// Owner: the filter's worker state; thread: the worker, or main at load.

#include <luajit-2.1/lua.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/lua/script.h"

namespace remora::lua {

class ScriptRun;

class State final : public Script {
 public:
  static constexpr int kHookSteps = 100;

  State() = default;
  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool Load(std::string_view name, std::string_view text, const Limits& limits, std::string& error);

  // Script
  bool Has(Function function) const override { return Reference(function) != LUA_NOREF; }
  RunPtr Begin(Function function, const Limits& limits, Stream& stream) override;

  // Of any state of ours.
  static State& Of(lua_State* lua);
  lua_State* main() const { return main_; }
  int Reference(Function function) const { return functions_[static_cast<int>(function)]; }
  // Whose functions run; null: none's.
  ScriptRun* running() const { return running_; }
  bool limited() const { return limited_; }
  uint64_t NextSerial() { return ++last_serial_; }
  // What a run is given has been made: from now on it is the script that allocates.
  void EndRoom() { memory_limit_ -= kRoom; }
  // Raises an error when there are not as many steps left, or no time, or no stack of C.
  void Charge(lua_State* lua, uint64_t steps);

  // Calls `function` with `argument` under the limits. The state of lua_pcall; the error is on the
  // stack of main().
  int Call(lua_CFunction function, void* argument, const Limits& limits, ScriptRun* run);
  // A coroutine, used before or not, and its reference; may raise.
  lua_State* TakeCoroutine(int& reference);
  // `used_up`: it cannot run again.
  void GiveBack(lua_State* coroutine, int reference, bool used_up);

 private:
  static constexpr size_t kKeptCoroutines = 64;
  // For a coroutine and handles, also where what scripts keep has reached the limit.
  static constexpr uint64_t kRoom = 16 << 10;

  struct Coroutine {
    lua_State* lua;
    int reference;
  };
  static void* Allocate(void* self, void* block, size_t old_size, size_t new_size);
  static void OnHook(lua_State* lua, lua_Debug*);
  bool OutOfTime();
  // No return.
  void RaiseLimit(lua_State* lua, const char* what);

  lua_State* main_ = nullptr;
  ScriptRun* running_ = nullptr;
  int functions_[2] = {LUA_NOREF, LUA_NOREF};
  uint64_t last_serial_ = 0;
  uint64_t used_ = 0;  // bytes
  uint64_t memory_limit_ = Limits::kMemory;
  uint64_t to_allocate_ = UINT64_MAX;  // bytes
  uint64_t steps_left_ = 0;
  uintptr_t stack_begin_ = 0;  // of C
  int64_t wall_begin_ = 0;     // ns; 0: not looked at yet
  int64_t processor_begin_ = 0;
  bool limited_ = false;
  bool lacked_memory_ = false;
  std::vector<Coroutine> kept_;
};

// What scripts find instead of luaL_openlibs (sandbox.cc). May raise.
void OpenLibraries(lua_State* lua);
// string.find and its like, with steps that count (pattern.cc). `string` is on top of the stack.
void OpenPatterns(lua_State* lua);
// The types of handles (handle.cc, fields.cc, facts.cc). May raise.
void OpenBindings(lua_State* lua);

}  // namespace remora::lua
