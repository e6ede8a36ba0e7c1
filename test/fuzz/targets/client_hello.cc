#include "source/net/client_hello.h"

#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

using net::ClientHello;
using net::ClientHelloParse;

// What a prefix says for certain, the whole says too: a listener looks at every arrival.
void RunClientHello(std::string_view input) {
  ClientHello whole;
  const ClientHelloParse end = net::ParseClientHello(input, whole);
  if (end == ClientHelloParse::kComplete) {
    Require(whole.server_name.size() <= 255, "a name that is too long");
    Require(whole.server_name.find('\0') == std::string::npos, "a name with a zero byte");
    for (const std::string& protocol : whole.protocols) {
      Require(!protocol.empty() && protocol.size() <= 255, "a protocol without a name");
    }
  }
  Require(end != ClientHelloParse::kIncomplete || input.size() < net::kMaxClientHello,
          "more is wanted than there may be");
  const size_t step = input.size() < 512 ? 1 : input.size() / 256;
  for (size_t size = 0; size < input.size(); size += step) {
    ClientHello part;
    const ClientHelloParse now = net::ParseClientHello(input.substr(0, size), part);
    if (now == ClientHelloParse::kIncomplete) continue;
    Require(now == end, "a prefix says something else");
    Require(part.server_name == whole.server_name && part.protocols == whole.protocols,
            "a prefix names something else");
  }
}

}  // namespace remora::fuzz
