#include "source/config/listener_filter_config.h"

#include <utility>

#include "envoy/config/listener/v3/listener_components.pb.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace lds = envoy::config::listener::v3;
using Predicate = lds::ListenerFilterChainMatchPredicate;
using net::PortPredicate;

PortPredicate ParsePredicate(const Predicate& proto);

PortPredicate ParseSet(PortPredicate::Kind kind, const Predicate::MatchSet& proto) {
  PortPredicate predicate;
  predicate.kind = kind;
  for (const Predicate& rule : proto.rules()) predicate.parts.push_back(ParsePredicate(rule));
  return predicate;
}

// Its depth is bounded by the loader's limit on nested messages.
PortPredicate ParsePredicate(const Predicate& proto) {
  PortPredicate predicate;
  switch (proto.rule_case()) {
    case Predicate::kOrMatch:
      return ParseSet(PortPredicate::Kind::kAny, proto.or_match());
    case Predicate::kAndMatch:
      return ParseSet(PortPredicate::Kind::kAll, proto.and_match());
    case Predicate::kNotMatch:
      predicate.kind = PortPredicate::Kind::kNot;
      predicate.parts.push_back(ParsePredicate(proto.not_match()));
      break;
    case Predicate::kAnyMatch:
      // The rules refuse false.
      if (proto.any_match()) predicate.kind = PortPredicate::Kind::kAlways;
      break;
    case Predicate::kDestinationPortRange:
      predicate.kind = PortPredicate::Kind::kRange;
      predicate.first = proto.destination_port_range().start();
      predicate.end = proto.destination_port_range().end();
      break;
    case Predicate::RULE_NOT_SET:
      break;
  }
  return predicate;
}

}  // namespace

std::vector<net::ListenerFilterFactory> ParseListenerFilters(
    const google::protobuf::RepeatedPtrField<lds::ListenerFilter>& protos, const FieldPath& path,
    Translation& translation) {
  std::vector<net::ListenerFilterFactory> filters;
  for (int i = 0; i < protos.size(); ++i) {
    const lds::ListenerFilter& proto = protos[i];
    const FieldPath filter_path = path.Index(static_cast<size_t>(i));
    const std::string& url = proto.typed_config().type_url();
    const ListenerFilterEntry* entry = translation.registry.FindListenerFilter(url);
    if (entry == nullptr) {
      AddNoImplementation(proto.name(), url, filter_path, translation);
      continue;
    }
    net::ListenerFilterFactory factory;
    factory.name = proto.name();
    factory.type_name = entry->type_name;
    if (proto.has_filter_disabled()) factory.disabled = ParsePredicate(proto.filter_disabled());
    const FieldPath config_path = filter_path.Field("typed_config");
    ConfigContext context(translation.errors, config_path.ToString(), &translation);
    if (entry->parse(proto.typed_config(), context, factory)) filters.push_back(std::move(factory));
  }
  return filters;
}

}  // namespace remora::config
