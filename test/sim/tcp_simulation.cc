#include "test/sim/tcp_simulation.h"

#include <algorithm>
#include <cstdlib>

#include "source/base/log.h"
#include "test/sim/exchange.h"

namespace remora::sim {
namespace {

constexpr const char* kClientTag = "c";
constexpr const char* kHostTag = "h";

uint64_t ValueOf(const stats::Snapshot& snapshot, std::string_view name) {
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name == name) return metric.value;
  }
  return 0;
}

}  // namespace

TcpSimulation::TcpSimulation(uint64_t seed, bool tells)
    : tells_(tells), random_(seed * 2 + 1), kernel_(random_, clock_, *this) {
  base::SetAllLogLevels(base::LogLevel::kOff);
  kernel_.tells = tells_;
  probes_.violation = [this](const std::string& what) { Violation(what); };
  faults_ = seed % 4 != 0;
  bulk_ = random_.Below(2) == 0;
  client_count_ = 4 + random_.Below(12);
  world_ = std::make_unique<World>(Yaml(), clock_, seed, &probes_);
  kernel_.weather.tiny_cuts = !bulk_ && random_.Below(4) == 0;
  kernel_.weather.hold_percent = static_cast<uint32_t>(random_.Below(20));
  kernel_.weather.late_ready_percent = static_cast<uint32_t>(random_.Below(30));
  kernel_.weather.full_percent = static_cast<uint32_t>(random_.Below(20));
  if (faults_ && random_.Below(5) == 0) {
    kernel_.weather.no_descriptor_per_mille = static_cast<uint32_t>(random_.Below(50));
  }
}

std::string TcpSimulation::Yaml() {
  const uint64_t limits[] = {1024, 65536, 1048576};
  const std::string limit =
      "per_connection_buffer_limit_bytes: " + std::to_string(limits[random_.Below(3)]) + "\n";
  return "static_resources:\n  listeners:\n  - name: sim\n    " + limit +
         "    address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }\n"
         "    filter_chains:\n    - filters:\n      - name: tcp\n        typed_config:\n"
         "          \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3."
         "TcpProxy\n"
         "          stat_prefix: sim\n          cluster: a\n          max_connect_attempts: " +
         std::to_string(1 + random_.Below(3)) +
         "\n  clusters:\n  - name: a\n    connect_timeout: 0.25s\n    " + limit +
         "    load_assignment:\n      cluster_name: a\n      endpoints:\n      - lb_endpoints:\n"
         "        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9001 "
         "} } }\n";
}

void TcpSimulation::Violation(const std::string& what) {
  if (report_.violations.size() < 5) {
    report_.violations.push_back("turn " + std::to_string(report_.turns) + ": " + what);
  }
}

size_t TcpSimulation::RandomTotal() {
  constexpr size_t kLeast = 24;  // the host learns from it whose it is
  if (bulk_ && random_.Below(3) == 0) return kLeast + random_.Below(800'000);
  return kLeast + random_.Below(random_.Below(2) == 0 ? 200 : 20'000);
}

void TcpSimulation::Fate(End& end) {
  end.total = RandomTotal();
  if (faults_ && random_.Below(4) == 0) end.reset_at = random_.Below(end.total + 1);
}

Remote::Answer TcpSimulation::OnConnect(uint16_t) {
  if (!faults_) return Answer::kAccept;
  const uint64_t kind = random_.Below(20);
  if (kind == 0) return Answer::kRefuse;
  if (kind == 1) return Answer::kSilence;
  if (kind == 2) return Answer::kUnreachable;
  return Answer::kAccept;
}

void TcpSimulation::OnWire(uint16_t, Wire& wire) {
  End& end = hosts_.emplace_back();
  end.wire = &wire;
  end.host = true;
  Fate(end);
}

void TcpSimulation::AddClients() {
  size_t open = 0;
  for (const End& client : clients_) open += client.over() ? 0 : 1;
  while (clients_.size() < client_count_ && open < 5) {
    End& end = clients_.emplace_back();
    end.wire = &kernel_.Connect(kPort);
    end.id = static_cast<uint32_t>(clients_.size());
    Fate(end);
    end.text = Pattern(end.id, kClientTag, end.total);
    ++open;
  }
}

TcpSimulation::End* TcpSimulation::PeerOf(const End& end) {
  for (End& other : end.host ? clients_ : hosts_) {
    if (end.id != 0 && other.id == end.id) return &other;
  }
  return nullptr;
}

bool TcpSimulation::Act(End& end) {
  if (end.over() || random_.Below(4) == 0) return false;
  const bool received = Receive(end);
  if (end.over() || end.next > clock_.Now()) return received;
  if (random_.Below(end.wire->reading ? 10 : 2) == 0) end.wire->reading = !end.wire->reading;
  const size_t sent = end.sent;
  const bool fin = end.fin_sent;
  Send(end);
  if (random_.Below(10) == 0) {
    end.next = clock_.Now() + static_cast<int64_t>(random_.Below(20)) * event::kMillisecond;
  }
  return received || sent != end.sent || fin != end.fin_sent || end.over();
}

// What has arrived must be what was sent, and an end must be one.
bool TcpSimulation::Receive(End& end) {
  std::string& arrived = end.wire->arrived();
  bool acted = !arrived.empty();
  if (end.host && end.id == 0) {
    if (arrived.find('.') == std::string::npos && !end.wire->fin_arrived() &&
        !end.wire->reset_arrived()) {
      return false;
    }
    end.id = static_cast<uint32_t>(std::strtoul(arrived.c_str(), nullptr, 10));
    end.text = Pattern(end.id, kHostTag, end.total);
  }
  End* peer = PeerOf(end);
  if (!arrived.empty()) {
    if (peer == nullptr || peer->text.compare(end.got, arrived.size(), arrived) != 0) {
      Violation("connection " + std::to_string(end.id) + " got bytes that nobody sent");
    }
    end.got += arrived.size();
    if (peer != nullptr && end.got > peer->sent) Violation("more bytes than were sent");
    report_.bytes += arrived.size();
    arrived.clear();
  }
  if (end.wire->reset_arrived() && !end.reset_seen) {
    end.reset_seen = acted = true;
    // A clean run has no reason for one.
    if (!faults_) Violation("connection " + std::to_string(end.id) + " was reset");
  } else if (end.wire->fin_arrived() && !end.fin_seen) {
    end.fin_seen = acted = true;
    // A client without a host, or a host whose client went before it was connected.
    const bool turned_away = peer == nullptr && end.got == 0;
    if (turned_away) {
      report_.refused += end.host ? 0 : 1;
      if (!faults_) Violation("a peer was turned away");
      end.wire->Close();
      end.fin_sent = true;
    } else if (peer != nullptr && (!peer->fin_sent || end.got != peer->total)) {
      Violation("connection " + std::to_string(end.id) + " ended after " + std::to_string(end.got) +
                " of " + std::to_string(peer->total) + " bytes");
    }
  }
  if (end.fin_sent && end.fin_seen) end.wire->Close();
  return acted;
}

void TcpSimulation::Send(End& end) {
  if (end.fin_sent || (end.host && end.id == 0)) return;
  const size_t most = end.reset_at == SIZE_MAX ? end.total : end.reset_at;
  if (end.sent < most) {
    // What is under way is kept in one string: not too much of it.
    constexpr size_t kMostUnderWay = 300'000;
    if (end.wire->unread() > kMostUnderWay) return;
    const size_t piece = 1 + random_.Below(bulk_ ? kMostUnderWay : 3000);
    const size_t size = std::min(piece, most - end.sent);
    end.wire->Send(std::string_view(end.text).substr(end.sent, size));
    end.sent += size;
    return;
  }
  if (end.reset_at != SIZE_MAX) {
    end.wire->Reset();
    end.reset_sent = true;
    ++report_.resets;
    return;
  }
  end.wire->SendFin();
  end.fin_sent = true;
  if (end.fin_seen) end.wire->Close();
}

bool TcpSimulation::Step() {
  AddClients();
  bool active = kernel_.Deliver();
  for (End& client : clients_) active |= Act(client);
  for (size_t i = 0; i < hosts_.size(); ++i) active |= Act(hosts_[i]);
  world_->Turn();
  ++report_.turns;
  for (const std::string& what : kernel_.violations()) Violation(what);
  // Sockets that take four bytes at a time need long for a bulk, but they do get on.
  if (report_.turns > kMostTurns + report_.bytes) Violation("it never ends");
  if (random_.Below(4) == 0) {
    clock_.Advance(static_cast<int64_t>(random_.Below(400)) * event::kMicrosecond);
  }
  idle_steps_ = active || !kernel_.Quiet() ? 0 : idle_steps_ + 1;
  return idle_steps_ < kIdleSteps;
}

bool TcpSimulation::PassTime() {
  event::TimePoint next = kernel_.NextTime();
  bool waiting = clients_.size() < client_count_;
  for (std::deque<End>* ends : {&clients_, &hosts_}) {
    for (End& end : *ends) {
      if (end.over()) continue;
      waiting = true;
      if (end.next > clock_.Now()) next = std::min(next, end.next);
      // A reader that stands still goes on in the end.
      if (!end.wire->reading) {
        end.wire->reading = true;
        next = std::min(next, clock_.Now());
      }
    }
  }
  // A minute without anything: only an idle timeout would help.
  if (!waiting || next > clock_.Now() + 60 * event::kSecond) return false;
  clock_.Advance(std::max<event::Duration>(next - clock_.Now(), event::kMicrosecond));
  return true;
}

TcpReport TcpSimulation::Run() {
  while (report_.violations.empty()) {
    if (Step()) continue;
    idle_steps_ = 0;
    if (!PassTime()) break;
  }
  if (report_.violations.empty()) CheckEnd();
  report_.connections = clients_.size();
  report_.splices = kernel_.splices();
  return report_;
}

void TcpSimulation::CheckEnd() {
  for (const std::deque<End>* ends : {&clients_, &hosts_}) {
    for (const End& end : *ends) {
      if (end.over()) continue;
      Violation(std::string(end.host ? "host" : "client") + " of connection " +
                std::to_string(end.id) + " is stuck: " + std::to_string(end.got) + " got, " +
                std::to_string(end.sent) + " of " + std::to_string(end.total) + " sent");
    }
  }
  if (world_->connections() != 0) Violation("downstream connections are left");
  if (world_->blocks().live() != 0) {
    Violation(std::to_string(world_->blocks().live()) + " blocks are left");
  }
  const stats::Snapshot snapshot = world_->TakeSnapshot();
  for (const char* gauge :
       {"cluster.a.upstream_cx_active", "cluster.a.upstream_rq_active",
        "cluster.a.upstream_rq_pending_active", "listener.sim.downstream_cx_active",
        "tcp.sim.upstream_flush_active", "tcp.sim.idle_timeout"}) {
    if (ValueOf(snapshot, gauge) != 0) Violation(std::string(gauge) + " is not 0");
  }
  if (ValueOf(snapshot, "tcp.sim.downstream_cx_rx_bytes_total") !=
      kernel_.traffic(kPort).received) {
    Violation("bytes of clients are not counted as they came");
  }
  if (ValueOf(snapshot, "cluster.a.upstream_cx_tx_bytes_total") != kernel_.traffic(kHost).sent) {
    Violation("bytes to hosts are not counted as they went");
  }
  for (const auto& [name, cluster] : world_->cluster_list()) {
    for (const auto what : {&upstream::UsageSlot::connections, &upstream::UsageSlot::pending,
                            &upstream::UsageSlot::requests}) {
      if (cluster->Sum(upstream::Priority::kDefault, what) != 0) Violation("usage is left");
    }
  }
  world_.reset();
  if (kernel_.open_descriptors() != 0) {
    Violation(std::to_string(kernel_.open_descriptors()) + " descriptors are left");
  }
  for (const std::string& what : kernel_.violations()) Violation(what);
}

}  // namespace remora::sim
