#include "test/tls/pair.h"

#include <catch2/catch.hpp>
#include <utility>

namespace remora::tls {

Bytes Inline(const std::string& text) { return {"", text}; }

Certificate ToSecret(const fakes::Minted& minted) {
  Certificate secret;
  secret.chain = Inline(minted.certificate);
  secret.private_key = Inline(minted.key);
  return secret;
}

void Side::OnInput(buffer::Buffer& input) {
  received += input.ToString();
  text += "input(" + std::to_string(input.length()) + ") ";
  input.Clear();
}

void Side::OnConnected() {
  text += "connected(" + std::string(connection->tls()->version());
  if (!connection->application_protocol().empty()) {
    text += "," + std::string(connection->application_protocol());
  }
  text += connection->tls()->resumed() ? ",resumed) " : ") ";
}

void Side::OnClosed(net::CloseReason reason, int) {
  text += reason == net::CloseReason::kTransportFailed ? "failed " : "closed ";
  failure = connection->transport_failure();
}

Endpoint::Endpoint(ContextSource::Settings settings, ContextSecrets secrets)
    : store_(1), shard_(&store_.worker_shard(0)), scope_(&store_.AddScope("x")) {
  source_ = std::make_shared<const ContextSource>(std::move(settings), SecretNeeds());
  Replace(std::move(secrets));
  factory_ = std::make_unique<Factory>(source_);
  maker_ = factory_->ForWorker(*scope_, *shard_);
}

void Endpoint::Replace(ContextSecrets secrets) {
  auto context = source_->Build(secrets, parts_);
  INFO(std::string(context.status().message()));
  REQUIRE(context.ok());
  source_->Put(*std::move(context));
}

uint64_t Endpoint::Counter(const std::string& name) {
  const stats::Snapshot snapshot = store_.TakeSnapshot();
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name == "x." + name) return metric.value;
  }
  return 0;
}

Pair::Pair(Endpoint& client_end, Endpoint& server_end, net::TransportOptions options, bool hold) {
  auto [ours, theirs] = fakes::UnixPair();
  const auto make = [this](Endpoint& end, net::Socket socket, const net::TransportOptions& how,
                           Side& side) {
    std::unique_ptr<net::TransportSocket> transport = end.maker().Make(how);
    REQUIRE(transport != nullptr);
    side.connection =
        std::make_unique<net::Connection>(dispatcher, blocks, std::move(socket),
                                          std::move(transport), side, net::Connection::Options());
  };
  make(client_end, std::move(ours), options, client);
  make(server_end, std::move(theirs), {}, server);
  if (hold) server.connection->HoldHandshake();
  server.connection->StartAccepted();
  client.connection->StartAccepted();
  Run();
}

void Pair::Run() {
  // Every turn of a handshake or a close moves something; this many are more than any needs.
  for (int i = 0; i < 30; ++i) dispatcher.RunOnce(false);
}

void Pair::Send(Side& from, std::string_view text) {
  from.connection->output().Append(text);
  from.connection->Cork();
  Run();
}

}  // namespace remora::tls
