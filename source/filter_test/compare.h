#pragma once

// Compare: what was expected of an exchange against what came of it.
//
// Only what the expectation names is compared; fields by name and value, in any order; a body as a
// whole, however it was cut. Texts are shown quoted, long ones by their beginning.
// Pure; any thread. Nothing fails.

#include <string>
#include <vector>

#include "source/filter_test/exchange.h"

namespace remora::filter_test::v1 {
class Expect;
}

namespace remora::filter_test {

// One line for each difference: "response.status: expected 200, was 401".
std::vector<std::string> Compare(const v1::Expect& expected, const Outcome& outcome);

}  // namespace remora::filter_test
