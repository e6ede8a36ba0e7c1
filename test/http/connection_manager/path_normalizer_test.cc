#include <catch2/catch.hpp>

#include "source/http/connection_manager/path_normalizer.h"
#include "source/http/connection_manager/target_policy.h"

namespace remora::connection_manager {
namespace {

// What Envoy 1.40 makes of these with normalize_path.
TEST_CASE("Paths in normal form") {
  struct Row {
    const char* path;
    const char* normal;
  };
  const Row rows[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/.", "/"},
      {"/..", "/"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/a/./", "/a/"},
      {"/a/../", "/"},
      {"/a/../b", "/b"},
      {"/a/b/../../c", "/c"},
      {"/../../a", "/a"},
      {"/a//b", "/a//b"},
      {"/a//../b", "/a/b"},
      {"/a/%2e%2e/b", "/b"},
      {"/a/%2E./b", "/b"},
      {"/a/.%2e", "/"},
      {"/a/.%2e/", "/"},
      {"/a/%2e", "/a/"},
      {"/a/%2e/", "/a/"},
      {"/a\\b", "/a/b"},
      {"/a\\..\\b", "/b"},
      {"/a/...", "/a/..."},
      {"/a/..b", "/a/..b"},
      {"/a/.b", "/a/.b"},
      {"/a/b..", "/a/b.."},
      {"/..a/", "/..a/"},
      {"//a", "//a"},
      {"/a/b/c/./../../g", "/a/g"},
      {"/a/;b/../c", "/a/c"},
      {"/a%2Fb", "/a%2Fb"},
      {"/a%2fb/../c", "/c"},
      {"/a%5cb", "/a%5cb"},
      {"/a/%7Eb", "/a/~b"},
      {"/a/%41%42%7a%30%2D%5F", "/a/ABz0-_"},
      {"/a%252e", "/a%252e"},
      {"/%%30%30", "/%2500"},
      {"/%%34%31", "/%2541"},
      {"/%%341", "/%2541"},
      {"/%%32%35", "/%2525"},
      {"/%%2F", "/%%2F"},
      {"/x%%31", "/x%1"},
      {"/%4", "/%4"},
      {"/%", "/%"},
      {"/%zz", "/%zz"},
      {"/a%20b", "/a%20b"},
      {"/!$&'()*+,;=:@[]", "/!$&'()*+,;=:@[]"},
      {"/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"},
      {"/\x80\xff", "/%80%FF"},
  };
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  for (const Row& row : rows) {
    INFO(row.path);
    CHECK(NormalizePath(row.path, arena) == row.normal);
  }
  CHECK_FALSE(NormalizePath("/a%00b", arena).has_value());
}

TEST_CASE("A normal form that was reached stays") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  // Every path of up to five pieces of what is special.
  const std::string_view pieces[] = {"/", ".", "%2e", "\\", "a", "%", "%2f", "3", "5"};
  constexpr size_t kPieces = std::size(pieces);
  for (size_t number = 0; number < kPieces * kPieces * kPieces * kPieces * kPieces; ++number) {
    std::string path = "/";
    for (size_t left = number, i = 0; i < 5; ++i, left /= kPieces) path += pieces[left % kPieces];
    const std::optional<std::string_view> once = NormalizePath(path, arena);
    REQUIRE(once.has_value());
    REQUIRE(once->front() == '/');
    REQUIRE(once->find("/../") == std::string_view::npos);
    REQUIRE(once->find('\\') == std::string_view::npos);
    const std::string kept(*once);
    // A stray percent sign may find digits behind it only now: what is unescaped then is never a
    // dot or a slash.
    if (kept.find("%%") == std::string::npos) CHECK(NormalizePath(kept, arena) == kept);
    arena.Reset();
  }
}

TEST_CASE("Slashes") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  CHECK(MergeSlashes("/a/b", arena) == "/a/b");
  CHECK(MergeSlashes("//a///b//", arena) == "/a/b/");
  CHECK(MergeSlashes("//", arena) == "/");
  CHECK(UnescapeSlashes("/a%41", arena) == "/a%41");
  CHECK(UnescapeSlashes("/a%2Fb%2fc%5Cd%5ce%2", arena) == "/a/b/c\\d\\e%2");
}

struct TargetWorld {
  std::string Apply(std::string_view path, std::string_view authority = "a") {
    arena.Reset();
    http::RequestHead head(arena);
    head.path = path;
    head.authority = authority;
    const std::optional<http::LocalReply> reply = ApplyTargetPolicy(config, 8080, head);
    if (!reply.has_value()) return std::string(head.authority) + " " + std::string(head.path);
    CHECK(reply->details == "path_normalization_failed");
    std::string text = std::to_string(reply->status);
    for (const auto& [id, value] : reply->headers) text += " " + value;
    return text;
  }
  base::ArenaPool arenas;
  base::Arena arena{arenas};
  Config config;
};

TEST_CASE("Targets are brought into form in Envoy's order") {
  TargetWorld world;
  CHECK_FALSE(HasTargetPolicy(world.config));
  world.config.normalize_path = true;
  CHECK(HasTargetPolicy(world.config));
  CHECK(world.Apply("/a/../b?c/../d") == "a /b?c/../d");
  CHECK(world.Apply("/a//../b") == "a /a/b");
  CHECK(world.Apply("/a%00") == "400");
  CHECK(world.Apply("*") == "a *");
  world.config.merge_slashes = true;
  CHECK(world.Apply("/a//../b//c?x//y") == "a /a/b/c?x//y");
  world.config.escaped_slashes = EscapedSlashes::kForward;
  CHECK(world.Apply("/a%2F..%5Cb?%2f") == "a /b?%2f");
  world.config.escaped_slashes = EscapedSlashes::kRedirect;
  CHECK(world.Apply("/a%2Fb?c") == "307 /a/b?c");
  CHECK(world.Apply("/a/./b") == "a /a/b");
  world.config.escaped_slashes = EscapedSlashes::kReject;
  CHECK(world.Apply("/a%2Fb") == "400");
  CHECK(world.Apply("/ab?%2f") == "a /ab?%2f");
}

TEST_CASE("Host names lose their port and their last dot") {
  TargetWorld world;
  world.config.strip_trailing_host_dot = true;
  CHECK(world.Apply("/", "a.b.") == "a.b /");
  CHECK(world.Apply("/", "a.b.:80") == "a.b:80 /");
  CHECK(world.Apply("/", "a.b:80") == "a.b:80 /");
  world.config.strip_port = StripPort::kMatching;
  CHECK(world.Apply("/", "a.:8080") == "a /");
  CHECK(world.Apply("/", "a:80") == "a:80 /");
  CHECK(world.Apply("/", "[::1]:8080") == "[::1] /");
  CHECK(world.Apply("/", "[::8080]") == "[::8080] /");
  world.config.strip_port = StripPort::kAny;
  CHECK(world.Apply("/", "a:80") == "a /");
  CHECK(world.Apply("/", "a:") == "a: /");
}

}  // namespace
}  // namespace remora::connection_manager
