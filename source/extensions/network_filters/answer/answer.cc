#include "source/extensions/network_filters/answer/answer.h"

#include <utility>

#include "envoy/extensions/filters/network/direct_response/v3/config.pb.h"
#include "envoy/extensions/filters/network/echo/v3/echo.pb.h"
#include "source/config/extension_values.h"
#include "source/net/connection.h"

namespace remora::extensions {
namespace {

// Envoy's limit for the bytes of a direct response.
constexpr uint64_t kMaxResponse = 4096;

// Sends `response` and closes; with none it sends back what comes.
class AnswerSession final : public net::DownstreamSession, public net::ConnectionHandler {
 public:
  AnswerSession(const std::string* response, const net::ChainSetup& setup, net::SessionOwner& owner,
                net::Accepted accepted)
      : response_(response),
        owner_(owner),
        id_(setup.NextConnection()),
        started_(setup.dispatcher.now()),
        remote_(std::move(accepted.remote)),
        local_(std::move(accepted.local)),
        connection_(setup.dispatcher, setup.blocks, std::move(accepted.socket),
                    std::move(accepted.transport), *this, {}) {}
  ~AnswerSession() override { connection_.Close(); }

  // net::DownstreamSession
  void Start() override {
    connection_.StartAccepted();
    if (connection_.open()) Answer();
  }
  void Close() override { connection_.Close(); }
  void Drain() override {}
  const net::Address& remote() const override { return remote_; }
  const net::Address& local() override {
    if (!local_.has_value()) local_ = connection_.LocalAddress();
    return *local_;
  }
  net::SessionTotals totals() const override {
    net::SessionTotals totals;
    totals.id = id_;
    totals.started = started_;
    totals.bytes_received = connection_.bytes_received();
    totals.bytes_sent = connection_.bytes_sent();
    totals.handshaking = connection_.handshaking();
    totals.tls = connection_.tls();
    totals.transport_failure = connection_.transport_failure();
    if (answered_) totals.details = "direct_response";
    return totals;
  }

  // net::ConnectionHandler
  void OnConnected() override { Answer(); }
  void OnInput(buffer::Buffer& input) override {
    if (response_ != nullptr) {
      input.Clear();
      return;
    }
    connection_.output().MoveFrom(input);
    connection_.Cork();
  }
  void OnInputEnd() override { connection_.CloseAfterFlush(false); }
  void OnClosed(net::CloseReason, int) override { owner_.OnSessionClosed(*this); }
  void OnOutputFull() override { connection_.PauseReading(); }
  void OnOutputDrained() override { connection_.ResumeReading(); }

 private:
  void Answer() {
    if (response_ == nullptr) return;
    answered_ = true;
    connection_.output().Append(*response_);
    connection_.Cork();
    connection_.CloseAfterFlush(true);
  }

  const std::string* response_;  // null: echo
  bool answered_ = false;
  net::SessionOwner& owner_;
  uint64_t id_;
  event::TimePoint started_;
  net::Address remote_;
  std::optional<net::Address> local_;
  net::Connection connection_;
};

}  // namespace

std::optional<DirectResponse::Config> DirectResponse::Parse(const Proto& proto,
                                                            config::ConfigContext& context) {
  if (!proto.has_response()) return Config{};
  return Config{
      config::ParseExtensionDataSource(proto.response(), kMaxResponse, "response", context)};
}

std::string DirectResponse::StatScope(const Config&) { return "direct_response"; }

std::unique_ptr<net::DownstreamSession> DirectResponse::Create(const Config& config,
                                                               const net::ChainSetup& setup,
                                                               net::SessionOwner& owner,
                                                               net::Accepted accepted) {
  return std::make_unique<AnswerSession>(&config.response, setup, owner, std::move(accepted));
}

std::optional<Echo::Config> Echo::Parse(const Proto&, config::ConfigContext&) { return Config{}; }

std::string Echo::StatScope(const Config&) { return "echo"; }

std::unique_ptr<net::DownstreamSession> Echo::Create(const Config&, const net::ChainSetup& setup,
                                                     net::SessionOwner& owner,
                                                     net::Accepted accepted) {
  return std::make_unique<AnswerSession>(nullptr, setup, owner, std::move(accepted));
}

}  // namespace remora::extensions
