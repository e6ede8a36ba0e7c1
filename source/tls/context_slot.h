#pragma once

// ContextSlot: where connections find the context of the moment.
//
// Owner: its ContextSource. Threads: main puts a new context in, workers take it out once for each
// new connection; the one thing here that changes while it is shared
// (docs/threading_and_lifetime.md). Empty: the secrets are not there yet. Nothing fails.

#include <atomic>
#include <memory>
#include <utility>

#include "source/tls/context.h"

namespace remora::tls {

class ContextSlot {
 public:
  std::shared_ptr<const Context> Get() const { return context_.load(std::memory_order_acquire); }
  void Put(std::shared_ptr<const Context> context) {
    context_.store(std::move(context), std::memory_order_release);
  }

 private:
  std::atomic<std::shared_ptr<const Context>> context_;
};

}  // namespace remora::tls
