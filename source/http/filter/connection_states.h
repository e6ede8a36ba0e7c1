#pragma once

// ConnectionStates: what filters keep for a downstream connection, longer than one stream.
//
// Owner: the session; dies with the connection. Thread: its worker. Nothing is made before a filter
// asks. Keys are addresses of configuration values, which outlive the connection. Nothing fails.

#include <memory>
#include <utility>
#include <vector>

#include "source/http/filter/filter.h"

namespace remora::http {

class ConnectionStates {
 public:
  // The state under `key`; `make` makes it the first time.
  template <class T, class Make>
  T& FindOrMake(const void* key, const Make& make) {
    if (states_ == nullptr) states_ = std::make_unique<States>();
    for (const auto& [known, state] : *states_) {
      if (known == key) return static_cast<T&>(*state);
    }
    std::unique_ptr<T> made = make();
    T& state = *made;
    states_->emplace_back(key, std::move(made));
    return state;
  }

 private:
  // A connection has at most a few, most have none: an idle one holds a pointer.
  using States = std::vector<std::pair<const void*, std::unique_ptr<FilterWorkerState>>>;
  std::unique_ptr<States> states_;
};

}  // namespace remora::http
