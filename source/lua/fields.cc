// Header fields, trailers and bodies, for scripts.

#include "source/lua/objects.h"

namespace remora::lua {
namespace {

// --- fields

Self CheckChangeable(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kFields);
  if (self.object.fields == Fields::kRequestHeaders) {
    luaL_error(lua, "header map can no longer be modified");
  }
  if (self.run.iterating(self.object.fields)) {
    luaL_error(lua, "header map cannot be modified while iterating");
  }
  if (self.object.fields == Fields::kHeaders && self.run.head_passed()) {
    luaL_error(lua, "header map can no longer be modified");
  }
  return self;
}

int Change(lua_State* lua, Change change) {
  const Self self = CheckChangeable(lua);
  const std::string_view name = PushLower(lua, CheckText(lua, 2));
  const std::string_view value = change == Change::kRemove ? std::string_view() : CheckText(lua, 3);
  RaiseIf(lua, self.stream().ChangeField(self.object.fields, change, name, value));
  return 0;
}

int Add(lua_State* lua) { return Change(lua, Change::kAdd); }
int Replace(lua_State* lua) { return Change(lua, Change::kReplace); }
int Remove(lua_State* lua) { return Change(lua, Change::kRemove); }

// All of that name, joined, as in Envoy.
int Get(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kFields);
  const std::string_view name = PushLower(lua, CheckText(lua, 2));
  uint32_t cursor = 0;
  Field field;
  int count = 0;
  while (self.stream().NextField(self.object.fields, name, cursor, field)) {
    luaL_checkstack(lua, 3, "too many fields");
    if (count > 0) lua_pushlstring(lua, ",", 1);
    PushText(lua, field.value);
    ++count;
  }
  if (count > 1) lua_concat(lua, count * 2 - 1);
  return count > 0 ? 1 : 0;
}

int GetAtIndex(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kFields);
  const std::string_view name = PushLower(lua, CheckText(lua, 2));
  lua_Number index = luaL_checknumber(lua, 3);
  uint32_t cursor = 0;
  Field field;
  while (index >= 0 && self.stream().NextField(self.object.fields, name, cursor, field)) {
    if (index < 1) {
      PushText(lua, field.value);
      return 1;
    }
    --index;
  }
  return 0;
}

int GetNumValues(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kFields);
  const std::string_view name = PushLower(lua, CheckText(lua, 2));
  uint32_t cursor = 0;
  Field field;
  int count = 0;
  while (self.stream().NextField(self.object.fields, name, cursor, field)) ++count;
  lua_pushinteger(lua, count);
  return 1;
}

// Upvalues: the handle, where it is.
int Next(lua_State* lua) {
  const Self self = Check(lua, lua_upvalueindex(1), Kind::kFields);
  auto cursor = static_cast<uint32_t>(lua_tointeger(lua, lua_upvalueindex(2)));
  Field field;
  if (!self.run.iterating(self.object.fields) ||
      !self.stream().NextField(self.object.fields, {}, cursor, field)) {
    self.run.set_iterating(self.object.fields, false);
    return 0;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(cursor));
  lua_replace(lua, lua_upvalueindex(2));
  PushText(lua, field.name);
  PushText(lua, field.value);
  return 2;
}

int Pairs(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kFields);
  if (self.run.iterating(self.object.fields)) {
    luaL_error(lua, "cannot create a second iterator before completing the first");
  }
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, &Next, 2);
  self.run.set_iterating(self.object.fields, true);
  return 1;
}

constexpr luaL_Reg kFieldMethods[] = {
    {"add", &Add},
    {"get", &Get},
    {"getAtIndex", &GetAtIndex},
    {"getNumValues", &GetNumValues},
    {"remove", &Remove},
    {"replace", &Replace},
    {"__pairs", &Pairs},
    {nullptr, nullptr},
};
constexpr const char* kNoFieldMethods[] = {"setHttp1ReasonPhrase", nullptr};

// --- bodies

Self CheckBody(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kBody);
  if (self.object.chunk != self.run.chunk()) {
    luaL_error(lua, "object used outside of proper scope");
  }
  return self;
}

int Length(lua_State* lua) {
  lua_pushnumber(lua, static_cast<lua_Number>(CheckBody(lua).stream().BodySize()));
  return 1;
}

int GetBytes(lua_State* lua) {
  const Self self = CheckBody(lua);
  const lua_Integer from = luaL_checkinteger(lua, 2);
  const lua_Integer size = luaL_checkinteger(lua, 3);
  const auto all = static_cast<lua_Integer>(self.stream().BodySize());
  if (from < 0 || size < 0 || from > all || size > all - from) {
    return luaL_error(lua, "index/length must be >= 0 and (index + length) must be <= buffer size");
  }
  PushText(lua, self.stream().BodyBytes(static_cast<size_t>(from), static_cast<size_t>(size)));
  return 1;
}

int SetBytes(lua_State* lua) {
  const Self self = CheckBody(lua);
  const std::string_view bytes = CheckText(lua, 2);
  RaiseIf(lua, self.stream().SetBody(bytes));
  lua_pushnumber(lua, static_cast<lua_Number>(bytes.size()));
  return 1;
}

constexpr luaL_Reg kBodyMethods[] = {
    {"length", &Length},
    {"getBytes", &GetBytes},
    {"setBytes", &SetBytes},
    {nullptr, nullptr},
};

}  // namespace

void AddFieldTypes(lua_State* lua) {
  AddType(lua, Kind::kFields, kFieldMethods);
  AddNotAvailable(lua, kNoFieldMethods, "headers:");
  lua_pop(lua, 1);
  AddType(lua, Kind::kBody, kBodyMethods);
  lua_pop(lua, 1);
}

void PushBody(lua_State* lua, const ScriptRun& run) {
  PushObject(lua, run, Kind::kBody).chunk = run.chunk();
}

void PushTrailers(lua_State* lua, const ScriptRun& run) {
  PushObject(lua, run, Kind::kFields).fields = Fields::kTrailers;
}

}  // namespace remora::lua
