#include "test/scenarios/scenario.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace remora::scenarios {
namespace {

std::string Replace(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  std::string word;
  while (stream >> word) words.push_back(word);
  return words;
}

std::vector<Directive> Parse(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<Directive> directives;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != '|') {
      directives.push_back({number, Words(line), {}});
      continue;
    }
    if (directives.empty() || (line.size() > 1 && line[1] != ' ')) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": stray block line");
    }
    directives.back().block.push_back(line.size() > 1 ? line.substr(2) : "");
  }
  return directives;
}

// `\{x*N}` at `at`, which moves behind it.
std::string Repeated(const std::string& text, size_t& at) {
  const size_t end = text.find('}', at);
  const size_t star = text.rfind('*', end);
  if (end == std::string::npos || star == std::string::npos || star < at) {
    throw std::runtime_error("bad repetition in: " + text);
  }
  const std::string unit = Unescape(text.substr(at, star - at));
  std::string result;
  for (int n = std::stoi(text.substr(star + 1, end - star - 1)); n > 0; --n) result += unit;
  at = end + 1;
  return result;
}

}  // namespace

std::string Unescape(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '\\' || at == text.size()) {
      result += c;
      continue;
    }
    switch (const char escape = text[at++]; escape) {
      case 'r':
        result += '\r';
        break;
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      case 's':
        result += ' ';
        break;
      case '0':
        result += '\0';
        break;
      case '\\':
        result += '\\';
        break;
      case 'x':
        result += static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16));
        at += 2;
        break;
      case '{':
        result += Repeated(text, at);
        break;
      default:
        throw std::runtime_error(std::string("unknown escape \\") + escape);
    }
  }
  return result;
}

std::string BlockBytes(const std::vector<std::string>& block) {
  std::string bytes;
  for (const std::string& line : block) {
    const bool open_end =
        !line.empty() && line.back() == '\\' && (line.size() < 2 || line[line.size() - 2] != '\\');
    bytes += Unescape(open_end ? line.substr(0, line.size() - 1) : line);
    if (!open_end) bytes += "\r\n";
  }
  return bytes;
}

std::vector<Scenario> LoadScenarios(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  Scenario base{name, {}};
  Directive variants;
  for (Directive& directive : Parse(path)) {
    if (directive.words[0] == "variants") {
      if (directive.words.size() != 2) throw std::runtime_error(path + ": variants NAME");
      variants = std::move(directive);
    } else {
      base.directives.push_back(std::move(directive));
    }
  }
  if (variants.words.empty()) return {base};
  std::vector<Scenario> scenarios;
  const std::string mark = "${" + variants.words[1] + "}";
  for (const std::string& value : variants.block) {
    Scenario scenario = base;
    scenario.name += " [" + value + "]";
    for (Directive& directive : scenario.directives) {
      for (std::string& word : directive.words) word = Replace(word, mark, value);
      for (std::string& line : directive.block) line = Replace(line, mark, value);
    }
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

}  // namespace remora::scenarios
