#include "test/harness/scripted_upstream.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "source/http/codes.h"
#include "source/net/socket.h"

namespace remora::harness {

struct ScriptedUpstream::State {
  ~State() { Stop(); }

  void Listen() {
    absl::StatusOr<net::Socket> bound = net::BindListener(address, {});
    if (!bound.ok()) throw WireError(std::string(bound.status().message()));
    const absl::Status status = net::StartListening(*bound, {});
    if (!status.ok()) throw WireError(std::string(status.message()));
    listener = *std::move(bound);
    address = net::LocalAddress(listener.fd());
  }

  // The next connection; a closed wire when told to stop.
  Wire Accept(int timeout_ms) {
    pollfd fds[2] = {{listener.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, timeout_ms);
    if (ready == 0) throw WireError("nobody connected to the upstream");
    if (fds[1].revents != 0) return Wire(-1);
    const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) throw WireError(std::string("accept: ") + strerror(errno));
    return Wire(fd);
  }

  void AcceptAll() {
    while (true) {
      Wire wire = Accept(-1);
      if (!wire.open()) return;
      const std::lock_guard lock(mutex);
      wires.push_back(std::move(wire));
      workers.emplace_back([this, wire = &wires.back()] { Serve(*wire); });
    }
  }

  void Serve(Wire& wire) {
    try {
      while (true) {
        // An idle connection waits for as long as the test lasts; Stop() shuts it down.
        if (!wire.AwaitBytes()) return;
        Message request = wire.ReceiveRequest();
        Script now;
        {
          const std::lock_guard lock(mutex);
          requests.push_back(request);
          now = script;
        }
        const Answer answer = now(request);
        wire.Send(answer.bytes);
        if (answer.close) {
          shutdown(wire.fd(), SHUT_RDWR);
          return;
        }
      }
    } catch (const MalformedMessage& error) {
      const std::lock_guard lock(mutex);
      failures += error.what();
    } catch (const WireError&) {
      // The proxy, or the end of the test, closed the connection.
    }
  }

  void Stop() {
    const uint64_t one = 1;
    if (write(stop.fd(), &one, sizeof(one)) != sizeof(one)) std::terminate();
    if (acceptor.joinable()) acceptor.join();
    for (Wire& wire : wires) shutdown(wire.fd(), SHUT_RDWR);
    for (std::thread& worker : workers) worker.join();
    workers.clear();
    wires.clear();
  }

  net::Address address;
  net::Socket listener;
  net::Socket stop{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread acceptor;

  mutable std::mutex mutex;  // over what follows
  Script script;
  std::list<Wire> wires;
  std::list<std::thread> workers;
  std::vector<Message> requests;
  std::string failures;
};

ScriptedUpstream::ScriptedUpstream() : ScriptedUpstream(*net::Address::Ip("127.0.0.1", 0)) {}

ScriptedUpstream::ScriptedUpstream(const net::Address& listen_on)
    : state_(std::make_shared<State>()) {
  state_->address = listen_on;
  state_->Listen();
}

ScriptedUpstream& ScriptedUpstream::Respond(int status, std::string_view body,
                                            const std::vector<Field>& fields) {
  return RespondWith(MakeResponse(status, body, fields));
}

ScriptedUpstream& ScriptedUpstream::RespondWith(std::string bytes, bool close) {
  return Run([answer = Answer{std::move(bytes), close}](const Message&) { return answer; });
}

ScriptedUpstream& ScriptedUpstream::Run(Script script) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->script = std::move(script);
  }
  if (!state_->acceptor.joinable()) {
    state_->acceptor = std::thread([state = state_.get()] { state->AcceptAll(); });
  }
  return *this;
}

std::vector<Message> ScriptedUpstream::requests() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->failures.empty()) throw MalformedMessage("upstream got: " + state_->failures);
  return state_->requests;
}

size_t ScriptedUpstream::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->wires.size();
}

Wire ScriptedUpstream::Accept() {
  return state_->Accept(static_cast<int>(kPatience / std::chrono::milliseconds(1)));
}

bool ScriptedUpstream::HasConnection() const {
  pollfd poll_fd = {state_->listener.fd(), POLLIN, 0};
  return poll(&poll_fd, 1, 0) > 0;
}

void ScriptedUpstream::Unlisten() { state_->listener.Close(); }
void ScriptedUpstream::Listen() { state_->Listen(); }
void ScriptedUpstream::Stop() { state_->Stop(); }
const net::Address& ScriptedUpstream::address() const { return state_->address; }

std::string MakeResponse(int status, std::string_view body, const std::vector<Field>& fields) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text += std::string(http::ReasonPhrase(static_cast<uint16_t>(status))) + "\r\n";
  for (const Field& field : fields) text += field.name + ": " + field.value + "\r\n";
  text += "content-length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text + std::string(body);
}

}  // namespace remora::harness
