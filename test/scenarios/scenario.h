#pragma once

// Scenario: one file of test/scenarios as a value: configuration and steps, still as text.
//
// A line is a directive; lines that begin with `|` belong to the directive above them and are the
// lines of a message: each ends with CRLF, unless its last character is a backslash. Escapes:
// \r \n \t \0 \xHH \\ \s (a space at the end of a line), and \{x*N} for N times the text x.
// `variants NAME` lists values: the scenario runs once with each in place of ${NAME}.
// README.md of this folder lists the directives.

#include <string>
#include <vector>

namespace remora::scenarios {

struct Directive {
  int line = 0;
  std::vector<std::string> words;
  std::vector<std::string> block;  // as written, without the `| `
};

struct Scenario {
  std::string name;  // the file's, with the variant
  std::vector<Directive> directives;
};

// All scenarios of a file, one for each variant. Throws std::runtime_error with file and line.
std::vector<Scenario> LoadScenarios(const std::string& path);

// A block's lines with escapes resolved and CRLFs in place.
std::string BlockBytes(const std::vector<std::string>& block);
std::string Unescape(const std::string& text);

// Sets up a server, runs the steps, checks everything. Throws std::runtime_error (with the line)
// when something is not as written.
void RunScenario(const Scenario& scenario);

}  // namespace remora::scenarios
