// The stream handle: what envoy_on_request and envoy_on_response are called with.

#include "source/lua/objects.h"

namespace remora::lua {
namespace {

Self CheckHandle(lua_State* lua) { return Check(lua, 1, Kind::kHandle); }

// Of functions that wait or end the run: only where the run can be left.
Self CheckYieldable(lua_State* lua, const char* name) {
  const Self self = CheckHandle(lua);
  if (lua != self.run.coroutine() || lua_isyieldable(lua) == 0) {
    luaL_error(lua, "%s() cannot be called in a coroutine or callback of the script's own", name);
  }
  return self;
}

int Yield(lua_State* lua, ScriptRun& run, Wait wait) {
  run.WaitFor(wait);
  return lua_yield(lua, 0);
}

// --- the message

int Headers(lua_State* lua) {
  PushObject(lua, CheckHandle(lua).run, Kind::kFields);
  return 1;
}

int RequestHeaders(lua_State* lua) {
  const Self self = CheckHandle(lua);
  if (self.run.function() == Function::kOnRequest) return Headers(lua);
  PushObject(lua, self.run, Kind::kFields).fields = Fields::kRequestHeaders;
  return 1;
}

int Body(lua_State* lua) {
  const Self self = CheckYieldable(lua, "body");
  ScriptRun& run = self.run;
  if (run.has_whole_body()) {
    PushBody(lua, run);
    return 1;
  }
  if (run.ended()) {
    if (run.head_passed() && run.saw_body()) {
      luaL_error(lua, "cannot call body() after body has been streamed");
    }
    if (self.stream().BodySize() == 0 && lua_toboolean(lua, 2) == 0) return 0;
    run.TakeWholeBody();
    PushBody(lua, run);
    return 1;
  }
  if (run.head_passed()) {
    luaL_error(lua, "cannot call body() after body streaming has started");
  }
  return Yield(lua, run, Wait::kBody);
}

int NextChunk(lua_State* lua) {
  const Self self = Check(lua, lua_upvalueindex(1), Kind::kHandle);
  if (self.run.ended()) return 0;
  if (lua != self.run.coroutine() || lua_isyieldable(lua) == 0) {
    luaL_error(lua, "bodyChunks() cannot go on in a coroutine or callback of the script's own");
  }
  return Yield(lua, self.run, Wait::kChunk);
}

int BodyChunks(lua_State* lua) {
  if (CheckHandle(lua).run.saw_body()) {
    luaL_error(lua, "cannot call bodyChunks after body processing has begun");
  }
  lua_pushvalue(lua, 1);
  lua_pushcclosure(lua, &NextChunk, 1);
  return 1;
}

int Trailers(lua_State* lua) {
  const Self self = CheckYieldable(lua, "trailers");
  if (!self.run.ended()) return Yield(lua, self.run, Wait::kTrailers);
  if (!self.run.has_trailers()) return 0;
  PushTrailers(lua, self.run);
  return 1;
}

// --- answers and calls

// The table at `index` as fields of the message in the making.
void AddFields(lua_State* lua, int index, Stream& stream) {
  stream.BeginMessage();
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    const int value = lua_gettop(lua);
    // A number becomes a text where it stands, which lua_next must not see.
    lua_pushvalue(lua, -2);
    const std::string_view name = PushLower(lua, CheckText(lua, -1));
    if (lua_istable(lua, value)) {
      lua_pushnil(lua);
      while (lua_next(lua, value) != 0) {
        State::Of(lua).Charge(lua, 1);
        stream.AddField(name, CheckText(lua, -1));
        lua_pop(lua, 1);
      }
    } else {
      State::Of(lua).Charge(lua, 1);
      stream.AddField(name, CheckText(lua, value));
    }
    lua_settop(lua, value - 1);
  }
}

int Respond(lua_State* lua) {
  const Self self = CheckYieldable(lua, "respond");
  if (self.run.function() == Function::kOnResponse) {
    luaL_error(lua, "respond not currently supported in the response path");
  }
  if (self.run.head_passed()) {
    luaL_error(lua, "respond() cannot be called if headers have been continued");
  }
  luaL_checktype(lua, 2, LUA_TTABLE);
  size_t size = 0;
  const char* const body = luaL_optlstring(lua, 3, "", &size);
  AddFields(lua, 2, self.stream());
  RaiseIf(lua, self.stream().Respond({body, size}));
  return Yield(lua, self.run, Wait::kAnswered);
}

void CheckTimeout(lua_State* lua, int index, CallSetup& setup) {
  setup.timeout = luaL_checkinteger(lua, index);
  if (setup.timeout < 0) luaL_error(lua, "http call timeout must be >= 0");
  if (setup.timeout > INT32_MAX) luaL_error(lua, "http call timeout is too long");
}

// The fifth argument of httpCall as a table. True: answers keep duplicates.
bool ReadOptions(lua_State* lua, CallSetup& setup) {
  bool keep_duplicates = false;
  lua_pushnil(lua);
  while (lua_next(lua, 5) != 0) {
    if (lua_type(lua, -2) != LUA_TSTRING) luaL_error(lua, "httpCall() options need names");
    const std::string_view name = CheckText(lua, -2);
    if (name == "timeout_ms") {
      CheckTimeout(lua, lua_gettop(lua), setup);
    } else if (name == "asynchronous") {
      setup.wants_answer = lua_toboolean(lua, -1) == 0;
    } else if (name == "return_duplicate_headers") {
      keep_duplicates = lua_toboolean(lua, -1) != 0;
    } else if (name == "send_xff" || name == "trace_sampled") {
      luaL_error(lua, "httpCall() option %s is not available in Remora", name.data());
    } else {
      luaL_error(lua, "\"%s\" is not valid key for httpCall() options", name.data());
    }
    lua_pop(lua, 1);
  }
  return keep_duplicates;
}

int HttpCall(lua_State* lua) {
  const Self self = CheckYieldable(lua, "httpCall");
  CallSetup setup;
  setup.cluster = CheckText(lua, 2);
  luaL_checktype(lua, 3, LUA_TTABLE);
  size_t size = 0;
  const char* const body = luaL_optlstring(lua, 4, nullptr, &size);
  bool keep_duplicates = false;
  if (lua_istable(lua, 5)) {
    keep_duplicates = ReadOptions(lua, setup);
  } else {
    CheckTimeout(lua, 5, setup);
  }
  if (!lua_isnoneornil(lua, 6)) {
    if (!lua_isboolean(lua, 6)) {
      luaL_error(lua, "http call asynchronous flag must be 'true', 'false', or empty");
    }
    setup.wants_answer = lua_toboolean(lua, 6) == 0;
  }
  setup.has_body = body != nullptr;
  if (setup.has_body) setup.body = {body, size};
  AddFields(lua, 3, self.stream());
  RaiseIf(lua, self.stream().Call(setup));
  if (!setup.wants_answer) return 0;
  self.run.KeepDuplicates(keep_duplicates);
  return Yield(lua, self.run, Wait::kCall);
}

// --- what there is to know

// Upvalues: the kind of the handle to push, what its metadata are.
int Give(lua_State* lua) {
  Object& object = PushObject(lua, CheckHandle(lua).run,
                              static_cast<Kind>(lua_tointeger(lua, lua_upvalueindex(1))));
  object.tree = static_cast<Ask>(lua_tointeger(lua, lua_upvalueindex(2)));
  return 1;
}

struct Given {
  const char* name;
  Kind kind;
  Ask tree;
};
constexpr Given kGiven[] = {
    {"metadata", Kind::kTree, Ask::kMetadata},
    {"filterContext", Kind::kTree, Ask::kFilterContext},
    {"route", Kind::kOwner, Ask::kRouteMetadata},
    {"virtualHost", Kind::kOwner, Ask::kVirtualHostMetadata},
    {"streamInfo", Kind::kStreamInfo, Ask::kMetadata},
    {"connection", Kind::kConnection, Ask::kMetadata},
};

int ClearRouteCache(lua_State* lua) {
  CheckHandle(lua).stream().ClearRouteCache();
  return 0;
}

int SetUpstreamOverrideHost(lua_State* lua) {
  const Self self = CheckHandle(lua);
  const std::string_view host = CheckText(lua, 2);
  bool strict = false;
  if (!lua_isnoneornil(lua, 3)) {
    luaL_checktype(lua, 3, LUA_TBOOLEAN);
    strict = lua_toboolean(lua, 3) != 0;
  }
  if (self.run.head_passed()) {
    luaL_error(lua, "setUpstreamOverrideHost() comes too late: the request has gone on");
  }
  RaiseIf(lua, self.stream().SetOverrideHost(host, strict));
  return 0;
}

// --- tools

// Upvalue: the level.
int Log(lua_State* lua) {
  const auto level = static_cast<LogLevel>(lua_tointeger(lua, lua_upvalueindex(1)));
  const Self self = CheckHandle(lua);
  const std::string_view text = CheckText(lua, 2);
  State::Of(lua).Charge(lua, text.size() / 16);
  self.stream().Log(level, text);
  return 0;
}

constexpr const char* kLogs[] = {"logTrace", "logDebug", "logInfo",
                                 "logWarn",  "logErr",   "logCritical"};

// EnvoyTimestampResolution.
enum Resolution : lua_Integer { kMilliseconds = 0, kMicroseconds = 1 };

int Timestamp(lua_State* lua) {
  const Self self = CheckHandle(lua);
  if (lua_gettop(lua) > 1 &&
      (lua_type(lua, 2) != LUA_TNUMBER || lua_tointeger(lua, 2) != kMilliseconds)) {
    luaL_error(lua, "timestamp format must be MILLISECOND.");
  }
  const auto milliseconds = self.stream().WallTime() / 1'000'000;
  lua_pushnumber(lua, static_cast<lua_Number>(milliseconds));
  return 1;
}

int TimestampString(lua_State* lua) {
  const Self self = CheckHandle(lua);
  int64_t time = self.stream().WallTime() / 1'000;
  const lua_Integer resolution = lua_gettop(lua) > 1 ? lua_tointeger(lua, 2) : kMilliseconds;
  if ((lua_gettop(lua) > 1 && lua_type(lua, 2) != LUA_TNUMBER) ||
      (resolution != kMilliseconds && resolution != kMicroseconds)) {
    luaL_error(lua, "timestamp format must be MILLISECOND or MICROSECOND.");
  }
  if (resolution == kMilliseconds) time /= 1'000;
  char digits[24];
  char* at = digits + sizeof(digits);
  do {
    *--at = static_cast<char>('0' + time % 10);
    time /= 10;
  } while (time > 0);
  lua_pushlstring(lua, at, static_cast<size_t>(digits + sizeof(digits) - at));
  return 1;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int Base64Escape(lua_State* lua) {
  CheckHandle(lua);
  const std::string_view text = CheckText(lua, 2);
  State::Of(lua).Charge(lua, text.size() / 16);
  const size_t size = (text.size() + 2) / 3 * 4;
  auto* const out = static_cast<char*>(lua_newuserdata(lua, size + sizeof(Object) + 1));
  size_t at = 0;
  for (size_t i = 0; i < text.size(); i += 3) {
    const auto byte = [&](size_t place) -> uint32_t {
      return place < text.size() ? static_cast<uint8_t>(text[place]) : 0U;
    };
    const uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out[at++] = kBase64[bits >> shift & 63];
  }
  for (size_t i = 0; i < (3 - text.size() % 3) % 3; ++i) out[size - 1 - i] = '=';
  lua_pushlstring(lua, out, size);
  return 1;
}

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Nothing when it is no base64. As in Envoy the padding may be missing.
int Base64Decode(lua_State* lua) {
  CheckHandle(lua);
  std::string_view text = CheckText(lua, 2);
  State::Of(lua).Charge(lua, text.size() / 16);
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return 0;
  auto* const out = static_cast<char*>(lua_newuserdata(lua, text.size() + sizeof(Object) + 1));
  size_t at = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int digit = Base64Digit(text[i]);
    if (digit < 0) return 0;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    const int have = static_cast<int>(i % 4) * 6 - 2;
    if (have > 0) out[at++] = static_cast<char>(bits >> (6 - i % 4 * 2));
  }
  lua_pushlstring(lua, out, at);
  return 1;
}

// The key is a text in a table of its own type: the signature's check reads it.
int ImportPublicKey(lua_State* lua) {
  const Self self = CheckHandle(lua);
  const std::string_view bytes = CheckText(lua, 2);
  const lua_Integer size = luaL_checkinteger(lua, 3);
  if (size < 0 || static_cast<size_t>(size) > bytes.size()) {
    luaL_error(lua, "the key is shorter than its length");
  }
  PushObject(lua, self.run, Kind::kKey);
  lua_createtable(lua, 0, 1);
  lua_pushlstring(lua, bytes.data(), static_cast<size_t>(size));
  lua_setfield(lua, -2, "der");
  lua_setfenv(lua, -2);
  return 1;
}

// The first `size` bytes, as the argument behind it says.
std::string_view CheckSized(lua_State* lua, int index) {
  const std::string_view bytes = CheckText(lua, index);
  const lua_Integer size = luaL_checkinteger(lua, index + 1);
  if (size < 0 || static_cast<size_t>(size) > bytes.size()) {
    luaL_argerror(lua, index + 1, "longer than the text");
  }
  return bytes.substr(0, static_cast<size_t>(size));
}

// A signature costs as much as that many steps.
constexpr uint64_t kSignatureSteps = 10'000;

int VerifySignature(lua_State* lua) {
  const Self self = CheckHandle(lua);
  const std::string_view hash = PushLower(lua, CheckText(lua, 2));
  Check(lua, 3, Kind::kKey);
  const std::string_view signature = CheckSized(lua, 4);
  const std::string_view text = CheckSized(lua, 6);
  State::Of(lua).Charge(lua, kSignatureSteps + text.size() / 16);
  lua_getfenv(lua, 3);
  lua_getfield(lua, -1, "der");
  const std::string_view why =
      self.stream().VerifySignature(hash, CheckText(lua, -1), signature, text);
  lua_pushboolean(lua, why.empty() ? 1 : 0);
  PushText(lua, why);
  return 2;
}

constexpr luaL_Reg kMethods[] = {
    {"headers", &Headers},
    {"requestHeaders", &RequestHeaders},
    {"body", &Body},
    {"bodyChunks", &BodyChunks},
    {"trailers", &Trailers},
    {"respond", &Respond},
    {"httpCall", &HttpCall},
    {"clearRouteCache", &ClearRouteCache},
    {"setUpstreamOverrideHost", &SetUpstreamOverrideHost},
    {"timestamp", &Timestamp},
    {"timestampString", &TimestampString},
    {"base64Escape", &Base64Escape},
    {"base64Decode", &Base64Decode},
    {"importPublicKey", &ImportPublicKey},
    {"verifySignature", &VerifySignature},
    {nullptr, nullptr},
};
constexpr const char* kNoMethods[] = {"connectionStreamInfo", "stats", nullptr};

}  // namespace

void OpenBindings(lua_State* lua) {
  AddFirstTypes(lua);
  AddFieldTypes(lua);
  AddFactTypes(lua);
  AddType(lua, Kind::kHandle, kMethods);
  AddNotAvailable(lua, kNoMethods, "");
  for (const auto& [name, kind, tree] : kGiven) {
    lua_pushinteger(lua, static_cast<int>(kind));
    lua_pushinteger(lua, static_cast<int>(tree));
    lua_pushcclosure(lua, &Give, 2);
    lua_setfield(lua, -2, name);
  }
  int level = 0;
  for (const char* name : kLogs) {
    lua_pushinteger(lua, level++);
    lua_pushcclosure(lua, &Log, 1);
    lua_setfield(lua, -2, name);
  }
  lua_newtable(lua);
  lua_pushinteger(lua, kMilliseconds);
  lua_setfield(lua, -2, "MILLISECOND");
  lua_pushinteger(lua, kMicroseconds);
  lua_setfield(lua, -2, "MICROSECOND");
  lua_setglobal(lua, "EnvoyTimestampResolution");
  lua_settop(lua, 0);
}

void PushHandle(lua_State* lua, const ScriptRun& run) { PushObject(lua, run, Kind::kHandle); }

}  // namespace remora::lua
