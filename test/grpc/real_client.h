#pragma once

// RealClient: a client of the gRPC library, blocking, for messages of any bytes.
//
// One channel, one connection. Every call has a deadline (30 s unless it says less), so that a test
// fails and does not hang. Owner and thread: the test's.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "source/net/address.h"

namespace remora::fakes {

// How a call ended.
struct CallResult {
  int code = -1;  // grpc::StatusCode
  std::string text;
  std::string answer;  // of a unary call
};

class RealClient {
 public:
  explicit RealClient(const net::Address& server);
  ~RealClient();

  CallResult Unary(const std::string& path, const std::string& message,
                   std::chrono::milliseconds deadline = std::chrono::seconds(30));

  // Messages both ways, in the test's order.
  class Stream {
   public:
    Stream(RealClient& client, const std::string& path);
    ~Stream();
    bool Write(const std::string& message);
    void EndWriting();
    // False at the end.
    bool Read(std::string& message);
    void Cancel();
    CallResult Finish();

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace remora::fakes
