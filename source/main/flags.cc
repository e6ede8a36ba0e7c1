#include "source/main/flags.h"

#include <algorithm>

#include "source/config/config_error.h"
#include "source/config/text.h"
#include "source/main/flag_table.h"

namespace remora::main {
namespace {

using config::Concat;

// From here on the help texts stand in one column.
constexpr size_t kHelpColumn = 36;

const Flag* FindByName(std::string_view name) {
  for (const Flag& flag : FlagTable()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

const Flag* FindByLetter(char letter) {
  for (const Flag& flag : FlagTable()) {
    if (flag.letter != '\0' && flag.letter == letter) return &flag;
  }
  return nullptr;
}

struct Argument {
  const Flag* flag = nullptr;  // Null: no such flag.
  std::string_view written;    // As it was written, without `=value`.
  std::optional<std::string_view> value;
};

Argument Split(std::string_view argument) {
  const size_t equals = argument.find('=');
  Argument split;
  split.written = argument.substr(0, equals);
  if (equals != std::string_view::npos) split.value = argument.substr(equals + 1);
  if (split.written.starts_with("--")) {
    split.flag = FindByName(split.written.substr(2));
  } else if (split.written.size() == 2) {
    split.flag = FindByLetter(split.written[1]);
  }
  return split;
}

bool IsFlag(std::string_view argument) {
  return argument == "--" || (argument.starts_with("-") && Split(argument).flag != nullptr);
}

std::string UnknownArgument(std::string_view written) {
  if (!written.starts_with("-")) return Concat("unexpected argument \"", written, "\"");
  std::vector<std::string_view> names;
  for (const Flag& flag : FlagTable()) names.push_back(flag.name);
  std::string_view word = written;
  while (word.starts_with("-")) word.remove_prefix(1);
  const std::string_view nearest = config::NearestWord(word, names);
  return Concat("unknown flag ", written,
                nearest.empty() ? "" : Concat("; did you mean --", nearest, "?"));
}

class Parser final {
 public:
  explicit Parser(const std::vector<std::string_view>& arguments) : arguments_(arguments) {}

  ParsedFlags Parse() {
    while (at_ < arguments_.size()) {
      const std::string_view argument = arguments_[at_++];
      if (argument == "--") break;
      Take(argument);
    }
    CheckCombinations();
    return std::move(parsed_);
  }

 private:
  void Take(std::string_view argument) {
    Argument split = Split(argument);
    if (!argument.starts_with("-") || split.flag == nullptr) {
      const bool flag_like = argument.starts_with("-");
      parsed_.errors.push_back(UnknownArgument(flag_like ? split.written : argument));
      return;
    }
    const Flag& flag = *split.flag;
    if (flag.value.empty()) {
      if (split.value.has_value()) return Fail(flag, "takes no value");
    } else if (!split.value.has_value() && !flag.value_optional) {
      if (at_ == arguments_.size() || IsFlag(arguments_[at_])) {
        return Fail(flag, Concat("needs a value: --", flag.name, " ", flag.value));
      }
      split.value = arguments_[at_++];
    }
    if (!flag.repeats && std::find(seen_.begin(), seen_.end(), &flag) != seen_.end()) {
      return Fail(flag, "is given twice");
    }
    seen_.push_back(&flag);
    const std::string wrong = flag.apply(split.value.value_or(""), parsed_);
    if (!wrong.empty()) return Fail(flag, wrong);
    if (!flag.without_effect.empty()) {
      parsed_.warnings.push_back(
          Concat("--", flag.name, " is accepted without effect: ", flag.without_effect));
    }
  }

  void CheckCombinations() {
    const Options& options = parsed_.options;
    if (options.cpuset_threads && options.concurrency.has_value()) {
      parsed_.warnings.push_back(
          "--cpuset-threads is accepted without effect: --concurrency says how many workers");
    }
    if (options.use_dynamic_base_id && options.restart_epoch > 0) {
      parsed_.errors.push_back("--use-dynamic-base-id and --restart-epoch exclude each other");
    }
    if (options.enable_fine_grain_logging && !options.component_log_levels.empty()) {
      parsed_.errors.push_back(
          "--enable-fine-grain-logging and --component-log-level exclude each other");
    }
  }

  void Fail(const Flag& flag, std::string_view what) {
    parsed_.errors.push_back(Concat("--", flag.name, " ", what));
  }

  const std::vector<std::string_view>& arguments_;
  size_t at_ = 0;
  std::vector<const Flag*> seen_;
  ParsedFlags parsed_;
};

}  // namespace

ParsedFlags ParseFlags(const std::vector<std::string_view>& arguments) {
  return Parser(arguments).Parse();
}

std::string HelpText(std::string_view program) {
  const size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  std::string out =
      Concat("Usage: ", program, " -c FILE [flags]\n", "       ", program,
             " intercept --help: has the kernel hand connections to it\n", "       ", program,
             " filter-test --help: runs a loadable filter without a server\n\n",
             "A proxy that runs beside an application and is configured like Envoy.\n",
             "Flags marked * are accepted without effect.\n");
  const Flag* previous = nullptr;
  for (const Flag& flag : FlagTable()) {
    if (previous == nullptr || previous->group != flag.group) {
      out += Concat("\n", GroupTitle(flag.group), "\n");
    }
    previous = &flag;
    std::string line = "  ";
    if (flag.letter != '\0') line += Concat("-", std::string(1, flag.letter), ", ");
    line += Concat("--", flag.name);
    if (flag.value_optional) {
      line += Concat("[=", flag.value, "]");
    } else if (!flag.value.empty()) {
      line += Concat(" ", flag.value);
    }
    if (!flag.without_effect.empty()) line += " *";
    line.append(line.size() < kHelpColumn ? kHelpColumn - line.size() : 1, ' ');
    out += Concat(line, flag.help, "\n");
  }
  return out;
}

}  // namespace remora::main
