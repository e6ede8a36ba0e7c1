#include "source/net/proxy_header.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {

using net::ProxyHeader;
using net::ProxyHeaderParse;

namespace {

// What was read, written and read again, is the same.
void RequireRoundTrip(const ProxyHeader& header) {
  const std::string bytes =
      header.version == 1 ? net::WriteProxyHeaderV1(header.source, header.destination)
                          : net::WriteProxyHeaderV2(header.source, header.destination, header.tlvs);
  ProxyHeader again;
  Require(net::ParseProxyHeader(bytes, again) == ProxyHeaderParse::kComplete,
          "what is written is not read");
  Require(again.size == bytes.size() && again.local == header.local &&
              again.tlvs.size() == header.tlvs.size(),
          "what is written is read otherwise");
  if (header.local) return;
  Require(again.source == header.source && again.destination == header.destination,
          "other addresses are read");
}

}  // namespace

void RunProxyProtocol(std::string_view input) {
  ProxyHeader whole;
  const ProxyHeaderParse end = net::ParseProxyHeader(input, whole);
  if (end == ProxyHeaderParse::kComplete) {
    Require(whole.size <= input.size(), "a header longer than its bytes");
    RequireRoundTrip(whole);
  }
  if (end == ProxyHeaderParse::kIncomplete) {
    Require(whole.size == 0 || whole.size > input.size(),
            "all bytes are there and more are wanted");
    Require(input.size() < net::kMaxProxyHeader, "more is wanted than there may be");
  }
  const size_t step = input.size() < 512 ? 1 : input.size() / 256;
  for (size_t size = 0; size < input.size(); size += step) {
    ProxyHeader part;
    const ProxyHeaderParse now = net::ParseProxyHeader(input.substr(0, size), part);
    if (now == ProxyHeaderParse::kIncomplete) continue;
    Require(now == end && part.size == whole.size, "a prefix says something else");
  }
}

}  // namespace remora::fuzz
