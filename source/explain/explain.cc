#include "source/explain/explain.h"

#include <algorithm>
#include <utility>

#include "source/config/text.h"
#include "source/explain/host_steps.h"
#include "source/explain/http_steps.h"
#include "source/tcp/config.h"

namespace remora::explain {
namespace {

using Condition = net::FilterChainIndex::Condition;
using config::Concat;
using config::FilterChain;
using config::ListenerConfig;

constexpr std::string_view kTlsInspector =
    "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
constexpr std::string_view kHttpInspector =
    "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector";
constexpr std::string_view kOriginalDst =
    "envoy.extensions.filters.listener.original_dst.v3.OriginalDst";
constexpr std::string_view kProxyProtocol =
    "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

std::string_view NameOf(Condition condition) {
  switch (condition) {
    case Condition::kDestinationPort:
      return "destination_port";
    case Condition::kDestinationPrefix:
      return "prefix_ranges";
    case Condition::kServerName:
      return "server_names";
    case Condition::kTransportProtocol:
      return "transport_protocol";
    case Condition::kApplicationProtocols:
      return "application_protocols";
    case Condition::kDirectSourcePrefix:
      return "direct_source_prefix_ranges";
    case Condition::kSourceType:
      return "source_type";
    case Condition::kSourcePrefix:
      return "source_prefix_ranges";
    case Condition::kSourcePort:
      return "source_ports";
  }
  return {};
}

// Whether it looks at connections to `local`.
bool HasFilter(const ListenerConfig& listener, std::string_view type_name,
               const net::Address& local) {
  return std::any_of(listener.listener_filters.begin(), listener.listener_filters.end(),
                     [&](const net::ListenerFilterFactory& filter) {
                       return filter.type_name == type_name && !filter.disabled.Holds(local);
                     });
}

std::string ChainName(const ListenerConfig& listener, std::optional<size_t> chain) {
  if (!chain.has_value()) return "the default filter chain";
  const std::string& name = listener.filter_chains[*chain]->name;
  return name.empty() ? Concat("filter_chains[", *chain, "]")
                      : Concat("filter_chains[", *chain, "] '", name, "'");
}

// Finds the listener and the filter chain of the connection.
class ConnectionWalk {
 public:
  ConnectionWalk(const Question& question, const Surroundings& worker, Explanation& answer)
      : question_(question), worker_(worker), answer_(answer) {}

  void Run() {
    Step step{"listener"};
    const ServedListener* asked = FindAsked(step);
    if (asked == nullptr) return Close(std::move(step), "no listener serves it");
    const ListenerConfig* listener = &asked->config;
    const net::Address own = asked->addresses.empty() ? listener->address : asked->addresses[0];
    local_ = own;
    const bool restores =
        HasFilter(*listener, kOriginalDst, own) || HasFilter(*listener, kProxyProtocol, own);
    restored_ = restores && question_.destination.has_value();
    if (restored_) local_ = *question_.destination;
    if (listener->hands_over && restored_) {
      // As ActiveListener::Elsewhere: nobody there means this one.
      const ListenerConfig* other = worker_.find_listener(local_);
      if (other != nullptr && other != listener) {
        step.losers.push_back({listener->name, "use_original_dst: it hands the connection over"});
        listener = other;
      }
    }
    step.chosen = listener->name;
    step.facts.push_back({"address", own.ToString()});
    step.facts.push_back({"destination", local_.ToString()});
    step.origin = {Origin::Type::kListener, listener->name, {}};
    answer_.steps.push_back(std::move(step));
    ChooseChain(*listener);
  }

 private:
  void Close(Step step, std::string why) {
    answer_.steps.push_back(std::move(step));
    answer_.outcome.text = std::move(why);
  }

  static bool IsNamed(const ServedListener& listener, const std::string& text) {
    if (listener.config.name == text) return true;
    return std::any_of(
        listener.addresses.begin(), listener.addresses.end(), [&text](const net::Address& address) {
          return address.ToString() == text || (address.is_ip() && Concat(address.port()) == text);
        });
  }

  const ServedListener* FindAsked(Step& step) {
    const ListenerConfig* at = nullptr;
    if (question_.listener.empty() && question_.destination.has_value()) {
      at = worker_.find_listener(*question_.destination);
    }
    const bool only = question_.listener.empty() && worker_.listeners.size() == 1;
    for (const ServedListener& listener : worker_.listeners) {
      if (only || at == &listener.config ||
          (!question_.listener.empty() && IsNamed(listener, question_.listener))) {
        return &listener;
      }
    }
    for (const ServedListener& listener : worker_.listeners) {
      step.AddLoser([&] {
        return Loser{listener.config.name, listener.addresses.empty()
                                               ? "it is not bound"
                                               : listener.addresses[0].ToString()};
      });
    }
    return nullptr;
  }

  void ChooseChain(const ListenerConfig& listener) {
    Step step{"filter chain"};
    const net::Address source =
        question_.source.has_value() ? *question_.source : *net::Address::Ip("127.0.0.1", 0);
    const bool inspects = HasFilter(listener, kTlsInspector, local_);
    const std::vector<std::string> http1 = {"http/1.1"};
    net::ConnectionTraits traits{local_, source, source, {}, "raw_buffer", nullptr};
    if (inspects && question_.tls) {
      traits.server_name = question_.server_name;
      traits.transport_protocol = "tls";
      traits.application_protocols = &question_.application_protocols;
    } else if (!question_.tls && HasFilter(listener, kHttpInspector, local_)) {
      traits.application_protocols = &http1;
    } else if (question_.tls && listener.index != nullptr) {
      step.facts.push_back({"note", "without a tls_inspector the server name is not seen here"});
    }
    std::optional<size_t> found;
    if (listener.index != nullptr) {
      std::vector<net::FilterChainIndex::Loser> losers;
      found = listener.index->Explain(traits, losers);
      for (const auto& loser : losers) {
        step.AddLoser([&] {
          return Loser{ChainName(listener, loser.chain), std::string(NameOf(loser.condition))};
        });
      }
    }
    if (found.has_value() && listener.default_filter_chain != nullptr) {
      step.losers.push_back({ChainName(listener, std::nullopt), "another one takes it"});
    }
    const FilterChain* chain = found.has_value() ? listener.filter_chains[*found].get()
                                                 : listener.default_filter_chain.get();
    if (chain == nullptr) {
      return Close(std::move(step),
                   "no filter chain takes it: the connection is closed "
                   "(filter_chain_not_found)");
    }
    answer_.place.filter_chain = found;
    step.chosen = ChainName(listener, found);
    step.facts.push_back({"transport", chain->transport != nullptr ? "tls" : "plain text"});
    for (const net::GuardFactory& guard : chain->guards) {
      step.facts.push_back({"network filter", guard.name + " (may refuse the connection)"});
    }
    answer_.steps.push_back(std::move(step));
    Enter(*chain, source);
  }

  void Enter(const FilterChain& chain, const net::Address& source) {
    if (chain.http != nullptr) {
      const HttpConnection connection{source, local_, restored_, chain.transport != nullptr};
      ExplainRequest(question_, *chain.http, connection, worker_, answer_);
    } else if (chain.tcp != nullptr) {
      ExplainTcp(*chain.tcp);
    } else {
      answer_.outcome.forwarded = false;
      answer_.outcome.text =
          Concat("the connection is served by the network filter ", chain.session->name);
    }
  }

  void ExplainTcp(const tcp::Config& proxy) {
    const uint64_t random =
        question_.random.has_value() ? *question_.random : worker_.clusters.worker().random.Next();
    const std::string& name = tcp::PickCluster(proxy, random);
    Step step{"cluster", name};
    step.facts.push_back({"tcp proxy", proxy.stat_prefix});
    for (const tcp::WeightedCluster& other : proxy.clusters) {
      if (other.name == name) continue;
      step.AddLoser([&] {
        return Loser{other.name, Concat("weight ", other.weight, " of ", proxy.total_weight)};
      });
    }
    step.origin = {Origin::Type::kCluster, name, {}};
    answer_.steps.push_back(std::move(step));
    upstream::ClusterRuntime* cluster = worker_.clusters.Find(name);
    if (cluster == nullptr) {
      answer_.outcome.text = "there is no such cluster: the connection is closed";
      return;
    }
    HostQuestion wanted;
    wanted.restored = restored_ ? &local_ : nullptr;
    ExplainHost(*cluster, wanted, answer_);
  }

  const Question& question_;
  const Surroundings& worker_;
  Explanation& answer_;
  net::Address local_;
  bool restored_ = false;
};

}  // namespace

Explanation Explain(const Question& question, const Surroundings& worker) {
  Explanation answer;
  ConnectionWalk(question, worker, answer).Run();
  return answer;
}

}  // namespace remora::explain
