#pragma once

// A request head written down in a test: Request("a.com", "/x", {{"accept", "*/*"}}).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/arena.h"
#include "source/base/check.h"
#include "source/http/message.h"

// Both base/check.h and Catch2 define CHECK; tests mean the latter.
#undef CHECK
#include <catch2/catch.hpp>

namespace remora::route {

using Fields = std::vector<std::pair<std::string, std::string>>;

class Request {
 public:
  Request(std::string_view authority, std::string_view path, const Fields& fields = {},
          std::string_view method = "GET")
      : arena_(pool_), head_(arena_) {
    head_.method = arena_.Copy(method);
    head_.method_id = http::ParseMethod(method);
    head_.scheme = "http";
    head_.authority = arena_.Copy(authority);
    head_.path = arena_.Copy(path);
    for (const auto& [name, value] : fields) head_.headers.Add(name, value);
  }

  const http::RequestHead& head() const { return head_; }
  http::RequestHead& head() { return head_; }

 private:
  base::ArenaPool pool_;
  base::Arena arena_;
  http::RequestHead head_;
};

}  // namespace remora::route
