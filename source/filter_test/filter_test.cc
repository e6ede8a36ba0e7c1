#include "source/filter_test/filter_test.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "remora/filter_test/v1/case.pb.h"
#include "source/config/format_config.h"
#include "source/config/load_bootstrap.h"
#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"
#include "source/filter_test/compare.h"
#include "source/filter_test/exchange.h"

namespace remora::filter_test {
namespace {

using extensions::DynamicModules;
using extensions::Library;

// Counts, and writes a line for each thing that was tried.
class Report {
 public:
  void Pass(const std::string& name) {
    ++passed_;
    absl::StrAppend(&text_, "PASS  ", name, "\n");
  }
  void Fail(const std::string& name, const std::vector<std::string>& why) {
    ++failed_;
    absl::StrAppend(&text_, "FAIL  ", name, "\n");
    for (const std::string& line : why) absl::StrAppend(&text_, "      ", line, "\n");
  }
  Verdict Take() {
    absl::StrAppend(&text_, passed_, " passed, ", failed_, " failed\n");
    return {failed_ == 0 && passed_ > 0, std::move(text_)};
  }

 private:
  int passed_ = 0;
  int failed_ = 0;
  std::string text_;
};

void RunExchanges(const v1::Case& cases, const std::shared_ptr<const Library>& library,
                  Report& report) {
  for (const v1::Exchange& exchange : cases.exchanges()) {
    // Each its own: what one has counted is not in the next one's statistics.
    config::ErrorList errors;
    config::ConfigContext context(errors, "");
    std::optional<DynamicModules::Config> config = DynamicModules::Make(
        library, cases.filter_name(), config::ToMetadataValue(cases.filter_config()), context);
    config::ConfigContext route_context(errors, "route_config");
    std::optional<DynamicModules::RouteConfig> route;
    if (config.has_value() && exchange.has_route_config()) {
      route = DynamicModules::MakeRoute(library, cases.filter_name(),
                                        config::ToMetadataValue(exchange.route_config()),
                                        route_context);
    }
    if (!errors.empty()) {
      report.Fail(exchange.name(), {errors.ToString()});
      continue;
    }
    const Outcome outcome = RunExchange(
        exchange, std::make_shared<const DynamicModules::Config>(*std::move(config)),
        route.has_value() ? std::make_shared<const DynamicModules::RouteConfig>(*std::move(route))
                          : nullptr);
    const std::vector<std::string> differences = Compare(exchange.expect(), outcome);
    if (differences.empty()) {
      report.Pass(exchange.name());
    } else {
      report.Fail(exchange.name(), differences);
    }
  }
}

// That the configuration is refused.
void RunRefusal(const v1::Case& cases, const std::shared_ptr<const Library>& library,
                const std::string& name, Report& report) {
  config::ErrorList errors;
  config::ConfigContext context(errors, "");
  DynamicModules::Make(library, cases.filter_name(), config::ToMetadataValue(cases.filter_config()),
                       context);
  const std::string text = errors.ToString();
  if (!errors.empty() && text.find(cases.refused()) != std::string::npos) {
    report.Pass(name + ": refused");
  } else {
    report.Fail(name, {absl::StrCat("refused: expected \"", cases.refused(), "\", was ",
                                    errors.empty() ? "accepted" : text)});
  }
}

void RunFile(const std::string& path, const std::shared_ptr<const Library>& library,
             Report& report) {
  config::LoadOptions options;
  options.path = path;
  v1::Case cases;
  const config::LoadResult loaded = config::LoadMessage(options, cases);
  if (!loaded.ok()) {
    report.Fail(path, {loaded.errors.ToString()});
  } else if (!cases.refused().empty()) {
    RunRefusal(cases, library, path, report);
  } else if (cases.exchanges().empty()) {
    report.Fail(path, {"there are no exchanges in it"});
  } else {
    RunExchanges(cases, library, report);
  }
}

}  // namespace

Verdict RunCases(const std::string& module, const std::vector<std::string>& case_files) {
  Report report;
  const absl::StatusOr<std::shared_ptr<const Library>> library = Library::Open(module, false);
  if (!library.ok()) {
    report.Fail(module, {std::string(library.status().message())});
    return report.Take();
  }
  for (const std::string& path : case_files) RunFile(path, *library, report);
  return report.Take();
}

std::string HelpText(std::string_view program) {
  return std::string("usage: ") + std::string(program) +
         " filter-test MODULE CASE.yaml...\n\n"
         "Runs a filter of a module (a .so file) on recorded messages, without a server, and\n"
         "compares what comes of them with what the cases expect. The status is 0 when all of it\n"
         "is as expected. What a case is: docs/loadable_filters.md.\n";
}

}  // namespace remora::filter_test
