#pragma once

// ScriptedUpstream: an origin server in the hands of a test.
//
// By hand:  Wire c = up.Accept(); c.ReceiveRequest(); c.Send("HTTP/1.1 200 OK\r\n...");
// By script: up.Respond(200, "hi"): every request on every connection gets that answer, from a
// thread of its own; requests are kept for inspection.
//
// A handle: copies stand for the same server. It listens from the moment it is made (127.0.0.1, a
// port of the kernel's choice). Connections end when the harness stops.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/net/address.h"
#include "test/harness/message.h"
#include "test/harness/wire.h"

namespace remora::harness {

class ScriptedUpstream {
 public:
  // What one request is answered with.
  struct Answer {
    std::string bytes;
    bool close = false;  // end the connection behind it
  };
  using Script = std::function<Answer(const Message&)>;

  ScriptedUpstream();
  explicit ScriptedUpstream(const net::Address& listen_on);

  // Scripts; the first call starts the thread, later ones change the answer.
  ScriptedUpstream& Respond(int status, std::string_view body,
                            const std::vector<Field>& fields = {});
  ScriptedUpstream& RespondWith(std::string bytes, bool close = false);
  ScriptedUpstream& Run(Script script);
  // The requests that scripts have answered. Throws when one was malformed.
  std::vector<Message> requests() const;
  size_t connections() const;

  // The next connection, by hand.
  Wire Accept();
  // A connection waits to be accepted now.
  bool HasConnection() const;
  // Refuses connections from now on; Listen takes the same port again.
  void Unlisten();
  void Listen();
  // Ends the script's threads and their connections.
  void Stop();

  const net::Address& address() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A whole response with Content-Length.
std::string MakeResponse(int status, std::string_view body, const std::vector<Field>& fields = {});

}  // namespace remora::harness
