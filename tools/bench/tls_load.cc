// The load generator of the benchmark for TLS: keep-alive, full and resumed handshakes, client
// certificates, connections held idle.
//
//   tls_load --port=P [--path=/b0] [--mode=keepalive|full|resumed|idle] [--connections=N]
//            [--seconds=S | --requests=N] [--headers=3|10] [--cert=PEM --key=PEM]
//
// A closed loop: each of N threads has one connection and sends its next request when the answer
// to the last one is complete. Mode full makes a connection with a handshake of its own for each
// request, mode resumed one that resumes the session before it. TLS 1.3; the server's certificate
// is not checked. Prints one JSON object, as `load` does.
//
// Mode idle: opens N connections one after the other, sends one request on each, prints
// {"open":...}, holds all of them until standard input ends, then prints how many were closed.
//
// Exit code 0: no error and only 2xx. Answers must carry content-length.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "load_common.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr timeval kPatience = {10, 0};

enum class Mode { kKeepAlive, kFull, kResumed, kIdle };

struct Options : bench::CommonOptions {
  Mode mode = Mode::kKeepAlive;
  std::string certificate;
  std::string key;
};

Mode ParseMode(std::string_view value) {
  if (value == "keepalive") return Mode::kKeepAlive;
  if (value == "full") return Mode::kFull;
  if (value == "resumed") return Mode::kResumed;
  if (value == "idle") return Mode::kIdle;
  bench::Fail("--mode is keepalive, full, resumed or idle");
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  bench::ParseArguments(argc, argv, options, [&](std::string_view name, std::string_view value) {
    if (name == "mode") {
      options.mode = ParseMode(value);
    } else if (name == "cert") {
      options.certificate = value;
    } else if (name == "key") {
      options.key = value;
    } else {
      return false;
    }
    return true;
  });
  bench::FinishOptions(options, options.mode == Mode::kIdle);
  return options;
}

// One TLS connection, blocking.
class Connection {
 public:
  explicit Connection(SSL_CTX* context) : context_(context) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Open(uint16_t port, SSL_SESSION* session) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) bench::Fail(std::string("socket: ") + strerror(errno));
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return false;
    }
    ssl_.reset(SSL_new(context_));
    SSL_set_app_data(ssl_.get(), this);
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    SSL_set_fd(ssl_.get(), fd_);
    return SSL_connect(ssl_.get()) == 1;
  }

  // Sends a request and reads its answer. Returns its status; 0: it broke.
  int Ask(const std::string& request) {
    if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return 0;
    std::string said;
    char bytes[16 * 1024];
    size_t whole = std::string::npos;
    while (said.size() < whole) {
      const int n = SSL_read(ssl_.get(), bytes, sizeof(bytes));
      if (n <= 0) return 0;
      said.append(bytes, static_cast<size_t>(n));
      if (whole != std::string::npos) continue;
      const size_t end = said.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const char* length = strcasestr(said.c_str(), "\r\ncontent-length:");
      if (length == nullptr) return 0;
      whole = end + 4 + strtoull(length + strlen("\r\ncontent-length:"), nullptr, 10);
    }
    return said.size() == whole && said.starts_with("HTTP/1.1 ") ? atoi(said.c_str() + 9) : 0;
  }

  // Without an end of TLS, as most clients do; the port must not linger.
  void Close() {
    ssl_.reset();
    if (fd_ < 0) return;
    const linger hard = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd_);
    fd_ = -1;
  }

  int fd() const { return fd_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  bssl::UniquePtr<SSL_SESSION>& kept() { return kept_; }

 private:
  SSL_CTX* context_;
  bssl::UniquePtr<SSL> ssl_;
  bssl::UniquePtr<SSL_SESSION> kept_;  // the last one that the server offered
  int fd_ = -1;
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        request_(bench::RenderRequest(options_)),
        context_(SSL_CTX_new(TLS_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      static_cast<Connection*>(SSL_get_app_data(ssl))->kept().reset(session);
      return 1;
    });
    if (options_.certificate.empty()) return;
    if (!SSL_CTX_use_certificate_chain_file(context_.get(), options_.certificate.c_str()) ||
        !SSL_CTX_use_PrivateKey_file(context_.get(), options_.key.c_str(), SSL_FILETYPE_PEM)) {
      bench::Fail("--cert and --key cannot be used");
    }
  }

  int Run() {
    if (options_.mode == Mode::kIdle) {
      Hold();
    } else {
      Measure();
    }
    return errors_ == 0 && non_2xx_ == 0 ? 0 : 1;
  }

 private:
  void Measure() {
    const auto started = Clock::now();
    deadline_ = options_.requests > 0
                    ? started + std::chrono::seconds(600)
                    : started + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(options_.seconds));
    std::vector<std::vector<uint64_t>> latencies(options_.connections);
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < options_.connections; ++i) {
      threads.emplace_back([this, &latencies, i] { Work(latencies[i]); });
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    std::vector<uint64_t> all;
    for (const auto& each : latencies) all.insert(all.end(), each.begin(), each.end());
    Print(all, seconds);
  }

  bool Begin() {
    if (errors_ > bench::kMaxErrors || Clock::now() >= deadline_) return false;
    return options_.requests == 0 || begun_++ < options_.requests;
  }

  void Work(std::vector<uint64_t>& latencies) {
    Connection connection(context_.get());
    bool open = false;
    while (Begin()) {
      const auto began = Clock::now();
      if (!open) {
        SSL_SESSION* session = options_.mode == Mode::kResumed ? connection.kept().get() : nullptr;
        open = connection.Open(options_.port, session);
        // A session that was offered and not taken is another scenario.
        if (open && session != nullptr && !connection.resumed()) open = false;
      }
      const int status = open ? connection.Ask(request_) : 0;
      if (status == 0) {
        ++errors_;
        if (options_.requests > 0 && begun_ > 0) --begun_;
      } else {
        if (status < 200 || status > 299) ++non_2xx_;
        latencies.push_back(static_cast<uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - began).count()));
      }
      if (status != 0 && options_.mode == Mode::kKeepAlive) continue;
      connection.Close();
      open = false;
    }
  }

  void Hold() {
    std::vector<std::unique_ptr<Connection>> held;
    for (uint64_t i = 0; i < options_.connections && errors_ <= bench::kMaxErrors; ++i) {
      auto connection = std::make_unique<Connection>(context_.get());
      const int status = connection->Open(options_.port, nullptr) ? connection->Ask(request_) : 0;
      if (status == 0) {
        ++errors_;
        continue;
      }
      if (status < 200 || status > 299) ++non_2xx_;
      held.push_back(std::move(connection));
    }
    printf("{\"open\":%zu,\"errors\":%llu,\"non_2xx\":%llu}\n", held.size(),
           static_cast<unsigned long long>(errors_), static_cast<unsigned long long>(non_2xx_));
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    uint64_t closed = 0;
    for (const auto& connection : held) {
      pollfd state = {connection->fd(), POLLRDHUP, 0};
      if (poll(&state, 1, 0) > 0) ++closed;
    }
    printf("{\"closed_by_server\":%llu}\n", static_cast<unsigned long long>(closed));
  }

  void Print(std::vector<uint64_t>& all, double seconds) {
    bench::PrintFigures(all.size(), errors_, non_2xx_, seconds, all);
  }

  const Options options_;
  const std::string request_;
  bssl::UniquePtr<SSL_CTX> context_;
  Clock::time_point deadline_;
  std::atomic<uint64_t> begun_{0};
  std::atomic<uint64_t> errors_{0};
  std::atomic<uint64_t> non_2xx_{0};
};

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  Load load(ParseOptions(argc, argv));
  return load.Run();
}
