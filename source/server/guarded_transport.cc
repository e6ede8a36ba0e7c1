#include "source/server/guarded_transport.h"

#include <errno.h>

#include "source/net/tls_facts.h"
#include "source/server/listener_chain.h"

namespace remora::server {

net::IoResult GuardedTransport::Read(int fd, buffer::Buffer& input, size_t budget,
                                     bool peer_closed) {
  net::IoResult result = inner_->Read(fd, input, budget, peer_closed);
  if (asked_ || result.bytes == 0) return result;
  asked_ = true;
  net::GuardedConnection connection(record_.local, record_.remote, record_.direct_remote,
                                    record_.server_name);
  connection.tls = inner_->tls();
  if (connection.server_name.empty() && connection.tls != nullptr) {
    connection.server_name = connection.tls->server_name();
  }
  if (chain_.AdmitFirstBytes(connection) == net::Admission::kAdmit) return result;
  record_.refusal = std::move(connection.refusal);
  input.Clear();
  result.next = net::IoResult::Next::kError;
  result.error = ECONNABORTED;
  return result;
}

}  // namespace remora::server
