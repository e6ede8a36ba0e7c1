// What scripts find of Lua's own libraries. Left out is what reaches outside of the script: files,
// processes, other code, the machine. It is still there to be named, and raises an error.

#include "source/lua/objects.h"

namespace remora::lua {
namespace {

// What is under `name` in the table on top is not there for scripts.
void Refuse(lua_State* lua, const char* name, const char* shown) {
  lua_pushstring(lua, shown);
  lua_pushcclosure(lua, &NotAvailable, 1);
  lua_setfield(lua, -2, name);
}

// A library of which nothing is there: naming any function of it raises. Upvalue: its name.
int NameRefused(lua_State* lua) {
  const char* const name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
  return luaL_error(lua, "%s.%s is not available in Remora", lua_tostring(lua, lua_upvalueindex(1)),
                    name);
}

// Makes all names that the table on top does not have raise.
void RefuseOthers(lua_State* lua, const char* library) {
  lua_createtable(lua, 0, 2);
  lua_pushstring(lua, library);
  lua_pushcclosure(lua, &NameRefused, 1);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
}

// What a function costs whose time grows with what it is given: a step for so many bytes of text,
// and one for each element of a table (sorting: so many).
constexpr uint64_t kBytesOfStep = 16;
constexpr uint64_t kStepsOfElement = 4;

// Upvalue: the function. Charges for the arguments first.
int Charged(lua_State* lua) {
  uint64_t steps = 0;
  const int count = lua_gettop(lua);
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TSTRING) steps += lua_objlen(lua, i) / kBytesOfStep;
    if (type == LUA_TTABLE) steps += lua_objlen(lua, i) * kStepsOfElement;
  }
  State::Of(lua).Charge(lua, steps);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, count, LUA_MULTRET);
  return lua_gettop(lua);
}

// The function under `name` in the table on top.
void Charge(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, &Charged, 1);
  lua_setfield(lua, -2, name);
}

// As Lua 5.2: Debian's LuaJIT goes by 5.1, Envoy's has __pairs. Upvalue: next().
int Pairs(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (luaL_getmetafield(lua, 1, "__pairs") != 0) {
    lua_pushvalue(lua, 1);
    lua_call(lua, 1, 3);
    return 3;
  }
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

// load() and loadstring(): text only, because byte code is not checked.
int Load(lua_State* lua) {
  const std::string_view text = CheckText(lua, 1);
  const char* const name = luaL_optstring(lua, 2, "=load");
  State::Of(lua).Charge(lua, text.size());
  if (luaL_loadbufferx(lua, text.data(), text.size(), name, "t") == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int CountGarbage(lua_State* lua) {
  if (std::string_view(luaL_optstring(lua, 1, "collect")) != "count") {
    luaL_error(lua, "collectgarbage() is not available in Remora but for \"count\"");
  }
  lua_pushnumber(lua, lua_gc(lua, LUA_GCCOUNT, 0));
  return 1;
}

// Calls that catch errors cost something: where the stack is nearly full the hook cannot run, and
// raises its overflow instead, which loops of such calls would catch for ever. xpcall()'s handler
// runs behind the error, where the hook does. And nested coroutines are on the one stack of C.
constexpr char kProtectedCalls[] = R"(
local charge, pcall, coroutine, error = ...
local create, resume = coroutine.create, coroutine.resume
local function finish(handler, ok, ...)
  if ok then return ok, ... end
  local _, value = pcall(handler, (...))
  return false, value
end
function _G.pcall(...)
  charge()
  return pcall(...)
end
function xpcall(f, handler, ...)
  charge()
  return finish(handler, pcall(f, ...))
end
function coroutine.resume(...)
  charge()
  return resume(...)
end
local function pass(ok, ...)
  if not ok then error((...), 0) end
  return ...
end
function coroutine.wrap(f)
  local co = create(f)
  return function(...)
    charge()
    return pass(resume(co, ...))
  end
end
)";

// Without a function texts would be compared in C, as long as they are, where no hook is called.
constexpr char kSort[] = R"(
local sort = table.sort
local function less(a, b) return a < b end
function table.sort(list, f) return sort(list, f or less) end
)";

int ChargeProtectedCall(lua_State* lua) {
  constexpr uint64_t kSteps = 10;
  State::Of(lua).Charge(lua, kSteps);
  return 0;
}

void OpenLibrary(lua_State* lua, const char* name, lua_CFunction open) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

void OpenGlobals(lua_State* lua) {
  OpenLibrary(lua, "", &luaopen_base);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  for (const char* name : {"dofile", "loadfile", "newproxy", "gcinfo", "print"}) {
    Refuse(lua, name, name);
  }
  Refuse(lua, "require", "require");
  Refuse(lua, "module", "module");
  Charge(lua, "tonumber");
  Charge(lua, "unpack");
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, &Pairs, 1);
  lua_setfield(lua, -2, "pairs");
  lua_pushcfunction(lua, &Load);
  lua_setfield(lua, -2, "loadstring");
  lua_pushcfunction(lua, &Load);
  lua_setfield(lua, -2, "load");
  lua_pushcfunction(lua, &CountGarbage);
  lua_setfield(lua, -2, "collectgarbage");
  luaL_loadbuffer(lua, kProtectedCalls, sizeof(kProtectedCalls) - 1, "=pcall");
  lua_pushcfunction(lua, &ChargeProtectedCall);
  lua_getfield(lua, -3, "pcall");
  lua_getfield(lua, -4, "coroutine");
  lua_getfield(lua, -5, "error");
  lua_call(lua, 4, 0);
  lua_pop(lua, 1);
}

}  // namespace

void OpenLibraries(lua_State* lua) {
  OpenGlobals(lua);
  OpenLibrary(lua, LUA_MATHLIBNAME, &luaopen_math);
  OpenLibrary(lua, LUA_BITLIBNAME, &luaopen_bit);
  OpenLibrary(lua, LUA_STRLIBNAME, &luaopen_string);
  lua_getglobal(lua, LUA_STRLIBNAME);
  for (const char* name : {"byte", "format", "lower", "rep", "reverse", "upper"}) Charge(lua, name);
  Refuse(lua, "dump", "string.dump");
  OpenPatterns(lua);
  OpenLibrary(lua, LUA_TABLIBNAME, &luaopen_table);
  lua_getglobal(lua, LUA_TABLIBNAME);
  for (const char* name : {"concat", "foreach", "foreachi", "insert", "maxn", "remove", "sort"}) {
    Charge(lua, name);
  }
  luaL_loadbuffer(lua, kSort, sizeof(kSort) - 1, "=sort");
  lua_call(lua, 0, 0);
  // Of os what only looks, at the clock and at the environment.
  OpenLibrary(lua, LUA_OSLIBNAME, &luaopen_os);
  lua_getglobal(lua, LUA_OSLIBNAME);
  lua_newtable(lua);
  for (const char* name : {"clock", "date", "difftime", "getenv", "time"}) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
  RefuseOthers(lua, LUA_OSLIBNAME);
  lua_setglobal(lua, LUA_OSLIBNAME);
  for (const char* name : {LUA_IOLIBNAME, LUA_DBLIBNAME, LUA_JITLIBNAME, LUA_LOADLIBNAME, "ffi"}) {
    lua_newtable(lua);
    RefuseOthers(lua, name);
    lua_setglobal(lua, name);
  }
  lua_settop(lua, 0);
}

}  // namespace remora::lua
