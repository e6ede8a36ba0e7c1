#include "source/lua/state.h"

#include <cstdlib>
#include <ctime>

#include "source/lua/script_run.h"

namespace remora::lua {
namespace {

// Processor time of one run between two waits. More steps than that come from instructions that
// are slow by themselves, as the comparison of long texts.
constexpr int64_t kMaxTime = 100'000'000;
// Garbage that one run makes is collected while it runs; what it makes in all is bounded, too.
constexpr uint64_t kAllocatedFactor = 4;
// Of C, that calls back and forth between C and Lua may use: a thread's is some MiB.
constexpr uintptr_t kMaxStack = 256 << 10;

int64_t Nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Loading {
  std::string_view name;
  std::string_view text;
  int* functions;
};

int OpenAll(lua_State* lua) {
  OpenLibraries(lua);
  OpenBindings(lua);
  return 0;
}

int LoadText(lua_State* lua) {
  const auto& loading = *static_cast<Loading*>(lua_touserdata(lua, 1));
  // "=": the name stands before line numbers as it is.
  lua_pushfstring(lua, "=%s", loading.name.data());
  if (luaL_loadbufferx(lua, loading.text.data(), loading.text.size(), lua_tostring(lua, -1), "t") !=
      0) {
    return lua_error(lua);
  }
  lua_call(lua, 0, 0);
  for (const auto function : {Function::kOnRequest, Function::kOnResponse}) {
    lua_getglobal(lua, function == Function::kOnRequest ? "envoy_on_request" : "envoy_on_response");
    if (lua_isfunction(lua, -1)) {
      loading.functions[static_cast<int>(function)] = luaL_ref(lua, LUA_REGISTRYINDEX);
    } else {
      lua_pop(lua, 1);
    }
  }
  return 0;
}

int CollectGarbage(lua_State* lua) {
  lua_gc(lua, LUA_GCCOLLECT, 0);
  return 0;
}

}  // namespace

State::~State() {
  // Collecting is no run.
  running_ = nullptr;
  if (main_ != nullptr) lua_close(main_);
}

State& State::Of(lua_State* lua) {
  void* state = nullptr;
  lua_getallocf(lua, &state);
  return *static_cast<State*>(state);
}

bool State::Load(std::string_view name, std::string_view text, const Limits& limits,
                 std::string& error) {
  memory_limit_ = limits.memory;
  main_ = lua_newstate(&Allocate, this);
  if (main_ == nullptr) {
    error = "no memory for a Lua state";
    return false;
  }
  luaJIT_setmode(main_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  // Little garbage before it is collected: what counts against the limit is what is held.
  lua_gc(main_, LUA_GCSETPAUSE, 120);
  lua_gc(main_, LUA_GCSETSTEPMUL, 400);
  const std::string terminated(name);
  Loading loading{terminated, text, functions_};
  int status = lua_cpcall(main_, &OpenAll, nullptr);
  lua_sethook(main_, &OnHook, LUA_MASKCOUNT, kHookSteps);
  if (status == 0) status = Call(&LoadText, &loading, limits, nullptr);
  if (status == 0) return true;
  // Nothing is converted here, where no error would be caught.
  error = lua_type(main_, -1) == LUA_TSTRING ? lua_tostring(main_, -1) : "an error that is no text";
  return false;
}

RunPtr State::Begin(Function function, const Limits& limits, Stream& stream) {
  return RunPtr(new ScriptRun(*this, function, limits, stream));
}

// --- limits

void* State::Allocate(void* self, void* block, size_t old_size, size_t new_size) {
  auto& state = *static_cast<State*>(self);
  if (new_size == 0) {
    std::free(block);
    state.used_ -= old_size;
    return nullptr;
  }
  if (new_size > old_size) {
    const uint64_t more = new_size - old_size;
    if (state.used_ + more > state.memory_limit_ || more > state.to_allocate_) {
      state.lacked_memory_ = true;
      return nullptr;
    }
    state.to_allocate_ -= more;
  }
  void* const moved = std::realloc(block, new_size);
  if (moved != nullptr) state.used_ += new_size - old_size;
  return moved;
}

void State::RaiseLimit(lua_State* lua, const char* what) {
  limited_ = true;
  lua_sethook(main_, &OnHook, LUA_MASKCOUNT, 1);
  // The hook is no function of its own.
  luaL_where(lua, 0);
  if (lua_objlen(lua, -1) == 0) luaL_where(lua, 1);
  lua_pushfstring(lua, "%sthe script is over its limit of %s", lua_tostring(lua, -1), what);
  lua_error(lua);
}

bool State::OutOfTime() {
  const int64_t wall = Nanoseconds(CLOCK_MONOTONIC);
  if (wall_begin_ == 0) {
    wall_begin_ = wall;
    processor_begin_ = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  }
  // The other clock is a system call.
  return wall - wall_begin_ > kMaxTime &&
         Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - processor_begin_ > kMaxTime;
}

void State::OnHook(lua_State* lua, lua_Debug*) { Of(lua).Charge(lua, kHookSteps); }

void State::Charge(lua_State* lua, uint64_t steps) {
  const char here = 0;
  if (stack_begin_ - reinterpret_cast<uintptr_t>(&here) > kMaxStack) {
    luaL_error(lua, "C stack overflow");
  }
  if (limited_ || steps > steps_left_) return RaiseLimit(lua, "steps");
  steps_left_ -= steps;
  if (OutOfTime()) RaiseLimit(lua, "time");
}

int State::Call(lua_CFunction function, void* argument, const Limits& limits, ScriptRun* run) {
  if (lacked_memory_) lua_cpcall(main_, &CollectGarbage, nullptr);
  const char here = 0;
  stack_begin_ = reinterpret_cast<uintptr_t>(&here);
  memory_limit_ = limits.memory + kRoom;
  to_allocate_ = limits.memory * kAllocatedFactor;
  steps_left_ = limits.steps;
  wall_begin_ = 0;
  limited_ = lacked_memory_ = false;
  running_ = run;
  const int status = lua_cpcall(main_, function, argument);
  running_ = nullptr;
  if (limited_) lua_sethook(main_, &OnHook, LUA_MASKCOUNT, kHookSteps);
  // What is left to do between two runs must not fail: nobody would catch it.
  to_allocate_ = memory_limit_ = UINT64_MAX;
  limited_ = limited_ || lacked_memory_;
  return status;
}

// --- coroutines

lua_State* State::TakeCoroutine(int& reference) {
  if (!kept_.empty()) {
    const Coroutine coroutine = kept_.back();
    kept_.pop_back();
    reference = coroutine.reference;
    return coroutine.lua;
  }
  lua_State* const coroutine = lua_newthread(main_);
  reference = luaL_ref(main_, LUA_REGISTRYINDEX);
  return coroutine;
}

void State::GiveBack(lua_State* coroutine, int reference, bool used_up) {
  if (used_up || kept_.size() == kKeptCoroutines) {
    luaL_unref(main_, LUA_REGISTRYINDEX, reference);
    return;
  }
  lua_settop(coroutine, 0);
  kept_.push_back({coroutine, reference});
}

}  // namespace remora::lua
