#include "source/extensions/http_filters/header_mutation/header_mutation.h"

#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "source/extensions/http_filters/header_mutation/parse_mutations.h"

namespace remora::extensions {

using http::Answer;

std::optional<HeaderMutation::Config> HeaderMutation::Parse(const Proto& proto,
                                                            config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.mutations = ParseMutations(proto.mutations(), "mutations", context);
  config.most_specific_wins = proto.most_specific_header_mutations_wins();
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<HeaderMutation::RouteConfig> HeaderMutation::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  RouteConfig config{ParseMutations(proto.mutations(), "mutations", context)};
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

http::FilterPtr HeaderMutation::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<HeaderMutationFilter>(config, context);
}

template <class F>
void HeaderMutationFilter::ForEachLevel(F&& apply) const {
  apply(config_.mutations);
  const void* levels[http::FilterContext::kRouteLevels];
  const size_t count = context_.RouteConfigLevels(levels);
  for (size_t i = 0; i < count; ++i) {
    const void* level = levels[config_.most_specific_wins ? i : count - 1 - i];
    apply(static_cast<const HeaderMutation::RouteConfig*>(level)->mutations);
  }
}

ValueFormat::Facts HeaderMutationFilter::Facts() const {
  ValueFormat::Facts facts;
  facts.request = context_.request_head();
  facts.response = response_;
  facts.info = &context_.stream_info();
  const auto* cluster = context_.match().cluster;
  if (cluster != nullptr) facts.cluster = cluster->name;
  return facts;
}

void HeaderMutationFilter::ChangeFields(std::vector<FieldMutation> Mutations::* which,
                                        http::HeaderMap& headers) const {
  const ValueFormat::Facts facts = Facts();
  ForEachLevel(
      [&](const Mutations& mutations) { ApplyFieldMutations(mutations.*which, facts, headers); });
}

Answer HeaderMutationFilter::OnRequestHead(http::RequestHead& head) {
  ChangeFields(&Mutations::request, head.headers);
  const ValueFormat::Facts facts = Facts();
  ForEachLevel([&](const Mutations& mutations) {
    if (mutations.parameters.empty()) return;
    head.path = head.arena().Copy(ApplyParameterMutations(mutations.parameters, facts, head.path));
  });
  return Answer::kContinue;
}

Answer HeaderMutationFilter::OnRequestEnd(http::HeaderMap* trailers) {
  if (trailers != nullptr) ChangeFields(&Mutations::request_trailers, *trailers);
  return Answer::kContinue;
}

Answer HeaderMutationFilter::OnResponseHead(http::ResponseHead& head) {
  response_ = &head;
  ChangeFields(&Mutations::response, head.headers);
  return Answer::kContinue;
}

Answer HeaderMutationFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (trailers != nullptr) ChangeFields(&Mutations::response_trailers, *trailers);
  return Answer::kContinue;
}

}  // namespace remora::extensions
