#pragma once

// StreamInfo: the facts of one exchange that logs, formats, filters and statistics ask for.
//
// Owner: the server stream. Thread: its worker. Plain members: whoever learns a fact writes it.
// Strings are views into the stream's arena, the configuration the stream pins, or literals.
// Times are nanoseconds (0: not yet), sizes bytes. Nothing in it fails.

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/http/metadata.h"
#include "source/http/response_flags.h"
#include "source/http/wire_bytes.h"

namespace remora::net {
class Address;
class Passage;
class TlsFacts;
struct ClientFingerprints;
}  // namespace remora::net

namespace remora::http {

class ContentCodings;
struct OverrideHost;

// Says of a connection what most exchanges do not need, and what costs a system call or memory.
class ConnectionLookup {
 public:
  // Our end of it; null: it is not known.
  virtual const net::Address* FindLocal() = 0;
  // What it hands on to upstream connections that are made for it; null: it has gone.
  virtual net::Passage* FindPassage() = 0;

 protected:
  ~ConnectionLookup() = default;
};

// What is the same for every exchange of a downstream connection. Owner: the server stream.
struct ConnectionFacts {
  uint64_t id = 0;                      // unique in the process
  const net::Address* local = nullptr;  // ask FindLocal()
  ConnectionLookup* lookup = nullptr;   // who knows what is not here; null: nobody
  bool local_restored = false;          // `local` is where the client wanted to go before NAT
  bool names_source = false;            // upstream connections come from where it says
  const net::Address* direct_remote = nullptr;  // the peer itself
  const net::Address* remote = nullptr;         // the peer, or whom its PROXY header names
  std::string_view filter_chain_name;
  std::string_view requested_server_name;  // SNI
  std::string_view termination_details;    // why we ended it
  std::string_view transport_failure;      // of its handshake
  const net::TlsFacts* tls = nullptr;      // null: plaintext
  const net::ClientFingerprints* fingerprints = nullptr;
  const Metadata* listener_metadata = nullptr;
  const Metadata* filter_chain_metadata = nullptr;

  // Our end of the connection; null: not known.
  const net::Address* FindLocal() const {
    return local == nullptr && lookup != nullptr ? lookup->FindLocal() : local;
  }
  net::Passage* FindPassage() const { return lookup != nullptr ? lookup->FindPassage() : nullptr; }
};

struct StreamInfo {
  int64_t start_wall = 0;      // nanoseconds since the Unix epoch
  event::TimePoint start = 0;  // monotonic, quantised to the turn
  event::TimePoint request_end = 0;
  event::TimePoint upstream_connect_begin = 0;  // of the last attempt's connection
  event::TimePoint upstream_connect_end = 0;
  event::TimePoint upstream_request_begin = 0;  // of the last attempt
  event::TimePoint upstream_request_end = 0;
  event::TimePoint upstream_first_byte = 0;
  event::TimePoint upstream_last_byte = 0;
  event::TimePoint response_begin = 0;  // towards the client
  event::TimePoint response_end = 0;
  event::TimePoint end = 0;
  uint64_t bytes_received = 0;  // body bytes
  uint64_t bytes_sent = 0;
  WireBytes downstream_wire;
  WireBytes upstream_wire;  // of the last try
  const ConnectionFacts* connection = nullptr;
  // The client: the peer, or whom a trusted x-forwarded-for names.
  const net::Address* downstream_remote = nullptr;
  const net::Address* upstream_remote = nullptr;
  const net::Address* upstream_local = nullptr;
  std::shared_ptr<const net::TlsFacts> upstream_tls;  // of the last try; null: plaintext
  std::string_view response_code_details;
  std::string_view connection_termination_details;
  std::string_view route_name;
  std::string_view virtual_host_name;
  std::string_view virtual_cluster_name;
  std::string_view cluster_name;
  std::string_view cluster_stat_name;   // its alt_stat_name; empty: the name
  std::string_view upstream_host;       // ip:port of the host that was used last
  std::string_view upstream_host_name;  // its hostname; empty: none, the address serves
  std::string_view upstream_failure;    // why its connection could not be made or used
  // Of what was chosen for the request; null: not chosen, or without metadata.
  const Metadata* route_metadata = nullptr;
  const Metadata* virtual_host_metadata = nullptr;
  const Metadata* cluster_metadata = nullptr;
  const Metadata* upstream_host_metadata = nullptr;
  const Metadata* dynamic_metadata = nullptr;  // what filters left
  ContentCodings* content_codings = nullptr;   // on offer for the response; null: none
  // Where a filter wants the request to go; null: whose turn it is.
  const OverrideHost* override_host = nullptr;
  uint32_t upstream_attempts = 0;
  uint64_t upstream_connection_id = 0;
  uint16_t response_code = 0;  // 0: none was sent
  ResponseFlags flags;
  Version version = Version::kHttp11;
  Version upstream_version = Version::kHttp11;  // says something once a try has begun
  bool version_known = true;                    // false: no request was read
  bool health_check = false;                    // answered as one
};

}  // namespace remora::http
