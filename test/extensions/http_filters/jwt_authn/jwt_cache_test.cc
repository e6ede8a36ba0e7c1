#include "source/extensions/http_filters/jwt_authn/jwt_cache.h"

#include <catch2/catch.hpp>

namespace remora::extensions {
namespace {

std::shared_ptr<const JwtToken> Token() { return std::make_shared<const JwtToken>(); }

TEST_CASE("jwt cache: the least recently used token leaves first") {
  JwtCache cache(2);
  const auto a = Token();
  cache.Insert("a", a);
  cache.Insert("b", Token());
  CHECK(cache.Find("a") == a);
  cache.Insert("c", Token());
  CHECK(cache.Find("b") == nullptr);
  CHECK(cache.Find("a") == a);
  CHECK(cache.Find("c") != nullptr);
}

TEST_CASE("jwt cache: large tokens are not kept, and none without room") {
  JwtCache cache(2);
  const std::string large(JwtCache::kMaxTokenSize + 1, 'a');
  cache.Insert(large, Token());
  CHECK(cache.Find(large) == nullptr);
  JwtCache none(0);
  none.Insert("a", Token());
  CHECK(none.Find("a") == nullptr);
}

TEST_CASE("jwt cache: a token that comes twice is kept once") {
  JwtCache cache(2);
  const auto first = Token();
  cache.Insert("a", first);
  cache.Insert("a", Token());
  CHECK(cache.Find("a") == first);
}

}  // namespace
}  // namespace remora::extensions
