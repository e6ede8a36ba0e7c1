#pragma once

// The steps of an explanation between a connection's filter chain and the cluster: what the HTTP
// connection manager, the route table and the router make of a request's head.
//
// Owner: nobody, plain functions. Thread: the worker's. Nothing fails: what ends a request ends the
// explanation, with the answer that it would get.

#include "source/explain/explain.h"
#include "source/http/connection_manager/config.h"

namespace remora::explain {

struct HttpConnection {
  const net::Address& source;
  const net::Address& local;
  bool restored;  // `local` is where the client wanted to go before it was redirected
  bool tls;
};

void ExplainRequest(const Question& question, const connection_manager::Config& config,
                    const HttpConnection& connection, const Surroundings& worker,
                    Explanation& answer);

}  // namespace remora::explain
