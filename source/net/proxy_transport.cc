#include "source/net/proxy_transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "source/net/passage.h"
#include "source/net/plaintext.h"
#include "source/net/proxy_header.h"
#include "source/net/socket.h"
#include "source/stats/scope.h"

namespace remora::net {
namespace {

Address RemoteAddress(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return Address();
  return Address::FromSocket(storage, length);
}

std::vector<ProxyTlv> ChooseTlvs(const ProxyHeaderSettings& settings, const Passage& passage,
                                 bool& lost) {
  // The length that the header states counts addresses and ports too.
  constexpr size_t kTlvHead = 3;
  size_t room = UINT16_MAX - 2 * passage.client().ip_bytes().size() - 4;
  std::vector<ProxyTlv> tlvs;
  std::bitset<256> passed = settings.passed;
  const auto add = [&](const ConnectionTlv& tlv) {
    if (kTlvHead + tlv.value.size() > room) {
      lost = true;
      return;
    }
    room -= kTlvHead + tlv.value.size();
    tlvs.push_back({tlv.type, tlv.value});
  };
  for (const ConnectionTlv& tlv : settings.added) {
    passed.reset(tlv.type);
    add(tlv);
  }
  for (const ConnectionTlv& tlv : passage.tlvs()) {
    if (passed.test(tlv.type)) add(tlv);
  }
  return tlvs;
}

class ProxyTransport final : public TransportSocket {
 public:
  ProxyTransport(const ProxyHeaderSettings& settings, const Passage* passage,
                 const stats::Counter& lost, std::unique_ptr<TransportSocket> inner)
      : settings_(settings), passage_(passage), lost_(lost), inner_(std::move(inner)) {}

  Started Start(int fd) override;
  IoResult Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) override;
  IoResult Write(int fd, buffer::Buffer& output) override { return inner_->Write(fd, output); }
  IoResult Finish(int fd) override { return said() ? inner_->Finish(fd) : IoResult(); }
  const TlsFacts* tls() const override { return inner_->tls(); }
  std::string_view failure() const override { return inner_->failure(); }

 private:
  bool said() const { return header_.empty() && error_ == 0; }
  // Sends what the socket takes of the header.
  void Say(int fd);

  const ProxyHeaderSettings& settings_;
  const Passage* passage_;  // until Start
  stats::Counter lost_;
  std::unique_ptr<TransportSocket> inner_;
  std::string header_;  // what is still to be sent
  int error_ = 0;
  bool inner_started_ = false;
};

void ProxyTransport::Say(int fd) {
  while (!header_.empty()) {
    const ssize_t sent = send(fd, header_.data(), header_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != ENOBUFS) error_ = errno;
      return;
    }
    header_.erase(0, static_cast<size_t>(sent));
  }
}

TransportSocket::Started ProxyTransport::Start(int fd) {
  bool lost = false;
  header_ = MakeProxyHeader(settings_, passage_, fd, lost);
  passage_ = nullptr;
  if (lost) lost_.Inc();
  Say(fd);
  if (!said()) return Started::kHandshake;
  inner_started_ = true;
  return inner_->Start(fd);
}

IoResult ProxyTransport::Read(int fd, buffer::Buffer& input, size_t budget, bool peer_closed) {
  if (inner_started_) [[likely]]
    return inner_->Read(fd, input, budget, peer_closed);
  Say(fd);
  IoResult result;
  if (error_ != 0) {
    result.next = IoResult::Next::kError;
    result.error = error_;
    return result;
  }
  if (!header_.empty()) return result;
  inner_started_ = true;
  if (inner_->Start(fd) == Started::kHandshake) return inner_->Read(fd, input, budget, peer_closed);
  // What is there already is read in this call, for no event will tell of it.
  result = inner_->Read(fd, input, budget, peer_closed);
  result.connected = true;
  return result;
}

class Maker final : public TransportMaker {
 public:
  Maker(const ProxyHeaderSettings& settings, std::unique_ptr<TransportMaker> inner,
        stats::Counter lost)
      : settings_(settings), inner_(std::move(inner)), lost_(lost) {}

  std::unique_ptr<TransportSocket> Make(const TransportOptions& options) override {
    std::unique_ptr<TransportSocket> inner =
        inner_ != nullptr ? inner_->Make(options) : std::make_unique<Plaintext>();
    if (inner == nullptr) return nullptr;
    return std::make_unique<ProxyTransport>(settings_, options.passage, lost_, std::move(inner));
  }

 private:
  const ProxyHeaderSettings& settings_;
  std::unique_ptr<TransportMaker> inner_;  // null: plain text
  stats::Counter lost_;
};

}  // namespace

std::string MakeProxyHeader(const ProxyHeaderSettings& settings, const Passage* passage, int fd,
                            bool& lost) {
  if (settings.version == 1) {
    return passage != nullptr ? WriteProxyHeaderV1(passage->client(), passage->destination())
                              : WriteProxyHeaderV1(LocalAddress(fd), RemoteAddress(fd));
  }
  if (passage == nullptr) return WriteProxyHeaderV2(Address(), Address(), {});
  return WriteProxyHeaderV2(passage->client(), passage->destination(),
                            ChooseTlvs(settings, *passage, lost));
}

std::unique_ptr<TransportMaker> ProxyTransportFactory::ForWorker(stats::Scope& scope,
                                                                 stats::Shard& shard) const {
  return std::make_unique<Maker>(
      settings_, inner_ != nullptr ? inner_->ForWorker(scope, shard) : nullptr,
      scope.MakeCounter(shard, "upstream.proxyprotocol.v2_tlvs_exceed_max_length"));
}

}  // namespace remora::net
