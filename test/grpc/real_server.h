#pragma once

// RealServer: a server of the gRPC library in this process, on 127.0.0.1 and a free port.
//
// It serves every path; what a method does is its name:
//   Echo     sends each message back; ends when the client does
//   Swallow  reads everything, then answers "<messages> <bytes>"
//   Many     reads "<count> <size>" and sends so many messages of that size
//   Fail     ends with FAILED_PRECONDITION and a text of all kinds of bytes
//   Fields   answers with initial metadata x-got (the client's x-ask) and trailers x-end
//   Silent   reads and never answers;  Stuck: does not even read
// and any other name does as Swallow, or as Answer() said. Threads: the library's; the test reads
// what they noted.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/net/address.h"

namespace remora::fakes {

class RealServer {
 public:
  // Port 0: a free one. Another server's port when that has gone.
  explicit RealServer(uint16_t port = 0);
  ~RealServer();
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  net::Address address() const;
  // What methods of other names answer a message with; nothing: they never do. Called on the
  // library's threads.
  using Method = std::function<std::optional<std::string>(const std::string& message)>;
  void Answer(Method method);
  // The same, for each message of calls that go on until their client ends them.
  void Converse(Method method);
  // All messages that clients have sent, in the order of their arrival.
  std::vector<std::string> messages() const;
  // Waits until there are so many, or throws.
  std::vector<std::string> AwaitMessages(size_t count) const;
  // Calls that were begun, and those that their clients gave up.
  size_t calls() const;
  size_t cancelled() const;
  void AwaitCancelled(size_t count) const;
  // The authority and content-type-free metadata of the last call, "name=value" sorted.
  std::vector<std::string> last_fields() const;
  // Ends all calls and connections.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace remora::fakes
