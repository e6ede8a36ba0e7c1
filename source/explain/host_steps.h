#pragma once

// The last steps of an explanation: which host of a cluster a request gets, and in which state
// cluster and host are.
//
// Owner: nobody, plain functions. Thread: the worker that the cluster's runtime belongs to. Nothing
// fails: without a host the outcome says what requests are told.

#include "source/explain/explanation.h"
#include "source/http/message.h"
#include "source/http/proxy_error.h"
#include "source/net/address.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::explain {

struct HostQuestion {
  upstream::Priority priority = upstream::Priority::kDefault;
  std::optional<uint64_t> hash = std::nullopt;
  const http::RequestHead* request = nullptr;  // null: there is none
  // Where the client wanted to go before it was redirected; null: not known.
  const net::Address* restored = nullptr;
};

// The answer that requests get after such a failure; `status`: another one than usual, if not 0.
Outcome OutcomeOf(http::ErrorKind kind, std::string text, uint16_t status = 0);

// Adds what stands in the way to the last step, and the step of the host; sets the outcome.
void ExplainHost(upstream::ClusterRuntime& cluster, const HostQuestion& question,
                 Explanation& answer);

}  // namespace remora::explain
