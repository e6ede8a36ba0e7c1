#pragma once

// Objects: the handles that scripts have of their stream, and how bindings read their arguments.
//
// A handle is a userdata of one size, which nothing else in a state has; it says of which run it
// is, and means something only while that run is the one that runs ("object used outside of proper
// scope" otherwise, as in Envoy). All functions here may raise; frames between must be trivial.

#include <cstdint>
#include <string_view>

#include "source/lua/script_run.h"

namespace remora::lua {

enum class Kind : uint8_t {
  kHandle,
  kFields,
  kBody,
  kTree,
  kStreamInfo,
  kDynamicMetadata,
  kConnection,
  kTls,
  kOwner,  // a route or virtual host: what has metadata
  kKey,
  kCount,
};

struct Object {
  uint64_t serial;  // of the run; of a key none
  uint32_t chunk;
  Kind kind;
  Fields fields;
  Ask tree;
};

// What a binding is called on.
struct Self {
  ScriptRun& run;
  const Object& object;
  Stream& stream() const { return run.stream(); }
};

Self Check(lua_State* lua, int index, Kind kind);
Object& PushObject(lua_State* lua, const ScriptRun& run, Kind kind);
// Adds a type: its methods, by name.
void AddType(lua_State* lua, Kind kind, const luaL_Reg* methods);
// A method that is not there: raises an error that names it.
int NotAvailable(lua_State* lua);
void AddNotAvailable(lua_State* lua, const char* const* names, const char* prefix);

std::string_view CheckText(lua_State* lua, int index);
void PushText(lua_State* lua, std::string_view text);
// Of the message, or raises nothing when it is null.
void RaiseIf(lua_State* lua, const char* why);
// Nothing, or one value.
int PushItems(lua_State* lua, Items items);
// Lower-case; on the stack.
std::string_view PushLower(lua_State* lua, std::string_view text);

// The table that the types are in; before the first AddType.
void AddFirstTypes(lua_State* lua);
void AddFieldTypes(lua_State* lua);
void AddFactTypes(lua_State* lua);

}  // namespace remora::lua
