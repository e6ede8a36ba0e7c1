#include "source/config/filter_chain_config.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "source/config/format_config.h"
#include "source/config/http_connection_manager_config.h"
#include "source/config/tcp_proxy_config.h"
#include "source/config/text.h"
#include "source/config/tls_config.h"

namespace remora::config {
namespace {

namespace lds = envoy::config::listener::v3;
using envoy::config::core::v3::CidrRange;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
using google::protobuf::RepeatedPtrField;

// --- what a chain takes ---

std::vector<net::CidrRange> ParseRanges(const RepeatedPtrField<CidrRange>& protos,
                                        const FieldPath& path, Translation& translation) {
  std::vector<net::CidrRange> ranges;
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath range = path.Index(static_cast<size_t>(i));
    if (const auto parsed = ParseCidrRange(protos[i], range, translation); parsed.has_value()) {
      ranges.push_back(*parsed);
    }
  }
  return ranges;
}

// ".example.com" for "*.example.com".
std::vector<std::string> ParseServerNames(const lds::FilterChainMatch& proto,
                                          const std::string& address, const FieldPath& path,
                                          Translation& translation) {
  std::vector<std::string> names;
  for (int i = 0; i < proto.server_names_size(); ++i) {
    const std::string& name = proto.server_names(i);
    const bool wildcard = name.starts_with("*.");
    if (name.find('*', wildcard ? 1 : 0) != std::string::npos) {
      translation.errors.Add(path.Index(static_cast<size_t>(i)),
                             Concat("error adding listener '", address,
                                    "': partial wildcards are not supported in \"server_names\""));
    }
    // Names have no case, and SNI is looked up in lower case.
    names.push_back(absl::AsciiStrToLower(wildcard ? name.substr(1) : name));
  }
  return names;
}

net::FilterChainMatch::SourceType ParseSourceType(
    lds::FilterChainMatch::ConnectionSourceType type) {
  switch (type) {
    case lds::FilterChainMatch::SAME_IP_OR_LOOPBACK:
      return net::FilterChainMatch::SourceType::kSameIpOrLoopback;
    case lds::FilterChainMatch::EXTERNAL:
      return net::FilterChainMatch::SourceType::kExternal;
    default:
      return net::FilterChainMatch::SourceType::kAny;
  }
}

net::FilterChainMatch ParseMatch(const lds::FilterChainMatch& proto, const std::string& address,
                                 const FieldPath& path, Translation& translation) {
  net::FilterChainMatch match;
  match.destination_port = static_cast<uint16_t>(proto.destination_port().value());
  match.prefix_ranges =
      ParseRanges(proto.prefix_ranges(), path.Field("prefix_ranges"), translation);
  match.server_names = ParseServerNames(proto, address, path.Field("server_names"), translation);
  match.transport_protocol = proto.transport_protocol();
  match.application_protocols = {proto.application_protocols().begin(),
                                 proto.application_protocols().end()};
  match.direct_source_prefix_ranges = ParseRanges(
      proto.direct_source_prefix_ranges(), path.Field("direct_source_prefix_ranges"), translation);
  match.source_type = ParseSourceType(proto.source_type());
  match.source_prefix_ranges =
      ParseRanges(proto.source_prefix_ranges(), path.Field("source_prefix_ranges"), translation);
  for (const uint32_t port : proto.source_ports()) {
    match.source_ports.push_back(static_cast<uint16_t>(port));
  }
  return match;
}

// --- what runs on a connection ---

// Envoy's name of an extension, which its messages use.
std::string Described(const lds::Filter& proto, std::string_view kind) {
  return Concat(proto.name(), " of type ", kind);
}

void CheckPlace(bool terminal, bool last, const std::string& described, const FieldPath& path,
                Translation& translation) {
  if (terminal && !last) {
    translation.errors.Add(path, Concat("Error: terminal filter named ", described,
                                        " must be the last filter in a network filter chain."));
  } else if (!terminal && last) {
    translation.errors.Add(path, Concat("Error: non-terminal filter named ", described,
                                        " is the last filter in a network filter chain."));
  }
}

void ParseHttp(const lds::Filter& proto, const FieldPath& path, Translation& translation,
               FilterChain& chain) {
  HttpConnectionManager manager;
  if (!proto.typed_config().UnpackTo(&manager)) {
    translation.errors.Add(path, "the value is damaged");
    return;
  }
  chain.http = ParseHttpConnectionManager(manager, path, translation);
}

void ParseTcp(const lds::Filter& proto, const FieldPath& path, Translation& translation,
              FilterChain& chain) {
  TcpProxy proxy;
  if (!proto.typed_config().UnpackTo(&proxy)) {
    translation.errors.Add(path, "the value is damaged");
    return;
  }
  chain.tcp = ParseTcpProxy(proxy, path, translation);
}

// A filter of the registry.
void ParseExtension(const NetworkFilterEntry& entry, const lds::Filter& proto,
                    const FieldPath& path, Translation& translation, FilterChain& chain) {
  ConfigContext context(translation.errors, path.ToString(), &translation);
  if (entry.parse_session != nullptr) {
    net::SessionFactory& session = chain.session.emplace();
    session.name = proto.name();
    entry.parse_session(proto.typed_config(), context, session);
    return;
  }
  net::GuardFactory& guard = chain.guards.emplace_back();
  guard.name = proto.name();
  entry.parse_guard(proto.typed_config(), context, guard);
}

void ParseNetworkFilter(const lds::Filter& proto, bool last, const FieldPath& path,
                        Translation& translation, FilterChain& chain) {
  const FieldPath config_path = path.Field("typed_config");
  if (proto.typed_config().Is<HttpConnectionManager>()) {
    CheckPlace(true, last, Described(proto, "envoy.filters.network.http_connection_manager"), path,
               translation);
    ParseHttp(proto, config_path, translation, chain);
    return;
  }
  if (proto.typed_config().Is<TcpProxy>()) {
    CheckPlace(true, last, Described(proto, "envoy.filters.network.tcp_proxy"), path, translation);
    ParseTcp(proto, config_path, translation, chain);
    return;
  }
  const std::string& url = proto.typed_config().type_url();
  const NetworkFilterEntry* entry = translation.registry.FindNetworkFilter(url);
  if (entry == nullptr) {
    AddNoImplementation(proto.name(), url, path, translation);
    return;
  }
  CheckPlace(entry->parse_session != nullptr, last, Described(proto, ExtensionName(TypeName(url))),
             path, translation);
  ParseExtension(*entry, proto, config_path, translation, chain);
}

std::shared_ptr<const FilterChain> ParseFilterChain(const lds::FilterChain& proto,
                                                    const std::string& address,
                                                    const FieldPath& path,
                                                    Translation& translation) {
  FilterChain chain;
  if (translation.known_chains.has_value()) {
    chain.meaning = MeaningOf(proto);
    const auto known = translation.known_chains->find(chain.meaning);
    if (known != translation.known_chains->end()) return known->second;
  }
  const size_t contexts_before = translation.tls_contexts.size();
  const size_t routes_before = translation.route_uses.size();
  const size_t scopes_before = translation.scope_uses.size();
  const size_t extensions_before = translation.extension_uses.size();
  chain.name = proto.name();
  chain.match = ParseMatch(proto.filter_chain_match(), address, path.Field("filter_chain_match"),
                           translation);
  if (proto.has_metadata()) chain.metadata = ParseMetadata(proto.metadata());
  if (proto.has_transport_socket()) {
    chain.transport =
        ParseDownstreamTransport(proto.transport_socket(), Concat("listener '", address, "'"),
                                 path.Field("transport_socket"), translation);
  }
  if (proto.has_transport_socket_connect_timeout()) {
    chain.transport_connect_timeout =
        ParseDuration(proto.transport_socket_connect_timeout(),
                      path.Field("transport_socket_connect_timeout"), translation);
  }
  const FieldPath filters = path.Field("filters");
  if (proto.filters().empty()) {
    translation.errors.Add(filters,
                           "a filter chain without filters is not supported: it needs one that "
                           "serves connections");
  }
  for (int i = 0; i < proto.filters_size(); ++i) {
    const FieldPath filter = filters.Index(static_cast<size_t>(i));
    ParseNetworkFilter(proto.filters(i), i + 1 == proto.filters_size(), filter, translation, chain);
  }
  const auto& contexts = translation.tls_contexts;
  chain.tls_contexts.assign(contexts.begin() + static_cast<ptrdiff_t>(contexts_before),
                            contexts.end());
  const auto& routes = translation.route_uses;
  chain.route_uses.assign(routes.begin() + static_cast<ptrdiff_t>(routes_before), routes.end());
  const auto& scopes = translation.scope_uses;
  chain.scope_uses.assign(scopes.begin() + static_cast<ptrdiff_t>(scopes_before), scopes.end());
  const auto& extensions = translation.extension_uses;
  chain.extension_uses.assign(extensions.begin() + static_cast<ptrdiff_t>(extensions_before),
                              extensions.end());
  return std::make_shared<const FilterChain>(std::move(chain));
}

// The chain before `index` with the same match; -1: none.
int SameMatch(const lds::Listener& proto, int index) {
  using google::protobuf::util::MessageDifferencer;
  for (int i = 0; i < index; ++i) {
    if (MessageDifferencer::Equivalent(proto.filter_chains(i).filter_chain_match(),
                                       proto.filter_chains(index).filter_chain_match())) {
      return i;
    }
  }
  return -1;
}

void BuildIndex(const lds::Listener& proto, const std::string& address, const FieldPath& path,
                Translation& translation, ListenerConfig& config) {
  net::FilterChainIndex index;
  for (int i = 0; i < proto.filter_chains_size(); ++i) {
    const auto number = static_cast<size_t>(i);
    if (index.Add(config.filter_chains[number]->match, number)) continue;
    const int same = SameMatch(proto, i);
    translation.errors.Add(
        path.Index(number),
        same < 0
            ? Concat("error adding listener '", address,
                     "': multiple filter chains with overlapping matching rules are defined")
            : Concat("error adding listener '", address, "': filter chain '",
                     proto.filter_chains(i).name(), "' has the same matching rules defined as '",
                     proto.filter_chains(same).name(), "'"));
    return;
  }
  config.index = std::make_shared<const net::FilterChainIndex>(std::move(index));
}

}  // namespace

void ParseFilterChains(const lds::Listener& proto, const std::string& address,
                       const FieldPath& path, Translation& translation, ListenerConfig& config) {
  const FieldPath chains = path.Field("filter_chains");
  if (proto.filter_chains().empty() && !proto.has_default_filter_chain()) {
    translation.errors.Add(
        chains, Concat("error adding listener '", address, "': no filter chains specified"));
    return;
  }
  for (int i = 0; i < proto.filter_chains_size(); ++i) {
    const FieldPath chain = chains.Index(static_cast<size_t>(i));
    config.filter_chains.push_back(
        ParseFilterChain(proto.filter_chains(i), address, chain, translation));
  }
  if (!proto.filter_chains().empty()) BuildIndex(proto, address, chains, translation, config);
  if (proto.has_default_filter_chain()) {
    const FieldPath chain = path.Field("default_filter_chain");
    config.default_filter_chain =
        ParseFilterChain(proto.default_filter_chain(), address, chain, translation);
  }
}

}  // namespace remora::config
