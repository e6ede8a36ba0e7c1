#include "source/http/field_list.h"

#include <catch2/catch.hpp>

#include "source/base/arena.h"

namespace remora::http {
namespace {

TEST_CASE("field lists: elements") {
  std::string_view list = " a ,, b\t,c";
  CHECK(NextElement(list) == "a");
  CHECK(NextElement(list) == "");
  CHECK(NextElement(list) == "b");
  CHECK(NextElement(list) == "c");
  CHECK(list.empty());
  CHECK(ListHasToken("No-Transform , max-age=3", "no-transform"));
  CHECK(ListHasToken("a,b", "b"));
  CHECK_FALSE(ListHasToken("a,bc", "b"));
  CHECK_FALSE(ListHasToken("", "b"));
}

TEST_CASE("field lists: several fields are one list") {
  base::ArenaPool pool;
  base::Arena arena(pool);
  HeaderMap headers(arena);
  CHECK(JoinedField(headers, HeaderId::kVary) == "");
  headers.Add(HeaderId::kVary, "a");
  headers.Add("x", "y");
  CHECK(JoinedField(headers, HeaderId::kVary) == "a");
  headers.Add(HeaderId::kVary, "b, c");
  CHECK(JoinedField(headers, HeaderId::kVary) == "a,b, c");
}

}  // namespace
}  // namespace remora::http
