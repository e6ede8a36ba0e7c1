#include "source/server/warmer.h"

#include <catch2/catch.hpp>

namespace remora::server {
namespace {

TEST_CASE("Somebody is warm when all that they wait for has arrived, in any order, once") {
  std::string warm;
  Warmer warmer([&warm](const std::string& who) { warm += who + " "; });
  warmer.Wait("a", "x");
  warmer.Wait("a", "y");
  warmer.Wait("a", "y");
  warmer.Wait("b", "x");
  CHECK(warmer.IsWarming("a"));
  CHECK(warmer.Any(""));
  CHECK(warmer.Any("b"));
  CHECK_FALSE(warmer.Any("aa"));
  CHECK_FALSE(warmer.Any("c"));
  using Waiting = std::vector<std::pair<std::string, std::vector<std::string>>>;
  CHECK(warmer.waiting() == Waiting{{"a", {"x", "y"}}, {"b", {"x"}}});
  warmer.Arrived("a", "y");
  warmer.Arrived("a", "y");
  warmer.Arrived("a", "z");
  warmer.Arrived("c", "x");
  CHECK(warm.empty());
  warmer.Arrived("a", "x");
  CHECK(warm == "a ");
  warmer.Arrived("a", "x");
  CHECK(warm == "a ");
  CHECK_FALSE(warmer.IsWarming("a"));
  warmer.Arrived("b", "x");
  CHECK(warm == "a b ");
  CHECK(warmer.waiting().empty());
}

TEST_CASE("Who is not wanted any more does not keep others waiting") {
  std::string warm;
  Warmer warmer([&warm](const std::string& who) { warm += who + " "; });
  warmer.Wait("a", "x");
  warmer.Forget("a");
  CHECK(warm == "a ");
  warmer.Forget("a");
  CHECK(warm == "a ");
}

}  // namespace
}  // namespace remora::server
