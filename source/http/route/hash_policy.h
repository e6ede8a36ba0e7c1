#pragma once

// HashPolicy: the hash of a request by which RING_HASH and MAGLEV choose a host.
//
// Every part that has something to hash changes the hash; without any there is none. A cookie part
// with a time to live gives a request without the cookie one, which the router puts into the
// response. Compiled by RouteTable::Build, immutable; any thread. Nothing fails.
// Source: envoy.config.route.v3.RouteAction.HashPolicy, Envoy source/common/http/hash_policy.cc;
// the hash is XXH64.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/http/route/config.h"
#include "source/http/route/regex.h"

namespace remora::net {
class Address;
}

namespace remora::route {

class HashPolicy {
 public:
  static absl::StatusOr<HashPolicy> Compile(std::vector<HashPart> config,
                                            uint32_t max_program_size);

  // What a request's connection contributes.
  struct Client {
    const net::Address* address = nullptr;  // whom the request comes from; null: not known
    // Both ends of the connection, "ip:port": what a new cookie is made of.
    std::function<std::string()> ends;
  };
  // `give_cookie` gets the value of a set-cookie field for each cookie that is made.
  std::optional<uint64_t> Hash(const http::RequestHead& head, const Client& client,
                               const std::function<void(std::string)>& give_cookie) const;

 private:
  struct Part {
    HashPart config;
    std::optional<RegexSubstitution> rewrite;
  };
  HashPolicy() = default;

  static std::optional<uint64_t> HashField(const Part& part, const http::RequestHead& head);
  static std::optional<uint64_t> HashCookie(const Part& part, const http::RequestHead& head,
                                            const Client& client,
                                            const std::function<void(std::string)>& give_cookie);
  static std::optional<uint64_t> HashAddress(const Client& client);

  std::vector<Part> parts_;
};

// The value of the first cookie of that name in the request.
std::optional<std::string_view> FindCookie(const http::RequestHead& head, std::string_view name);

}  // namespace remora::route
