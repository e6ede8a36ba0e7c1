#pragma once

// Client: a downstream client: a Wire with the few requests that most tests send.

#include <string_view>
#include <utility>
#include <vector>

#include "test/harness/wire.h"

namespace remora::harness {

class Client : public Wire {
 public:
  explicit Client(Wire wire) : Wire(std::move(wire)) {}

  // Sends a request and waits for its response. `host: test.local` goes with every one.
  Message Get(std::string_view path, const std::vector<Field>& fields = {});
  Message Head(std::string_view path);
  Message Post(std::string_view path, std::string_view body, const std::vector<Field>& fields = {});
};

// The bytes of a request; a body brings its content-length with it.
std::string MakeRequest(std::string_view method, std::string_view path,
                        const std::vector<Field>& fields = {}, std::string_view body = {});
// A body in chunks of `size`, with the last chunk.
std::string MakeChunked(std::string_view body, size_t size);

}  // namespace remora::harness
