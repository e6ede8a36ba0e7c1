#pragma once

// ExchangeLog: what the proxy itself says about each exchange when it is over: status, response
// flags, response code details. Filled by a filter that stands first in the chain of every harness,
// read by the test. Threads: any.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "source/http/filter/filter.h"

namespace remora::harness {

struct Exchange {
  int status = 0;       // 0: no response was sent
  std::string flags;    // Envoy's words, "-" for none
  std::string details;  // Envoy's response code details
  std::string cluster;
  std::string upstream_host;
};

class ExchangeLog {
 public:
  void Add(Exchange exchange);
  // The next one in the order of their ends; waits for it, and throws when none comes.
  Exchange Take();

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<Exchange> exchanges_;
};

// The filter; `log` outlives the server.
http::FilterFactory ExchangeLogFilter(ExchangeLog* log);

}  // namespace remora::harness
