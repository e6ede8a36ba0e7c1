#pragma once

// Exchange: one request as its client made it, and what happened to it, seen from both ends.
//
// The ledger is the referee's memory: clients write down what they send and get, upstreams what
// they receive and answer, and every claim of one is compared with the other's. An exchange is
// found by the number in its `x-sim-id` field. Owner: Simulation. Nothing here knows the product.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/clock.h"
#include "test/harness/message.h"

namespace remora::sim {

// An upstream's answer to one delivery of a request.
struct Attempt {
  uint16_t port = 0;
  int status = 0;
  std::string body;
  std::vector<harness::Field> trailers;
  bool plain = true;   // an ordinary answer; else anything may come of it
  bool early = false;  // answered before the request was whole
  bool cut = false;    // the upstream ends it early on purpose
  bool request_whole = false;
  bool sent_whole = false;  // every byte was handed to the kernel
  event::TimePoint sent_at = 0;
};

// What both ends say in a tunnel, once an upgrade or a CONNECT was accepted.
struct Tunnel {
  bool asked = false;
  bool connect = false;
  std::string from_client;  // all that each is going to say
  std::string from_upstream;
  bool client_fin = false;    // it has said all of it, and FIN
  bool upstream_fin = false;  // the same
};

struct Exchange {
  enum class Outcome : uint8_t { kNone, kUpstream, kLocal, kCut };

  uint32_t id = 0;
  std::string method;
  std::string target;
  std::string authority;
  std::string body;
  std::vector<harness::Field> trailers;
  bool well_formed = true;
  bool http10 = false;
  bool sent_whole = false;
  event::TimePoint sent_at = 0;
  Tunnel tunnel;
  uint32_t mirrored = 0;  // copies that arrived
  uint16_t instance = 0;  // the upstream that its session cookies name, by port; 0: none
  bool excused = false;   // its client or its connection gave up: no answer is owed
  std::vector<Attempt> attempts;
  Outcome outcome = Outcome::kNone;
  int status = 0;  // what the client got
};

class Ledger {
 public:
  explicit Ledger(std::function<void(std::string)> violation) : violation_(std::move(violation)) {}

  Exchange& Add() {
    Exchange& exchange = exchanges_.emplace_back();
    exchange.id = static_cast<uint32_t>(exchanges_.size());
    return exchange;
  }
  // Null when there is no such number.
  Exchange* Find(std::string_view id);
  std::deque<Exchange>& exchanges() { return exchanges_; }
  void Violation(const std::string& what) { violation_(what); }

  // An upstream has received a whole request: was that what its client sent?
  void CheckRequest(const Exchange& exchange, const harness::Message& got);
  // The mirror has received a whole copy.
  void CheckMirrored(Exchange& exchange, const harness::Message& got);
  // A client has received a whole response.
  void CheckResponse(Exchange& exchange, const harness::Message& got);

  bool trailers_pass = false;  // the configuration lets trailers through
  bool lengths_made = false;   // chunked requests may get a length, and lose their trailers
  uint32_t tries = 1;          // how often a request may be tried
  uint64_t local_replies = 0;
  uint64_t upstream_replies = 0;

 private:
  void CheckMessage(const std::string& name, const Exchange& exchange, const std::string& authority,
                    const harness::Message& got);

  std::function<void(std::string)> violation_;
  std::deque<Exchange> exchanges_;
};

// Text of which every piece says where it belongs: "17.0:000032 17.0:000044 ...".
std::string Pattern(uint32_t id, std::string_view tag, size_t size);

}  // namespace remora::sim
