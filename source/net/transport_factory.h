#pragma once

// TransportFactory: makes the transport sockets of one filter chain or one cluster.
//
// Three steps, each with its own thread and owner:
//   TransportFactory   immutable; the configuration holds it, all workers share it
//   TransportMaker     what one worker needs to make sockets of it: statistics, kept sessions
//   TransportSocket    one connection's
// Plaintext has no factory: an owner without one makes a Plaintext.
//
// Failures: Make gives null when a connection cannot be made safe now (a certificate is not there
// yet). It has counted that; the caller closes the connection.

#include <memory>
#include <string_view>
#include <vector>

#include "source/net/transport_socket.h"

namespace remora::stats {
class Scope;
class Shard;
}  // namespace remora::stats

namespace remora::net {

class Address;
class Passage;

// What is known of one connection when its socket is made. Views need not outlive the call.
struct TransportOptions {
  const Address* peer = nullptr;  // for the log; null: not known
  // The rest is for connections to a host.
  std::string_view hostname;     // the endpoint's own
  std::string_view server_name;  // instead of the configured SNI; empty: as configured
  // Names of which the host's certificate must have one, instead of the configured ones.
  const std::vector<std::string_view>* subject_names = nullptr;
  // Of the downstream connection that it is made for; null: it is for any, or for none.
  const Passage* passage = nullptr;
  // Comma-joined, where the configuration names no protocols; empty: none.
  std::string_view application_protocols;
};

class TransportMaker {
 public:
  virtual ~TransportMaker() = default;
  virtual std::unique_ptr<TransportSocket> Make(const TransportOptions& options) = 0;
};

class TransportFactory {
 public:
  virtual ~TransportFactory() = default;
  // For the worker of `shard`; `scope` is the listener's or the cluster's. The maker must not
  // outlive the factory.
  virtual std::unique_ptr<TransportMaker> ForWorker(stats::Scope& scope,
                                                    stats::Shard& shard) const = 0;
  // Its sockets tell the peer whom they are made for: nobody else may use them.
  virtual bool shows_client() const { return false; }
};

}  // namespace remora::net
