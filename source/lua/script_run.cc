#include "source/lua/script_run.h"

namespace remora::lua {

ScriptRun::~ScriptRun() { Drop(/*used_up=*/true); }

void ScriptRun::End() { std::unique_ptr<ScriptRun>(this).reset(); }

void ScriptRun::Drop(bool used_up) {
  over_ = true;
  if (coroutine_ == nullptr) return;
  state_.GiveBack(coroutine_, reference_, used_up);
  coroutine_ = nullptr;
}

// --- events

Wait ScriptRun::OnHead(bool has_body) {
  ended_ = !has_body;
  return Step(Push::kHandle);
}

Wait ScriptRun::OnData() {
  saw_body_ = true;
  return wait_ == Wait::kChunk ? Step(Push::kChunk) : wait_;
}

Wait ScriptRun::OnEnd(bool has_trailers) {
  ended_ = true;
  has_trailers_ = has_trailers;
  if (wait_ == Wait::kChunk) {
    // As with Envoy and HTTP/1: where no trailers come the end is a piece without bytes.
    Step(has_trailers ? Push::kNothing : Push::kChunk);
  } else if (wait_ == Wait::kBody) {
    Step(Push::kBody);
  }
  if (wait_ == Wait::kTrailers) Step(has_trailers ? Push::kTrailers : Push::kNothing);
  return wait_;
}

Wait ScriptRun::OnCall(const CallAnswer& answer) {
  if (wait_ != Wait::kCall) return wait_;
  answer_ = &answer;
  Step(Push::kAnswer);
  answer_ = nullptr;
  return wait_;
}

// --- the coroutine

Wait ScriptRun::Step(Push push) {
  if (over_) return wait_;
  push_ = push;
  wait_ = Wait::kNothing;
  resumed_ = 0;
  if (push == Push::kChunk) ++chunk_;
  for (bool& on : iterating_) on = false;
  const int status = state_.Call(&Resume, this, limits_, this);
  if (status != 0) {
    // Before the script ran: there was no memory for what it is given.
    lua_State* const main = state_.main();
    Fail(lua_type(main, -1) == LUA_TSTRING ? lua_tostring(main, -1) : "");
    lua_settop(state_.main(), 0);
  } else if (resumed_ == LUA_YIELD) {
    lua_settop(coroutine_, 0);
    if (wait_ == Wait::kNothing) Fail("script performed an unexpected yield");
  } else if (resumed_ != 0) {
    size_t size = 0;
    const char* const why =
        lua_type(coroutine_, -1) == LUA_TSTRING ? lua_tolstring(coroutine_, -1, &size) : nullptr;
    Fail(why != nullptr ? std::string_view(why, size) : "unspecified lua error");
  } else {
    wait_ = Wait::kNothing;
    Drop(/*used_up=*/false);
  }
  if (wait_ != Wait::kBody && wait_ != Wait::kCall && wait_ != Wait::kAnswered) {
    head_passed_ = true;
  }
  return wait_;
}

void ScriptRun::Fail(std::string_view why) {
  wait_ = Wait::kNothing;
  over_ = true;
  stream_.Failed(why, state_.limited());
  Drop(/*used_up=*/true);
}

int ScriptRun::Resume(lua_State* lua) {
  auto& run = *static_cast<ScriptRun*>(lua_touserdata(lua, 1));
  if (run.coroutine_ == nullptr) {
    run.serial_ = run.state_.NextSerial();
    run.coroutine_ = run.state_.TakeCoroutine(run.reference_);
  }
  // On this stack, where errors are caught, and over to the coroutine's, which has room for two.
  const int before = lua_gettop(lua);
  const int count = run.PushArguments();
  lua_xmove(lua, run.coroutine_, lua_gettop(lua) - before);
  run.state_.EndRoom();
  run.resumed_ = lua_resume(run.coroutine_, count);
  return 0;
}

int ScriptRun::PushArguments() {
  lua_State* const lua = state_.main();
  switch (push_) {
    case Push::kHandle:
      lua_rawgeti(lua, LUA_REGISTRYINDEX, state_.Reference(function_));
      PushHandle(lua, *this);
      return 1;
    case Push::kNothing:
      return 0;
    case Push::kBody:
      TakeWholeBody();
      [[fallthrough]];
    case Push::kChunk:
      PushBody(lua, *this);
      return 1;
    case Push::kTrailers:
      PushTrailers(lua, *this);
      return 1;
    case Push::kAnswer:
      PushAnswer();
      return 2;
  }
  return 0;
}

void ScriptRun::PushAnswer() {
  lua_State* const lua = state_.main();
  lua_newtable(lua);
  for (size_t i = 0; i < answer_->field_count; ++i) {
    const auto& [name, value] = answer_->fields[i];
    lua_pushlstring(lua, name.data(), name.size());
    lua_pushvalue(lua, -1);
    lua_rawget(lua, -3);
    const int had = lua_type(lua, -1);
    if (had == LUA_TNIL || !keep_duplicates_) {
      lua_pop(lua, 1);
      lua_pushlstring(lua, value.data(), value.size());
      lua_rawset(lua, -3);
      continue;
    }
    if (had != LUA_TTABLE) {
      // name, first -> name, { first }
      lua_createtable(lua, 2, 0);
      lua_insert(lua, -2);
      lua_rawseti(lua, -2, 1);
    }
    lua_pushlstring(lua, value.data(), value.size());
    lua_rawseti(lua, -2, static_cast<int>(lua_objlen(lua, -2)) + 1);
    lua_rawset(lua, -3);
  }
  if (answer_->body.empty()) {
    lua_pushnil(lua);
  } else {
    lua_pushlstring(lua, answer_->body.data(), answer_->body.size());
  }
}

}  // namespace remora::lua
