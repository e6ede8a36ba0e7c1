#pragma once

// Forwarded: one request on its way out through a client codec of HTTP/1, of which only the output
// counts: read by the strict parser of test/harness it must be exactly the request that was
// accepted, or no whole one. One exchange; thread: the target's; throws FuzzFailure.

#include <string>

#include "source/http/http1/client_codec.h"
#include "test/fuzz/targets/http1_rig.h"
#include "test/harness/message.h"

namespace remora::fuzz {

struct Forwarded final : public http::ClientCodecEvents, public http::ResponseSink {
  Forwarded(Pools& pools, const http1::ClientOptions& options, base::Arena& arena)
      : output(pools.blocks), codec(*this, output, options) {
    stream = &codec.NewStream(*this, arena);
  }
  void OnOutput() override {}
  void OnUnusable() override { unusable = true; }
  void OnTunnelEnd() override {}
  void OnInputInterestChanged() override {}
  void OnHead(http::ResponseHead&) override {}
  void OnData(buffer::Buffer&) override {}
  void OnEnd(http::HeaderMap*) override {}
  void OnReset(const http::ProxyError&) override {}

  void CheckWhole(const Parts& request) {
    Require(!unusable, "a whole request made the connection unusable");
    std::string bytes = output.ToString();
    try {
      const auto message = harness::TakeMessage(bytes, harness::MessageKind::kRequest);
      Require(message.has_value(), "a whole request was forwarded in part: " + output.ToString());
      Require(bytes.empty(), "more than one request was forwarded: " + output.ToString());
      Require(message->body == request.body, "another body was forwarded");
      Require(request.head.starts_with(message->method + " "), "another method was forwarded");
      Require(message->Count("host") == 1, "not one Host was forwarded");
    } catch (const harness::MalformedMessage& error) {
      throw FuzzFailure(std::string("forwarded: ") + error.what());
    }
  }
  void CheckUnfinished() {
    std::string bytes = output.ToString();
    try {
      Require(!harness::TakeMessage(bytes, harness::MessageKind::kRequest).has_value(),
              "an unfinished request was forwarded whole: " + output.ToString());
    } catch (const harness::MalformedMessage& error) {
      throw FuzzFailure(std::string("forwarded: ") + error.what());
    }
  }

  buffer::Buffer output;
  bool unusable = false;
  http1::ClientCodec codec;
  http::ClientCodecStream* stream = nullptr;
};

}  // namespace remora::fuzz
