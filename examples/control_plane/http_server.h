#pragma once

// HttpServer: the HTTP side of the API, over libevent's evhttp, in the thread that calls Run.
//
// Every request goes to the handler, whole. Bodies and heads have limits. Run ends at SIGTERM or
// SIGINT.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "examples/control_plane/api.h"
#include "source/net/address.h"

namespace remora::control_plane {

class HttpServer final {
 public:
  using Handler = std::function<ApiResponse(std::string_view method, std::string_view path,
                                            const std::string& body)>;

  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const net::Address& address,
                                                           Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  void Run();

 private:
  struct State;

  explicit HttpServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace remora::control_plane
