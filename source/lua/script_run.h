#pragma once

// ScriptRun: one function of a script on one stream, as a coroutine. See script.h#Run.
//
//   event --> Step: resumes the coroutine --> the script runs --> yields in body(), httpCall(), ...
//                                                             '-> ends, or fails
//
// Handles that the script gets say the number of their run: they mean something only while that
// run is the one that is running. Source: Envoy source/extensions/filters/http/lua/lua_filter.cc
// (StreamHandleWrapper).

#include "source/lua/state.h"

namespace remora::lua {

class ScriptRun final : public Run {
 public:
  ScriptRun(State& state, Function function, const Limits& limits, Stream& stream)
      : state_(state), stream_(stream), limits_(limits), function_(function) {}
  ~ScriptRun();
  ScriptRun(const ScriptRun&) = delete;
  ScriptRun& operator=(const ScriptRun&) = delete;

  // Run
  void End() override;
  Wait OnHead(bool has_body) override;
  Wait OnData() override;
  Wait OnEnd(bool has_trailers) override;
  Wait OnCall(const CallAnswer& answer) override;

  // --- for bindings
  Stream& stream() const { return stream_; }
  uint64_t serial() const { return serial_; }
  Function function() const { return function_; }
  lua_State* coroutine() const { return coroutine_; }
  bool ended() const { return ended_; }
  bool has_trailers() const { return has_trailers_; }
  bool saw_body() const { return saw_body_; }
  // The head has gone on: it cannot be changed, nor the request answered.
  bool head_passed() const { return head_passed_; }
  // Of the piece that the script was given last.
  uint32_t chunk() const { return chunk_; }
  bool has_whole_body() const { return has_whole_body_; }
  void TakeWholeBody() { has_whole_body_ = true; }
  bool iterating(Fields of) const { return iterating_[static_cast<int>(of)]; }
  void set_iterating(Fields of, bool on) { iterating_[static_cast<int>(of)] = on; }
  void WaitFor(Wait wait) { wait_ = wait; }
  // The script asked to be answered with duplicates as lists.
  void KeepDuplicates(bool keep) { keep_duplicates_ = keep; }

 private:
  enum class Push : uint8_t { kHandle, kNothing, kChunk, kBody, kTrailers, kAnswer };

  static int Resume(lua_State* lua);
  // May raise. How many values.
  int PushArguments();
  void PushAnswer();
  Wait Step(Push push);
  void Fail(std::string_view why);
  void Drop(bool used_up);

  State& state_;
  Stream& stream_;
  const Limits limits_;
  lua_State* coroutine_ = nullptr;
  const CallAnswer* answer_ = nullptr;
  uint64_t serial_ = 0;
  int reference_ = LUA_NOREF;
  int resumed_ = 0;  // how lua_resume ended
  uint32_t chunk_ = 0;
  const Function function_;
  Push push_ = Push::kNothing;
  Wait wait_ = Wait::kNothing;
  bool over_ = false;
  bool ended_ = false;
  bool has_trailers_ = false;
  bool saw_body_ = false;
  bool has_whole_body_ = false;
  bool head_passed_ = false;
  bool keep_duplicates_ = false;
  bool iterating_[3] = {false, false, false};
};

// --- what is on the stack of a script (handle.cc, fields.cc). They may raise.

void PushHandle(lua_State* lua, const ScriptRun& run);
void PushBody(lua_State* lua, const ScriptRun& run);
void PushTrailers(lua_State* lua, const ScriptRun& run);

}  // namespace remora::lua
