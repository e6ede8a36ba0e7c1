#include "source/intercept/command.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::intercept {
namespace {

TEST_CASE("command: input, output, error and status, more than a pipe holds") {
  const std::string input(1 << 20, 'x');
  const auto result = RunCommand({"/bin/sh", "-c", "cat; echo no >&2; exit 3"}, input);
  REQUIRE(result.ok());
  CHECK(result->status == 3);
  CHECK(result->output == input);
  CHECK(result->error == "no\n");
}

TEST_CASE("command: a signal is 128 and its number") {
  const auto result = RunCommand({"/bin/sh", "-c", "kill -9 $$"}, "");
  REQUIRE(result.ok());
  CHECK(result->status == 137);
}

TEST_CASE("command: what is not there is an error, with its name") {
  CHECK(std::string(RunCommand({"/nowhere/at-all"}, "").status().message()) ==
        "/nowhere/at-all: No such file or directory");
  CHECK(FindProgram("no-program-of-this-name") == "");
  CHECK(FindProgram("sh").ends_with("/sh"));
}

}  // namespace
}  // namespace remora::intercept
