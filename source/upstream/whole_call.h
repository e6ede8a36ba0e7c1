#pragma once

// WholeCall: one request that the proxy itself makes, and its whole answer.
//
//   Start --> AsyncRequest --> head, body (up to a limit), end --> OnCallResult, once
//
// Owner: whoever asks; letting go of it cancels. Thread: the cluster's worker. Every failure is a
// result, never from within the constructor. One try, within the timeout.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "source/event/clock.h"
#include "source/upstream/async_request.h"

namespace remora::upstream {

using CallFields = std::vector<std::pair<std::string, std::string>>;

// All of it can be sent: names and values are valid.
struct CallRequest {
  std::string cluster;
  std::string method;
  std::string authority;
  std::string path;
  CallFields fields;
  std::string body;
  event::Duration timeout = event::kSecond;  // 0: none
  uint64_t max_body = 0;                     // of the answer
};

struct CallResult {
  enum class Outcome : uint8_t { kAnswered, kFailed, kTimedOut, kTooLarge };
  Outcome outcome = Outcome::kFailed;
  http::ErrorKind error = http::ErrorKind::kNone;  // kFailed, kTimedOut: why
  uint16_t status = 0;
  CallFields fields;
  std::string body;
};

class CallUser {
 public:
  // The last thing that a call does; it may be let go of meanwhile.
  virtual void OnCallResult(const CallResult& result) = 0;

 protected:
  ~CallUser() = default;
};

class WholeCall final : private AsyncUser {
 public:
  WholeCall(ClusterRuntime& cluster, const CallRequest& request, CallUser& user);

 private:
  // AsyncUser
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap*) override { Finish(CallResult::Outcome::kAnswered); }
  void OnReset(const http::ProxyError& error) override;

  void Finish(CallResult::Outcome outcome);

  CallUser& user_;
  const uint64_t max_body_;
  AsyncRequestPtr request_;
  CallResult result_;
};

}  // namespace remora::upstream
