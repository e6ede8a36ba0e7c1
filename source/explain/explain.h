#pragma once

// Explain: asks what decides for requests, and notes what it says.
//
// Thread: a worker's, whose view of the configuration it is; it takes about as long as a request
// and a look at each candidate. Nothing fails: a question without an answer ends with the step that
// has none.

#include <functional>
#include <string_view>
#include <vector>

#include "source/base/arena.h"
#include "source/config/listener.h"
#include "source/explain/explanation.h"
#include "source/explain/question.h"
#include "source/net/address.h"
#include "source/upstream/cluster_set.h"

namespace remora::explain {

// A listener of the worker, and where it is bound.
struct ServedListener {
  const config::ListenerConfig& config;
  const std::vector<net::Address>& addresses;
};

// What a worker lends.
struct Surroundings {
  upstream::ClusterSet& clusters;
  std::string_view own_ip;  // http/connection_manager/header_policy.h
  std::vector<ServedListener> listeners;
  // The listener that serves an address; null: none does.
  std::function<const config::ListenerConfig*(const net::Address&)> find_listener;
};

Explanation Explain(const Question& question, const Surroundings& worker);

}  // namespace remora::explain
