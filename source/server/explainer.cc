#include "source/server/explainer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "source/config/written_filters.h"

namespace remora::server {

using explain::Explanation;
using explain::Origin;

void Explainer::Explain(const explain::Question& question, Done done) {
  if (question.worker >= services_.workers.size()) {
    return done(absl::InvalidArgumentError(absl::StrCat("there is no worker ", question.worker,
                                                        ": the last one is ",
                                                        services_.workers.size() - 1)));
  }
  if (!workers_run_) return done(absl::UnavailableError("the workers have not started"));
  Worker* worker = services_.workers[question.worker].get();
  worker->dispatcher().Post([this, worker, question, done = std::move(done)]() mutable {
    Explanation answer = worker->Explain(question);
    services_.main.Post([this, answer = std::move(answer), done = std::move(done)]() mutable {
      Complete(answer);
      done(std::move(answer));
    });
  });
}

std::string Explainer::OriginOf(const Origin& origin) const {
  const config::ResourceVersion* version = services_.dynamic->Find(origin.type, origin.name);
  if (version == nullptr) return "the bootstrap";
  const absl::Time at = absl::FromUnixNanos(version->updated_at);
  return absl::StrCat("a source, version \"", version->version, "\", taken ",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone()));
}

void Explainer::Complete(Explanation& explanation) const {
  config::WrittenResources resources;
  const auto written = [this](const Origin& origin) {
    const config::ResourceVersion* version = services_.dynamic->Find(origin.type, origin.name);
    return version != nullptr ? version->message : std::string();
  };
  for (explain::Step& step : explanation.steps) {
    if (step.origin.type == Origin::Type::kNone) continue;
    step.origin.text = OriginOf(step.origin);
    if (step.origin.type == Origin::Type::kRoutes) resources.routes = written(step.origin);
    if (step.origin.type != Origin::Type::kListener) continue;
    resources.listener = written(step.origin);
    if (resources.listener.empty() && services_.dumper != nullptr) {
      resources.listener = services_.dumper->StaticListener(step.origin.name);
    }
  }
  resources.extension = [this](const std::string& name) {
    const config::ResourceVersion* version = services_.dynamic->FindExtension(name);
    return version != nullptr ? version->message : std::string();
  };
  std::vector<config::FilterWanted> wanted;
  for (const explain::ShownFilter& filter : explanation.filters) {
    wanted.push_back({filter.name, filter.level});
  }
  std::vector<config::WrittenFilter> found =
      config::FindWrittenFilters(resources, explanation.place, wanted);
  for (size_t i = 0; i < found.size(); ++i) {
    explanation.filters[i].config = std::move(found[i].config);
    explanation.filters[i].route_config = std::move(found[i].route_config);
  }
}

}  // namespace remora::server
