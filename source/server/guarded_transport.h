#pragma once

// GuardedTransport: a connection's transport that asks the chain's guards once more when the first
// bytes are there, before anybody sees them. GuardRecord: what the listener keeps of it.
//
// Owner: the connection, like any transport. Thread: the worker's. A refusal looks to the
// connection like a broken one (ECONNABORTED); why is in the record.

#include <memory>
#include <string>

#include "source/net/network_filter.h"
#include "source/net/transport_socket.h"

namespace remora::server {

class ListenerChain;

struct GuardRecord {
  net::Address local;
  net::Address remote;
  net::Address direct_remote;
  std::string server_name;
  size_t asked = 0;  // how many guards have seen it
  bool rate_limited = false;
  std::string refusal;  // for the access log
};

class GuardedTransport final : public net::TransportSocket {
 public:
  // Both outlive it, or its last Read.
  GuardedTransport(std::unique_ptr<net::TransportSocket> inner, ListenerChain& chain,
                   GuardRecord& record)
      : inner_(std::move(inner)), chain_(chain), record_(record) {}

  Started Start(int fd) override { return inner_->Start(fd); }
  net::IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override;
  net::IoResult Write(int fd, buffer::Buffer& output) override { return inner_->Write(fd, output); }
  net::IoResult Finish(int fd) override { return inner_->Finish(fd); }
  void Hold() override { inner_->Hold(); }
  void Release() override { inner_->Release(); }
  const net::TlsFacts* tls() const override { return inner_->tls(); }
  std::string_view failure() const override { return inner_->failure(); }

 private:
  std::unique_ptr<net::TransportSocket> inner_;
  ListenerChain& chain_;
  GuardRecord& record_;
  bool asked_ = false;
};

}  // namespace remora::server
