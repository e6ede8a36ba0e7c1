// Lua's patterns: what LuaJIT's own string library says, ours says too.

#include <catch2/catch.hpp>

#include "test/lua/fake_stream.h"

namespace remora::lua {
namespace {

// All that string.find of `pattern` in `text` gives.
std::string Find(const std::string& text, const std::string& pattern) {
  return RunOnce("local t = {string.find([==[" + text + "]==], [==[" + pattern +
                 "]==])} for i = 1, math.max(#t, 1) do t[i] = tostring(t[i]) end "
                 "h:logInfo(table.concat(t, ' '))");
}

std::string Value(const std::string& expression) {
  return RunOnce(
      "local t = {" + expression +
      "} for i = 1, math.max(#t, 1) do t[i] = tostring(t[i]) end h:logInfo(table.concat(t, '|'))");
}

TEST_CASE("lua patterns: finding") {
  CHECK(Find("hello", "l+") == "3 4\n");
  CHECK(Find("hello", "(l)(l)") == "3 4 l l\n");
  CHECK(Find("hello", "()ll()") == "3 4 3 5\n");
  CHECK(Find("hello", "^h.-o$") == "1 5\n");
  CHECK(Find("hello", "^ello") == "nil\n");
  CHECK(Find("key = value", "^(%w+)%s*=%s*(%w+)$") == "1 11 key value\n");
  CHECK(Find("a.b", "%.") == "2 2\n");
  CHECK(Find("x]y", "[]]") == "2 2\n");
  CHECK(Find("x^y", "[%^]") == "2 2\n");
  CHECK(Find("abc", "[^a-b]") == "3 3\n");
  CHECK(Find("a-z", "[a%-]+") == "1 2\n");
  CHECK(Find("f(a(b)c)d", "%b()") == "2 8\n");
  CHECK(Find("THE (quick) fox", "%f[%a]%a+%f[%A]") == "1 3\n");
  CHECK(Find("\"say 'hi'\"", "([\"'])(.-)%1") == "1 10 \" say 'hi'\n");
  CHECK(Find("abc", "b-c") == "2 3\n");
  CHECK(Find("ac", "ab?c") == "1 2\n");
  CHECK(Find("", "x*") == "1 0\n");
  CHECK(Find("a\n", "%c") == "2 2\n");
  CHECK(Find("zzG7_", "%u%d%p") == "3 5\n");
  CHECK(Find("0xfF ", "%x+%s") == "3 5\n");
  CHECK(Value("('a.b'):find('.', 2, true)") == "2|2\n");
  CHECK(Value("('abc'):find('b', -2)") == "2|2\n");
  CHECK(Value("('abc'):find('a', 10)") == "nil\n");
  CHECK(Value("('abc'):find('', 10)") == "4|3\n");
  CHECK(Value("('a\\0b'):find('%z')") == "2|2\n");
}

TEST_CASE("lua patterns: matches") {
  CHECK(Value("('2024-05-06'):match('(%d+)-(%d+)-(%d+)')") == "2024|05|06\n");
  CHECK(Value("('  trim  '):match('^%s*(.-)%s*$')") == "trim\n");
  CHECK(Value("('abc'):match('b')") == "b\n");
  CHECK(Value("('abc'):match('x')") == "nil\n");
  CHECK(RunOnce("local s = '' for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
                "s = s .. k .. v end h:logInfo(s)") == "a1b2\n");
  CHECK(RunOnce("local n = 0 for w in ('one two  three'):gmatch('%a*') do n = n + 1 end "
                "h:logInfo(n)") == "7\n");
}

TEST_CASE("lua patterns: replacements") {
  CHECK(Value("('hello world'):gsub('o', '0')") == "hell0 w0rld|2\n");
  CHECK(Value("('hello'):gsub('', '-')") == "-h-e-l-l-o-|6\n");
  CHECK(Value("('hello'):gsub('l', 'L', 1)") == "heLlo|1\n");
  CHECK(Value("('abc'):gsub('%w', '%0%0')") == "aabbcc|3\n");
  CHECK(Value("('a b'):gsub('(%w) (%w)', '%2 %1')") == "b a|1\n");
  CHECK(Value("('$a $b'):gsub('%$(%w)', {a = 'x'})") == "x $b|2\n");
  CHECK(Value("('abc'):gsub('%w', function(c) if c == 'b' then return 'B' end end)") == "aBc|3\n");
  CHECK(Value("('abc'):gsub('^a', 'x')") == "xbc|1\n");
  CHECK(Value("('100%'):gsub('%%', '%%%%')") == "100%%|1\n");
}

TEST_CASE("lua patterns: what is malformed") {
  const auto fails = [](const std::string& pattern) {
    return RunOnce("h:logInfo(select(2, pcall(string.find, 'abc', '" + pattern + "')))");
  };
  CHECK(fails("[a") == "malformed pattern (missing ']')\n");
  CHECK(fails("[]") == "malformed pattern (missing ']')\n");
  CHECK(fails("[%") == "malformed pattern (missing ']')\n");
  CHECK(fails("%") == "malformed pattern (ends with '%')\n");
  CHECK(fails("%b") == "malformed pattern (missing arguments to '%b')\n");
  CHECK(fails("%bx") == "malformed pattern (missing arguments to '%b')\n");
  CHECK(fails("%f") == "missing '[' after '%f' in pattern\n");
  CHECK(fails("(a") == "unfinished capture\n");
  CHECK(fails("(a))") == "invalid pattern capture\n");
  CHECK(fails("%1") == "invalid capture index\n");
  CHECK(RunOnce("h:logInfo(select(2, pcall(string.find, ('a'):rep(300), ('(a)'):rep(40))))") ==
        "too many captures\n");
  CHECK(RunOnce("h:logInfo(select(2, pcall(string.find, ('a'):rep(300), ('a?'):rep(300))))") ==
        "pattern too complex\n");
  CHECK(RunOnce("h:logInfo(select(2, pcall(string.gsub, 'abc', 'b', '%2')))") ==
        "invalid capture index\n");
  CHECK(RunOnce("h:logInfo(select(2, pcall(string.gsub, 'abc', 'b', function() return {} end)))") ==
        "invalid replacement value (a table)\n");
}

}  // namespace
}  // namespace remora::lua
