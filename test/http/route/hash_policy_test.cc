#include "source/http/route/hash_policy.h"

#include <bit>

#include "source/base/hash.h"
#include "source/net/address.h"
#include "test/http/route/request.h"

namespace remora::route {
namespace {

using Source = HashPart::Source;

// The hash of a request, and the cookies that it was given.
struct Hashed {
  std::optional<uint64_t> hash;
  std::vector<std::string> cookies;
};

Hashed HashOf(std::vector<HashPart> parts, const Request& request) {
  auto policy = HashPolicy::Compile(std::move(parts), 100);
  REQUIRE(policy.ok());
  const net::Address client = *net::Address::Ip("10.0.0.1", 1234);
  Hashed hashed;
  hashed.hash = policy->Hash(request.head(), {&client, [] { return std::string("ends"); }},
                             [&](std::string cookie) { hashed.cookies.push_back(cookie); });
  return hashed;
}

HashPart Header(std::string name) { return {.source = Source::kHeader, .name = std::move(name)}; }

TEST_CASE("hash policy: nothing to hash") {
  const Request request("a.com", "/");
  CHECK(HashOf({}, request).hash == std::nullopt);
  CHECK(HashOf({Header("x")}, request).hash == std::nullopt);
  CHECK(HashOf({{.source = Source::kQueryParameter, .name = "q"}}, request).hash == std::nullopt);
  CHECK(HashOf({{.source = Source::kCookie, .name = "c"}}, request).hash == std::nullopt);
  CHECK(HashOf({{.source = Source::kNone}}, request).hash == std::nullopt);
}

TEST_CASE("hash policy: header fields, all values in one order") {
  CHECK(HashOf({Header("x")}, Request("a.com", "/", {{"x", "v"}})).hash == base::XxHash64("v"));
  const auto two = HashOf({Header("x")}, Request("a.com", "/", {{"x", "b"}, {"x", "a"}})).hash;
  CHECK(two == base::XxHash64("b", base::XxHash64("a")));
  CHECK(two == 8564053812407216358u);
  CHECK(HashOf({Header(":path")}, Request("a.com", "/p")).hash == base::XxHash64("/p"));
  CHECK(HashOf({Header("host")}, Request("a.com", "/p")).hash == base::XxHash64("a.com"));
}

TEST_CASE("hash policy: a header field may be rewritten first") {
  HashPart part = Header("x");
  part.rewrite = {"[0-9]+", "N"};
  CHECK(HashOf({part}, Request("a.com", "/", {{"x", "a12b3"}})).hash == base::XxHash64("aNbN"));
  CHECK(HashOf({part}, Request("a.com", "/", {{"x", "ab"}})).hash == base::XxHash64("ab"));
}

TEST_CASE("hash policy: address and query parameter") {
  const Request request("a.com", "/?a=1&q=v");
  CHECK(HashOf({{.source = Source::kAddress}}, request).hash == base::XxHash64("10.0.0.1"));
  CHECK(HashOf({{.source = Source::kQueryParameter, .name = "q"}}, request).hash ==
        base::XxHash64("v"));
}

TEST_CASE("hash policy: the first cookie of that name, without quotes") {
  const HashPart part{.source = Source::kCookie, .name = "k"};
  for (const std::string field : {"k=v", "a=b; k=v", "k=\"v\"; k=w", "kk=x;k=v ;"}) {
    INFO(field);
    CHECK(HashOf({part}, Request("a.com", "/", {{"cookie", field}})).hash == base::XxHash64("v"));
  }
}

TEST_CASE("hash policy: a cookie is given where there is none and it has a time to live") {
  HashPart part{.source = Source::kCookie, .name = "k", .ttl = 90 * event::kSecond, .path = "/p"};
  part.attributes = {{"SameSite", "Lax"}, {"Secure", ""}};
  const Hashed given = HashOf({part}, Request("a.com", "/"));
  REQUIRE(given.cookies.size() == 1);
  const std::string& cookie = given.cookies[0];
  CHECK(cookie.substr(0, 3) == "k=\"");
  CHECK(cookie.substr(19) == "\"; Max-Age=90; Path=/p; SameSite=Lax; Secure; HttpOnly");
  CHECK(given.hash == base::XxHash64(cookie.substr(3, 16)));

  CHECK(HashOf({part}, Request("a.com", "/", {{"cookie", "k=v"}})).cookies.empty());
  part.ttl = 0;
  part.path.clear();
  part.attributes.clear();
  CHECK(HashOf({part}, Request("a.com", "/")).cookies[0].substr(19) == "\"; HttpOnly");
}

TEST_CASE("hash policy: parts add up, and a terminal one that found something is the last") {
  const Request request("a.com", "/", {{"x", "1"}, {"y", "1"}});
  const uint64_t one = base::XxHash64("1");
  CHECK(HashOf({Header("x"), Header("y")}, request).hash == (std::rotl(one, 1) ^ one));
  HashPart terminal = Header("x");
  terminal.terminal = true;
  CHECK(HashOf({terminal, Header("y")}, request).hash == one);
  HashPart absent = Header("z");
  absent.terminal = true;
  CHECK(HashOf({absent, Header("y")}, request).hash == one);
}

}  // namespace
}  // namespace remora::route
