// Lua's patterns, with steps that count: string.find, match, gmatch and gsub. LuaJIT's own cannot
// be stopped, and a pattern with some `.-` in it is tried in more ways than there is time for.
//
// Semantics: Lua 5.1 Reference Manual, section 5.4.1, with the classes and frontiers that LuaJIT
// has. A match recurses at most kMaxDepth deep.

#include <cctype>
#include <cstring>

#include "source/lua/objects.h"

namespace remora::lua {
namespace {

constexpr int kMaxCaptures = 32;
constexpr int kMaxDepth = 200;
// Steps of a match that cost as much as one of Lua; they are charged so many at a time.
constexpr size_t kStepsOfOne = 8;
constexpr size_t kBatch = 128;

struct Capture {
  static constexpr ptrdiff_t kOpen = -1;
  static constexpr ptrdiff_t kPosition = -2;
  const char* at;
  ptrdiff_t size;
};

struct Matcher {
  Matcher(lua_State* state, std::string_view of, std::string_view pattern)
      : lua(state),
        text(of.data()),
        text_end(of.data() + of.size()),
        pattern_end(pattern.data() + pattern.size()) {}

  lua_State* lua;
  const char* text;
  const char* text_end;
  const char* pattern_end;
  size_t steps = 0;  // that are not charged yet
  int depth = 0;
  int level = 0;
  Capture captures[kMaxCaptures];
};

void Step(Matcher& m, size_t cost = 1) {
  m.steps += cost;
  if (m.steps < kBatch) return;
  const size_t due = m.steps / kStepsOfOne;
  m.steps = 0;
  State::Of(m.lua).Charge(m.lua, due);
}

// Of so many bytes that are looked at in a row.
size_t CostOf(ptrdiff_t bytes) {
  constexpr ptrdiff_t kBytesOfStep = 16;
  return static_cast<size_t>(1 + bytes / kBytesOfStep);
}

const char* Match(Matcher& m, const char* s, const char* p);

// --- single characters

// Behind the class that begins at `p`.
const char* ClassEnd(Matcher& m, const char* p) {
  if (*p == '%') {
    if (p + 1 == m.pattern_end) luaL_error(m.lua, "malformed pattern (ends with '%%')");
    return p + 2;
  }
  if (*p != '[') return p + 1;
  const char* const begin = p++;
  if (p < m.pattern_end && *p == '^') ++p;
  do {  // a ']' that comes first is a member
    if (p == m.pattern_end) luaL_error(m.lua, "malformed pattern (missing ']')");
    const bool escapes = *p == '%';
    ++p;
    if (escapes && p < m.pattern_end) ++p;
  } while (p == m.pattern_end || *p != ']');
  // For who looks the character up in the set, too.
  Step(m, 2 * CostOf(p - begin));
  return p + 1;
}

bool InNamedClass(int c, int name) {
  bool in = false;
  switch (std::tolower(name)) {
    case 'a':
      in = std::isalpha(c) != 0;
      break;
    case 'c':
      in = std::iscntrl(c) != 0;
      break;
    case 'd':
      in = std::isdigit(c) != 0;
      break;
    case 'g':
      in = std::isgraph(c) != 0;
      break;
    case 'l':
      in = std::islower(c) != 0;
      break;
    case 'p':
      in = std::ispunct(c) != 0;
      break;
    case 's':
      in = std::isspace(c) != 0;
      break;
    case 'u':
      in = std::isupper(c) != 0;
      break;
    case 'w':
      in = std::isalnum(c) != 0;
      break;
    case 'x':
      in = std::isxdigit(c) != 0;
      break;
    case 'z':
      in = c == 0;
      break;
    default:
      return name == c;
  }
  return std::isupper(name) != 0 ? !in : in;
}

uint8_t Byte(const char* at) { return static_cast<uint8_t>(*at); }

// `p` is at the '[', `last` at the ']'.
bool InSet(int c, const char* p, const char* last) {
  const bool negated = p[1] == '^';
  if (negated) ++p;
  while (++p < last) {
    if (*p == '%') {
      if (InNamedClass(c, Byte(++p))) return !negated;
    } else if (p + 2 < last && p[1] == '-') {
      if (Byte(p) <= c && c <= Byte(p + 2)) return !negated;
      p += 2;
    } else if (Byte(p) == c) {
      return !negated;
    }
  }
  return negated;
}

// Whether the character at `s` is in the class from `p` to `end`.
bool IsOne(const Matcher& m, const char* s, const char* p, const char* end) {
  if (s >= m.text_end) return false;
  switch (*p) {
    case '.':
      return true;
    case '%':
      return InNamedClass(Byte(s), Byte(p + 1));
    case '[':
      return InSet(Byte(s), p, end - 1);
    default:
      return *p == *s;
  }
}

// --- items of a pattern

const char* MatchMost(Matcher& m, const char* s, const char* p, const char* end) {
  ptrdiff_t count = 0;
  while (IsOne(m, s + count, p, end)) {
    Step(m, CostOf(end - p));
    ++count;
  }
  for (; count >= 0; --count) {
    const char* const rest = Match(m, s + count, end + 1);
    if (rest != nullptr) return rest;
  }
  return nullptr;
}

const char* MatchLeast(Matcher& m, const char* s, const char* p, const char* end) {
  for (;;) {
    const char* const rest = Match(m, s, end + 1);
    if (rest != nullptr) return rest;
    Step(m, CostOf(end - p));
    if (!IsOne(m, s, p, end)) return nullptr;
    ++s;
  }
}

const char* BeginCapture(Matcher& m, const char* s, const char* p, ptrdiff_t size) {
  if (m.level == kMaxCaptures) luaL_error(m.lua, "too many captures");
  m.captures[m.level++] = {s, size};
  const char* const rest = Match(m, s, p);
  if (rest == nullptr) --m.level;
  return rest;
}

const char* EndCapture(Matcher& m, const char* s, const char* p) {
  int open = m.level - 1;
  while (open >= 0 && m.captures[open].size != Capture::kOpen) --open;
  if (open < 0) luaL_error(m.lua, "invalid pattern capture");
  m.captures[open].size = s - m.captures[open].at;
  const char* const rest = Match(m, s, p);
  if (rest == nullptr) m.captures[open].size = Capture::kOpen;
  return rest;
}

// What was captured, once more.
const char* MatchCaptured(Matcher& m, const char* s, char digit) {
  const int index = digit - '1';
  if (index < 0 || index >= m.level || m.captures[index].size < 0) {
    luaL_error(m.lua, "invalid capture index");
  }
  const Capture& capture = m.captures[index];
  Step(m, CostOf(capture.size));
  const bool same = m.text_end - s >= capture.size &&
                    std::memcmp(s, capture.at, static_cast<size_t>(capture.size)) == 0;
  return same ? s + capture.size : nullptr;
}

// %bxy; `p` is at the x.
const char* MatchBalanced(Matcher& m, const char* s, const char* p) {
  if (m.pattern_end - p < 2) luaL_error(m.lua, "malformed pattern (missing arguments to '%%b')");
  if (s >= m.text_end || *s != *p) return nullptr;
  int open = 1;
  for (const char* at = s + 1; at < m.text_end; ++at) {
    Step(m);
    if (*at == p[1]) {
      if (--open == 0) return at + 1;
    } else if (*at == *p) {
      ++open;
    }
  }
  return nullptr;
}

// %f[set]; `p` is at the '['.
const char* SkipFrontier(Matcher& m, const char* s, const char* p) {
  if (p >= m.pattern_end || *p != '[') luaL_error(m.lua, "missing '[' after '%%f' in pattern");
  const char* const end = ClassEnd(m, p);
  const int before = s == m.text ? 0 : Byte(s - 1);
  const int here = s == m.text_end ? 0 : Byte(s);
  return !InSet(before, p, end - 1) && InSet(here, p, end - 1) ? end : nullptr;
}

// Where the match of the pattern from `p` at `s` ends; null: there is none.
const char* MatchHere(Matcher& m, const char* s, const char* p) {
  while (p < m.pattern_end) {
    Step(m);
    const char next = p + 1 < m.pattern_end ? p[1] : '\0';
    if (*p == '(') {
      return next == ')' ? BeginCapture(m, s, p + 2, Capture::kPosition)
                         : BeginCapture(m, s, p + 1, Capture::kOpen);
    }
    if (*p == ')') return EndCapture(m, s, p + 1);
    if (*p == '$' && p + 1 == m.pattern_end) return s == m.text_end ? s : nullptr;
    if (*p == '%' && (next == 'b' || std::isdigit(Byte(p + 1)) != 0) && p + 1 < m.pattern_end) {
      s = next == 'b' ? MatchBalanced(m, s, p + 2) : MatchCaptured(m, s, next);
      if (s == nullptr) return nullptr;
      p += next == 'b' ? 4 : 2;
      continue;
    }
    if (*p == '%' && next == 'f') {
      p = SkipFrontier(m, s, p + 2);
      if (p == nullptr) return nullptr;
      continue;
    }
    const char* const end = ClassEnd(m, p);
    const char repeat = end < m.pattern_end ? *end : '\0';
    if (repeat == '*') return MatchMost(m, s, p, end);
    if (repeat == '-') return MatchLeast(m, s, p, end);
    const bool one = IsOne(m, s, p, end);
    if (repeat == '+') return one ? MatchMost(m, s + 1, p, end) : nullptr;
    if (repeat == '?') {
      const char* const rest = one ? Match(m, s + 1, end + 1) : nullptr;
      if (rest != nullptr) return rest;
      p = end + 1;
      continue;
    }
    if (!one) return nullptr;
    ++s;
    p = end;
  }
  return s;
}

const char* Match(Matcher& m, const char* s, const char* p) {
  if (++m.depth > kMaxDepth) luaL_error(m.lua, "pattern too complex");
  const char* const end = MatchHere(m, s, p);
  --m.depth;
  return end;
}

// --- results

void PushCapture(const Matcher& m, int index, const char* s, const char* end) {
  if (index >= m.level) {
    if (index != 0) luaL_error(m.lua, "invalid capture index");
    lua_pushlstring(m.lua, s, static_cast<size_t>(end - s));
    return;
  }
  const Capture& capture = m.captures[index];
  if (capture.size == Capture::kOpen) luaL_error(m.lua, "unfinished capture");
  if (capture.size == Capture::kPosition) {
    lua_pushinteger(m.lua, capture.at - m.text + 1);
  } else {
    lua_pushlstring(m.lua, capture.at, static_cast<size_t>(capture.size));
  }
}

// All of them; the whole match where there are none and `s` is not null.
int PushCaptures(const Matcher& m, const char* s, const char* end) {
  const int count = m.level == 0 && s != nullptr ? 1 : m.level;
  luaL_checkstack(m.lua, count, "too many captures");
  for (int i = 0; i < count; ++i) PushCapture(m, i, s, end);
  return count;
}

bool HasSpecials(std::string_view pattern) {
  return pattern.find_first_of("^$*+?.([%-") != std::string_view::npos;
}

int FindPlain(lua_State* lua, std::string_view text, std::string_view wanted, size_t from) {
  State::Of(lua).Charge(lua, text.size() / 16);
  const void* const found =
      memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  if (found == nullptr) {
    lua_pushnil(lua);
    return 1;
  }
  const lua_Integer at = static_cast<const char*>(found) - text.data();
  lua_pushinteger(lua, at + 1);
  lua_pushinteger(lua, at + static_cast<lua_Integer>(wanted.size()));
  return 2;
}

int FindOrMatch(lua_State* lua, bool find) {
  const std::string_view text = CheckText(lua, 1);
  std::string_view pattern = CheckText(lua, 2);
  const auto size = static_cast<lua_Integer>(text.size());
  lua_Integer from = luaL_optinteger(lua, 3, 1);
  if (from < 0) from = from + size + 1;
  from = from < 1 ? 0 : from - 1;
  if (from > size) from = size;
  if (find && (lua_toboolean(lua, 4) != 0 || !HasSpecials(pattern))) {
    return FindPlain(lua, text, pattern, static_cast<size_t>(from));
  }
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  const char* const begin = text.data();
  Matcher m(lua, text, pattern);
  for (const char* s = begin + from; s <= m.text_end; ++s) {
    m.level = 0;
    const char* const end = Match(m, s, pattern.data());
    if (end != nullptr) {
      if (!find) return PushCaptures(m, s, end);
      lua_pushinteger(lua, s - begin + 1);
      lua_pushinteger(lua, end - begin);
      return PushCaptures(m, nullptr, nullptr) + 2;
    }
    if (anchored) break;
  }
  lua_pushnil(lua);
  return 1;
}

int Find(lua_State* lua) { return FindOrMatch(lua, true); }
int MatchOnce(lua_State* lua) { return FindOrMatch(lua, false); }

// Upvalues: text, pattern, where to go on.
int NextMatch(lua_State* lua) {
  const std::string_view text = CheckText(lua, lua_upvalueindex(1));
  const std::string_view pattern = CheckText(lua, lua_upvalueindex(2));
  const char* const begin = text.data();
  Matcher m(lua, text, pattern);
  for (const char* s = begin + lua_tointeger(lua, lua_upvalueindex(3)); s <= m.text_end; ++s) {
    m.level = 0;
    const char* const end = Match(m, s, pattern.data());
    if (end == nullptr) continue;
    lua_pushinteger(lua, end - begin + (end == s ? 1 : 0));
    lua_replace(lua, lua_upvalueindex(3));
    return PushCaptures(m, s, end);
  }
  return 0;
}

int MatchAll(lua_State* lua) {
  CheckText(lua, 1);
  CheckText(lua, 2);
  lua_settop(lua, 2);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, &NextMatch, 3);
  return 1;
}

// What takes the place of the match from `s` to `end`: the third argument says.
void AddReplacement(Matcher& m, luaL_Buffer& out, const char* s, const char* end) {
  lua_State* const lua = m.lua;
  const int type = lua_type(lua, 3);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    const std::string_view text = CheckText(lua, 3);
    for (size_t i = 0; i < text.size(); ++i) {
      Step(m);
      if (text[i] != '%' || i + 1 == text.size()) {
        luaL_addchar(&out, text[i]);
        continue;
      }
      const char digit = text[++i];
      if (std::isdigit(static_cast<uint8_t>(digit)) == 0) {
        luaL_addchar(&out, digit);
      } else if (digit == '0') {
        luaL_addlstring(&out, s, static_cast<size_t>(end - s));
      } else {
        PushCapture(m, digit - '1', s, end);
        luaL_addvalue(&out);
      }
    }
    return;
  }
  // What is called may call this again.
  State::Of(lua).Charge(lua, 1);
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(lua, 3);
    const int count = PushCaptures(m, s, end);
    lua_call(lua, count, 1);
  } else {
    PushCapture(m, 0, s, end);
    lua_gettable(lua, 3);
  }
  if (lua_toboolean(lua, -1) == 0) {
    lua_pop(lua, 1);
    lua_pushlstring(lua, s, static_cast<size_t>(end - s));
  } else if (lua_isstring(lua, -1) == 0) {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  luaL_addvalue(&out);
}

int Substitute(lua_State* lua) {
  const std::string_view text = CheckText(lua, 1);
  std::string_view pattern = CheckText(lua, 2);
  const int type = lua_type(lua, 3);
  if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TFUNCTION && type != LUA_TTABLE) {
    luaL_argerror(lua, 3, "string/function/table expected");
  }
  const lua_Integer most = luaL_optinteger(lua, 4, static_cast<lua_Integer>(text.size()) + 1);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  Matcher m(lua, text, pattern);
  const char* s = text.data();
  lua_Integer count = 0;
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  while (count < most) {
    m.level = 0;
    const char* const end = Match(m, s, pattern.data());
    if (end != nullptr) {
      ++count;
      AddReplacement(m, out, s, end);
    }
    if (end != nullptr && end > s) {
      s = end;
    } else if (s < m.text_end) {
      luaL_addchar(&out, *s++);
    } else {
      break;
    }
    if (anchored) break;
  }
  luaL_addlstring(&out, s, static_cast<size_t>(m.text_end - s));
  luaL_pushresult(&out);
  lua_pushinteger(lua, count);
  return 2;
}

constexpr luaL_Reg kFunctions[] = {
    {"find", &Find},      {"match", &MatchOnce}, {"gmatch", &MatchAll},
    {"gfind", &MatchAll}, {"gsub", &Substitute}, {nullptr, nullptr},
};

}  // namespace

void OpenPatterns(lua_State* lua) { luaL_register(lua, nullptr, kFunctions); }

}  // namespace remora::lua
