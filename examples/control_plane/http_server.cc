#include "examples/control_plane/http_server.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <utility>

#include "source/config/text.h"
#include "source/net/socket.h"

namespace remora::control_plane {
namespace {

constexpr ev_ssize_t kMaxHead = 16 * 1024;
constexpr ev_ssize_t kMaxBody = 16 * 1024 * 1024;
constexpr int kIdleSeconds = 60;

using Methods = std::pair<evhttp_cmd_type, std::string_view>;
constexpr std::array kMethods = {
    Methods{EVHTTP_REQ_GET, "GET"},       Methods{EVHTTP_REQ_PUT, "PUT"},
    Methods{EVHTTP_REQ_DELETE, "DELETE"}, Methods{EVHTTP_REQ_POST, "POST"},
    Methods{EVHTTP_REQ_PATCH, "PATCH"},   Methods{EVHTTP_REQ_HEAD, "HEAD"}};

void OnSignal(evutil_socket_t /*signal*/, short /*what*/, void* base) {  // NOLINT(runtime/int)
  event_base_loopbreak(static_cast<event_base*>(base));
}

}  // namespace

struct HttpServer::State {
  struct Free {
    void operator()(event_base* base) const { event_base_free(base); }
    void operator()(evhttp* http) const { evhttp_free(http); }
    void operator()(event* signal) const { event_free(signal); }
  };

  static void OnRequest(evhttp_request* request, void* state) {
    static_cast<State*>(state)->Answer(request);
  }
  void Answer(evhttp_request* request) {
    std::string_view method = "?";
    for (const auto& [command, name] : kMethods) {
      if (command == evhttp_request_get_command(request)) method = name;
    }
    evbuffer* const input = evhttp_request_get_input_buffer(request);
    std::string body(evbuffer_get_length(input), '\0');
    if (evbuffer_copyout(input, body.data(), body.size()) != static_cast<ev_ssize_t>(body.size())) {
      return evhttp_send_error(request, HTTP_INTERNAL, nullptr);
    }
    const ApiResponse response = handler(method, evhttp_request_get_uri(request), body);
    evkeyvalq* const headers = evhttp_request_get_output_headers(request);
    if (!response.body.empty()) evhttp_add_header(headers, "content-type", "application/json");
    if (!response.allow.empty()) evhttp_add_header(headers, "allow", response.allow.c_str());
    evbuffer* const output = evhttp_request_get_output_buffer(request);
    evbuffer_add(output, response.body.data(), response.body.size());
    evhttp_send_reply(request, response.status, nullptr, nullptr);
  }

  Handler handler;
  std::unique_ptr<event_base, Free> base;
  std::unique_ptr<evhttp, Free> http;
  std::array<std::unique_ptr<event, Free>, 2> signals;
  uint16_t port = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const net::Address& address,
                                                              Handler handler) {
  auto state = std::make_unique<State>();
  state->handler = std::move(handler);
  state->base.reset(event_base_new());
  if (state->base == nullptr) return absl::UnavailableError("there is no event loop");
  state->http.reset(evhttp_new(state->base.get()));
  if (state->http == nullptr) return absl::UnavailableError("there is no HTTP server");
  evhttp* const http = state->http.get();
  int allowed = 0;
  for (const auto& [command, name] : kMethods) allowed |= command;
  evhttp_set_allowed_methods(http, static_cast<uint16_t>(allowed));
  evhttp_set_max_headers_size(http, kMaxHead);
  evhttp_set_max_body_size(http, kMaxBody);
  evhttp_set_timeout(http, kIdleSeconds);
  evhttp_set_gencb(http, &State::OnRequest, state.get());
  evhttp_bound_socket* const bound =
      evhttp_bind_socket_with_handle(http, address.IpString().c_str(), address.port());
  if (bound == nullptr) {
    return absl::UnavailableError(config::Concat("cannot listen on ", address.ToString()));
  }
  state->port = net::LocalAddress(evhttp_bound_socket_get_fd(bound)).port();
  const std::array numbers = {SIGTERM, SIGINT};
  for (size_t i = 0; i < numbers.size(); ++i) {
    event_base* const base = state->base.get();
    state->signals[i].reset(evsignal_new(base, numbers[i], &OnSignal, base));
    if (state->signals[i] == nullptr || event_add(state->signals[i].get(), nullptr) != 0) {
      return absl::UnavailableError("signals cannot be watched");
    }
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return state_->port; }

void HttpServer::Run() { event_base_dispatch(state_->base.get()); }

}  // namespace remora::control_plane
