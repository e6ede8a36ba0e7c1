#pragma once

// FlagTable: every flag of the command line, one row each, in the order in which --help shows them.
//
// A row says how the flag is written, what it means and what it does to Options; parsing and help
// (flags.cc) are loops over the rows. To add a flag, add a row. Constant; used by flags.cc only.
// Thread: main, before anything else runs.

#include <span>
#include <string>
#include <string_view>

#include "source/main/flags.h"

namespace remora::main {

enum class FlagGroup {
  kConfiguration,
  kNode,
  kThreads,
  kLog,
  kAdmin,
  kDrain,
  kHotRestart,
  kOther,
};

struct Flag {
  std::string_view name;   // Without dashes.
  char letter;             // '\0': none.
  std::string_view value;  // What help calls the value; empty: the flag takes none.
  FlagGroup group;
  std::string_view help;
  // Puts the value (empty for a flag without one) into `parsed`; gives what is wrong with it, if
  // so.
  std::string (*apply)(std::string_view value, ParsedFlags& parsed);
  std::string_view without_effect = "";  // Why, for the warning; empty: it has an effect.
  bool repeats = false;                  // May be given more than once.
  bool value_optional = false;           // --name alone is --name= with an empty value.
};

std::span<const Flag> FlagTable();
std::string_view GroupTitle(FlagGroup group);

}  // namespace remora::main
