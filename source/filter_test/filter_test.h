#pragma once

// `remora filter-test MODULE CASE.yaml...`: runs a loadable filter on recorded messages, without a
// server. What cases hold: api/remora/filter_test/v1/case.proto; docs/loadable_filters.md.
//
// A module is loaded once, a configuration made for each exchange. Thread: main's. Nothing is
// printed: what is wrong with module, files or outcomes is in the report, a line each.

#include <string>
#include <string_view>
#include <vector>

namespace remora::filter_test {

struct Verdict {
  bool passed = false;
  std::string report;
};

Verdict RunCases(const std::string& module, const std::vector<std::string>& case_files);

std::string HelpText(std::string_view program);

}  // namespace remora::filter_test
