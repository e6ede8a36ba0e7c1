#include "source/lua/objects.h"

#include <cstring>

namespace remora::lua {
namespace {

// Below this address in the registry: the metatables, by kind.
int types_key;

}  // namespace

// --- handles

Self Check(lua_State* lua, int index, Kind kind) {
  const auto* const object = static_cast<const Object*>(lua_touserdata(lua, index));
  if (object == nullptr || lua_type(lua, index) != LUA_TUSERDATA ||
      lua_objlen(lua, index) != sizeof(Object) || object->kind != kind) {
    luaL_argerror(lua, index, "a handle of another type is expected");
  }
  ScriptRun* const run = State::Of(lua).running();
  if (run == nullptr || run->serial() != object->serial) {
    luaL_error(lua, "object used outside of proper scope");
  }
  return {*run, *object};
}

Object& PushObject(lua_State* lua, const ScriptRun& run, Kind kind) {
  auto& object = *static_cast<Object*>(lua_newuserdata(lua, sizeof(Object)));
  object = {run.serial(), 0, kind, Fields::kHeaders, Ask::kMetadata};
  lua_pushlightuserdata(lua, &types_key);
  lua_rawget(lua, LUA_REGISTRYINDEX);
  lua_rawgeti(lua, -1, static_cast<int>(kind) + 1);
  lua_setmetatable(lua, -3);
  lua_pop(lua, 1);
  return object;
}

void AddFirstTypes(lua_State* lua) {
  lua_pushlightuserdata(lua, &types_key);
  lua_createtable(lua, static_cast<int>(Kind::kCount), 0);
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

void AddType(lua_State* lua, Kind kind, const luaL_Reg* methods) {
  lua_pushlightuserdata(lua, &types_key);
  lua_rawget(lua, LUA_REGISTRYINDEX);
  // Scripts get at the methods, and so not at the metatable: a __gc there would run without limits.
  lua_newtable(lua);
  lua_newtable(lua);
  luaL_register(lua, nullptr, methods);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "__index");
  lua_getfield(lua, -1, "__pairs");
  lua_setfield(lua, -3, "__pairs");
  lua_pushnil(lua);
  lua_setfield(lua, -2, "__pairs");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -3, "__metatable");
  lua_insert(lua, -3);  // methods, types, metatable
  lua_rawseti(lua, -2, static_cast<int>(kind) + 1);
  lua_pop(lua, 1);
}

int NotAvailable(lua_State* lua) {
  return luaL_error(lua, "%s is not available in Remora", lua_tostring(lua, lua_upvalueindex(1)));
}

void AddNotAvailable(lua_State* lua, const char* const* names, const char* prefix) {
  for (; *names != nullptr; ++names) {
    lua_pushfstring(lua, "%s%s()", prefix, *names);
    lua_pushcclosure(lua, &NotAvailable, 1);
    lua_setfield(lua, -2, *names);
  }
}

// --- arguments and results

std::string_view CheckText(lua_State* lua, int index) {
  size_t size = 0;
  const char* const text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

void PushText(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

void RaiseIf(lua_State* lua, const char* why) {
  if (why != nullptr) luaL_error(lua, "%s", why);
}

namespace {

// One value and what is in it; gives back what is behind.
const Item* PushItem(lua_State* lua, const Item* item, const Item* end) {
  luaL_checkstack(lua, 4, "a value is nested too deeply");
  switch (item->kind) {
    case Item::Kind::kNull:
      lua_pushnil(lua);
      return item + 1;
    case Item::Kind::kBoolean:
      lua_pushboolean(lua, item->boolean ? 1 : 0);
      return item + 1;
    case Item::Kind::kNumber:
      lua_pushnumber(lua, item->number);
      return item + 1;
    case Item::Kind::kString:
      PushText(lua, item->text);
      return item + 1;
    case Item::Kind::kList:
    case Item::Kind::kStruct:
      break;
  }
  const bool list = item->kind == Item::Kind::kList;
  const uint32_t count = item->count;
  lua_newtable(lua);
  const Item* next = item + 1;
  for (uint32_t i = 0; i < count && next < end; ++i) {
    if (!list) PushText(lua, next->name);
    next = PushItem(lua, next, end);
    if (list) {
      lua_rawseti(lua, -2, static_cast<int>(i) + 1);
    } else {
      lua_rawset(lua, -3);
    }
  }
  return next;
}

}  // namespace

int PushItems(lua_State* lua, Items items) {
  if (items.size == 0) return 0;
  PushItem(lua, items.data, items.data + items.size);
  return 1;
}

std::string_view PushLower(lua_State* lua, std::string_view text) {
  // Most names are literals in lower case.
  size_t upper = 0;
  while (upper < text.size() && (text[upper] < 'A' || text[upper] > 'Z')) ++upper;
  if (upper == text.size()) return text;
  auto* const lower = static_cast<char*>(lua_newuserdata(lua, text.size() + sizeof(Object) + 1));
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    lower[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return {lower, text.size()};
}

}  // namespace remora::lua
