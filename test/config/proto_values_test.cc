#include "source/config/proto_values.h"

#include <catch2/catch.hpp>
#include <utility>

namespace remora::config {
namespace {

TEST_CASE("values for services: text becomes UTF-8") {
  const std::pair<std::string, std::string> rows[] = {
      {"plain", "plain"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f"},
      {"\xe9", "!"},
      {"a\xc3", "a!"},
      {"\xc0\xaf", "!!"},            // overlong
      {"\xed\xa0\x80", "!!!"},       // a surrogate
      {"\xf5\x80\x80\x80", "!!!!"},  // behind the last character
      {"\xe2\x82x", "!!x"},
  };
  for (const auto& [text, expected] : rows) CHECK(ToUtf8(text) == expected);
}

}  // namespace
}  // namespace remora::config
