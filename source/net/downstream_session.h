#pragma once

// DownstreamSession: what runs on one accepted connection, as its listener sees it: the HTTP
// connection manager's session or the TCP proxy's.
//
// Owner: the listener on its worker until OnSessionClosed, then the dispatcher's deferred list.
// Thread: the worker's. Nothing in it fails: a connection that breaks is a session that closes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/net/address.h"
#include "source/net/socket.h"
#include "source/net/transport_socket.h"

namespace remora::net {

// A value of dynamic metadata that belongs to a connection.
struct ConnectionValue {
  std::string name_space;
  std::string key;
  std::string value;
};

// A type-length-value of a PROXY header.
struct ConnectionTlv {
  uint8_t type = 0;
  std::string value;
};

// What a client's TLS is known by: its ClientHello, as text for logs. Empty: not wanted.
struct ClientFingerprints {
  std::string ja3;
  std::string ja4;
};

// An accepted connection on its way to a session: what was learnt of it before its first byte.
struct Accepted {
  Socket socket;
  Address remote;                // the client: the peer, or whom a PROXY header names
  Address direct_remote;         // the peer itself
  std::optional<Address> local;  // where the client wanted to go, when that is not the socket's own
                                 // address (restored destination, PROXY header)
  bool local_restored = false;   // `local` is where the client wanted to go before NAT
  std::string server_name;       // SNI as a listener filter saw it; empty: none
  std::vector<ConnectionValue> metadata;  // what listener filters left
  std::vector<ConnectionTlv> tlvs;        // of a PROXY header, to be passed on
  std::shared_ptr<const Source> source;   // of its upstream connections; null: as clusters say
  std::string cluster;                    // that a guard has chosen for a TCP proxy; empty: its own
  std::unique_ptr<const ClientFingerprints> fingerprints;  // null: nobody asked for them
  std::unique_ptr<TransportSocket> transport;
};

class DownstreamSession;

// Who holds sessions.
class SessionOwner {
 public:
  // The connection is gone; the owner gives the session to Dispatcher::DeferDelete.
  virtual void OnSessionClosed(DownstreamSession& session) = 0;

 protected:
  ~SessionOwner() = default;
};

// What a listener's access log says of a connection.
struct SessionTotals {
  uint64_t id = 0;  // unique in the process
  event::TimePoint started = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  bool protocol_known = false;  // a request was read
  bool broke_protocol = false;
  bool handshaking = false;  // its transport's handshake is not done
  // Valid as long as the session.
  const TlsFacts* tls = nullptr;  // null: plaintext
  const ClientFingerprints* fingerprints = nullptr;
  std::string_view transport_failure;  // why its handshake failed
  bool http2 = false;                  // it is HTTP/2
  std::string_view details;            // %RESPONSE_CODE_DETAILS% of what has no response
};

class DownstreamSession : public event::Deferred {
 public:
  virtual void Start() = 0;
  // Ends the connection now; the owner is not told.
  virtual void Close() = 0;
  // The listener is drained: an idle connection ends now, another one when it has done its work.
  virtual void Drain() = 0;
  virtual const Address& remote() const = 0;
  // Our end of the connection; asked of the kernel once.
  virtual const Address& local() = 0;
  virtual SessionTotals totals() const = 0;

  size_t index = 0;  // the owner's
};

}  // namespace remora::net
