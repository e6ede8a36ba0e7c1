#include "test/sim/simulation.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <sstream>
#include <utility>

#include "source/base/log.h"

namespace remora::sim {
namespace {

uint32_t Sum(const upstream::Cluster& cluster, std::atomic<uint32_t> upstream::UsageSlot::* what) {
  return cluster.Sum(upstream::Priority::kDefault, what) +
         cluster.Sum(upstream::Priority::kHigh, what);
}

uint64_t ValueOf(const stats::Snapshot& snapshot, std::string_view name) {
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name == name) return metric.value;
  }
  return 0;
}

}  // namespace

std::string Report::ToString() const {
  char line[200];
  std::snprintf(line, sizeof(line),
                "seed %" PRIu64 ": %" PRIu64 " turns, %" PRIu64 " exchanges (%" PRIu64
                " upstream, %" PRIu64 " local, %" PRIu64 " cut, %" PRIu64
                " unanswered), %.1f s, trace %016" PRIx64 "\n",
                seed, turns, exchanges, upstream_replies, local_replies, cut, unanswered,
                static_cast<double>(time) / event::kSecond, trace);
  std::string text = line;
  for (const std::string& violation : violations) text += "  " + violation + "\n";
  return text;
}

Simulation::Simulation(uint64_t seed, const BadTexts& bad, bool tells)
    : settings_(MakeSettings(seed)),
      random_(seed),
      kernel_(random_, clock_, *this),
      ledger_([this](std::string what) { Violation(std::move(what)); }) {
  base::SetAllLogLevels(base::LogLevel::kOff);
  report_.seed = seed;
  kernel_.tells = tells;
  if (tells) std::printf("%s", settings_.yaml.c_str());
  settings_.clients.broken = &bad.requests;
  settings_.upstreams.garbage = &bad.answers;
  ledger_.trailers_pass = settings_.trailers;
  ledger_.lengths_made = settings_.buffers;
  ledger_.tries = 1 + settings_.retries;
  probes_.violation = [this](std::string what) { Violation(std::move(what)); };
  probes_.random = &random_;
  probes_.shakes = settings_.shakes;
  probes_.tells = tells;
  for (size_t i = 0; i < settings_.hosts; ++i) {
    upstreams_.emplace_back(random_, ledger_, clock_, settings_.upstreams,
                            static_cast<uint16_t>(kFirstUpstreamPort + i));
  }
  if (settings_.mirrors) {
    mirror_habits_ = settings_.upstreams;
    mirror_habits_.mirror = true;
    upstreams_.emplace_back(random_, ledger_, clock_, mirror_habits_,
                            static_cast<uint16_t>(kFirstUpstreamPort + settings_.hosts));
  }
  world_ = std::make_unique<World>(settings_.yaml, clock_, seed, &probes_);
  kernel_.weather = settings_.weather;
}

void Simulation::Violation(std::string what) {
  if (done()) return;
  report_.violations.push_back("turn " + std::to_string(report_.turns) + ": " + std::move(what));
}

Report Simulation::Run() {
  bool finishing = false;
  while (!done()) {
    AddClients();
    if (Step()) continue;
    idle_steps_ = 0;
    CheckQuiet();
    if (PassTime()) continue;
    // Nothing will happen any more: clients that only waited go home.
    if (finishing) break;
    finishing = clients_made_ == settings_.client_count;
    for (Client& client : clients_) client.Finish();
  }
  if (!done()) CheckAnswers();
  if (!done()) CheckEmpty();
  report_.time = clock_.Now() - fakes::SimulatedClock::kStart;
  report_.exchanges = ledger_.exchanges().size();
  report_.upstream_replies = ledger_.upstream_replies;
  report_.local_replies = ledger_.local_replies;
  return report_;
}

void Simulation::AddClients() {
  size_t open = 0;
  for (const Client& client : clients_) open += client.over() ? 0 : 1;
  while (clients_made_ < settings_.client_count && open < settings_.clients_at_once) {
    clients_.emplace_back(kernel_, random_, ledger_, clock_, settings_.clients, kListenerPort);
    ++clients_made_;
    ++open;
  }
}

// True when anything happened.
bool Simulation::Step() {
  bool active = kernel_.Deliver();
  for (Client& client : clients_) {
    if (!client.over() && random_.Below(4) != 0) active |= client.Act();
  }
  for (Upstream& upstream : upstreams_) {
    if (random_.Below(4) != 0) active |= upstream.Act();
  }
  const uint64_t moved = kernel_.traffic(kListenerPort).received;
  world_->Turn();
  ++report_.turns;
  report_.trace = report_.trace * 31 + moved + (active ? 7 : 0);
  CheckTurn();
  if (report_.turns > kMostTurns) {
    Violation("it never ends");
    report_.violations.resize(kMostViolations, "...");
  }
  if (settings_.drains && random_.Below(200) == 0) ChangeDrain();
  // A little time goes by all the same.
  if (random_.Below(4) == 0) {
    clock_.Advance(static_cast<int64_t>(random_.Below(400)) * event::kMicrosecond);
  }
  idle_steps_ = active || !kernel_.Quiet() ? 0 : idle_steps_ + 1;
  // Work that rooms leave for the end of a turn, or of the next, gets its turns.
  return idle_steps_ < kIdleSteps;
}

void Simulation::ChangeDrain() {
  switch (random_.Below(3)) {
    case 0:
      world_->drain().SetOff();
      break;
    case 1:
      world_->drain().SetAlways();
      break;
    default:
      world_->drain().SetGradual(clock_.Now(), event::kSecond);
  }
}

bool Simulation::PassTime() {
  event::TimePoint next = kernel_.NextTime();
  for (const Client& client : clients_) next = std::min(next, client.next());
  for (const Upstream& upstream : upstreams_) next = std::min(next, upstream.next());
  if (next == event::Timer::kNever) return false;
  clock_.Advance(std::max<event::Duration>(next - clock_.Now(), event::kMicrosecond));
  return true;
}

// What must hold at any moment between two turns.
void Simulation::CheckTurn() {
  for (const std::string& what : kernel_.violations()) Violation(what);
  if (world_->connections() != kernel_.open_connections(kListenerPort)) {
    Violation("downstream connections: " + std::to_string(world_->connections()) + " counted, " +
              std::to_string(kernel_.open_connections(kListenerPort)) + " descriptors");
  }
  for (const auto& [name, cluster] : world_->cluster_list()) {
    uint64_t descriptors = 0;
    uint64_t active = 0;
    uint64_t requests = 0;
    for (const auto& host : cluster->hosts()) {
      descriptors += kernel_.open_connections(host->address().port());
      active += host->Sum(&upstream::HostCounters::cx_active);
      requests += host->Sum(&upstream::HostCounters::rq_active);
    }
    const uint32_t used = Sum(*cluster, &upstream::UsageSlot::connections);
    if (used != descriptors || active != descriptors) {
      Violation("cluster " + name + ": " + std::to_string(descriptors) + " descriptors, " +
                std::to_string(used) + " connections used, " + std::to_string(active) +
                " of hosts");
    }
    if (Sum(*cluster, &upstream::UsageSlot::requests) != requests) {
      Violation("cluster " + name + ": requests used and active differ");
    }
    if (requests > descriptors) Violation("cluster " + name + ": more requests than connections");
  }
}

// Nothing moves: whoever waits must wait for somebody.
void Simulation::CheckQuiet() {
  if (kernel_.NextTime() <= clock_.Now() + event::kMillisecond * 30) return;
  for (const Client& client : clients_) {
    if (client.stalls()) return;
  }
  for (const Exchange& exchange : ledger_.exchanges()) {
    if (exchange.outcome != Exchange::Outcome::kNone || exchange.excused) continue;
    // An answer before the last one was thrown away for another try.
    if (exchange.attempts.empty()) continue;
    const Attempt& last = exchange.attempts.back();
    if (!last.plain || !last.sent_whole || !last.request_whole) continue;
    if (last.sent_at + event::kSecond * ledger_.tries > clock_.Now()) continue;
    Violation("response to " + std::to_string(exchange.id) + " is stuck");
  }
}

// Everybody has gone home: who was owed an answer?
void Simulation::CheckAnswers() {
  for (const Client& client : clients_) {
    if (!client.over()) Violation("a client still waits");
  }
  for (const Exchange& exchange : ledger_.exchanges()) {
    if (exchange.outcome == Exchange::Outcome::kCut) ++report_.cut;
    if (exchange.outcome == Exchange::Outcome::kNone) ++report_.unanswered;
    if (!exchange.well_formed || !exchange.sent_whole || exchange.excused) continue;
    const std::string name = "request " + std::to_string(exchange.id);
    bool odd = false;
    for (const Attempt& attempt : exchange.attempts) odd |= !attempt.plain || !attempt.sent_whole;
    // A filter may have held the head of an answer that was cut.
    if (exchange.outcome == Exchange::Outcome::kNone && !(odd && settings_.shakes)) {
      Violation(name + ": no answer");
    }
    if (exchange.outcome == Exchange::Outcome::kCut && !odd && !settings_.hurries) {
      Violation(name + ": cut though its upstream answered in full");
    }
    if (settings_.clean && exchange.outcome != Exchange::Outcome::kUpstream &&
        !exchange.target.starts_with("/direct")) {
      Violation(name + ": answered " + std::to_string(exchange.status) +
                " though nothing was wrong");
    }
    if (settings_.clean && !exchange.attempts.empty() && HasInstance(exchange) &&
        exchange.attempts.front().port != exchange.instance) {
      Violation(name + ": went to another instance");
    }
  }
}

// The upstream that the session of the request names is one of its cluster's: the last is b's.
bool Simulation::HasInstance(const Exchange& exchange) const {
  if (exchange.instance == 0) return false;
  const bool last = exchange.instance == kFirstUpstreamPort + settings_.hosts - 1;
  return exchange.target.starts_with(last ? "/b" : "/a");
}

void Simulation::CheckStatistics(const stats::Snapshot& snapshot, bool at_end) {
  const auto value = [&snapshot](std::string_view name) { return ValueOf(snapshot, name); };
  const auto equal = [this](const char* what, uint64_t a, uint64_t b) {
    if (a != b) {
      Violation(std::string(what) + ": " + std::to_string(a) + " and " + std::to_string(b));
    }
  };
  for (const stats::Metric& metric : snapshot.metrics()) {
    // The files are written by main, which also sets their gauge: not part of this world.
    if (metric.name.starts_with("filesystem.")) continue;
    if (at_end && metric.kind == stats::Kind::kGauge && metric.value != 0) {
      Violation(std::string(metric.name) + " is " +
                std::to_string(static_cast<int64_t>(metric.value)) + " at the end");
    }
  }
  if (!at_end) return;
  const std::string http = "http.sim.";
  equal("downstream connections begun and ended", value(http + "downstream_cx_total"),
        value(http + "downstream_cx_destroy"));
  equal("downstream connections ended, by whom", value(http + "downstream_cx_destroy"),
        value(http + "downstream_cx_destroy_local") + value(http + "downstream_cx_destroy_remote"));
  // What a lingering connection discards is not counted.
  if (value(http + "downstream_cx_rx_bytes_total") > kernel_.traffic(kListenerPort).received) {
    Violation("more bytes received than came");
  }
  equal("downstream bytes sent", value(http + "downstream_cx_tx_bytes_total"),
        kernel_.traffic(kListenerPort).sent);
  equal("requests and their codes", value(http + "downstream_rq_completed"),
        value(http + "downstream_rq_1xx") + value(http + "downstream_rq_2xx") +
            value(http + "downstream_rq_3xx") + value(http + "downstream_rq_4xx") +
            value(http + "downstream_rq_5xx"));
  // Interim answers count as answers of their own.
  if (value(http + "downstream_rq_completed") >
      value(http + "downstream_rq_total") + value(http + "downstream_rq_1xx")) {
    Violation("more requests completed than begun");
  }
  for (const auto& [name, cluster] : world_->cluster_list()) {
    const std::string prefix = "cluster." + name + ".";
    uint64_t received = 0;
    uint64_t sent = 0;
    for (const auto& host : cluster->hosts()) {
      received += kernel_.traffic(host->address().port()).received;
      sent += kernel_.traffic(host->address().port()).sent;
    }
    equal("upstream bytes received", value(prefix + "upstream_cx_rx_bytes_total"), received);
    equal("upstream bytes sent", value(prefix + "upstream_cx_tx_bytes_total"), sent);
    equal(
        "upstream connections ended, by whom", value(prefix + "upstream_cx_destroy"),
        value(prefix + "upstream_cx_destroy_local") + value(prefix + "upstream_cx_destroy_remote"));
  }
}

// Every request left one line, with the status that its client saw.
void Simulation::CheckLog(const std::string& log, uint64_t requests) {
  std::map<std::string, std::pair<uint64_t, int>> lines;  // how many, and the last status
  uint64_t count = 0;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line); ++count) {
    std::istringstream words(line);
    std::string id;
    int status = 0;
    words >> id >> status;
    ++lines[id].first;
    lines[id].second = status;
  }
  if (count != requests) {
    Violation(std::to_string(count) + " log lines of " + std::to_string(requests) + " requests");
  }
  for (const Exchange& exchange : ledger_.exchanges()) {
    const bool answered = exchange.outcome == Exchange::Outcome::kUpstream ||
                          exchange.outcome == Exchange::Outcome::kLocal;
    if (!exchange.well_formed || !exchange.sent_whole || !answered) continue;
    const auto& [times, status] = lines[std::to_string(exchange.id)];
    if (times != 1 || status != exchange.status) {
      Violation("request " + std::to_string(exchange.id) + ": " + std::to_string(times) +
                " log lines, status " + std::to_string(status) + " instead of " +
                std::to_string(exchange.status));
    }
  }
}

// The worker ends: nothing may be left of it.
void Simulation::CheckEmpty() {
  for (const auto& [name, cluster] : world_->cluster_list()) {
    if (Sum(*cluster, &upstream::UsageSlot::requests) != 0 ||
        Sum(*cluster, &upstream::UsageSlot::pending) != 0 ||
        Sum(*cluster, &upstream::UsageSlot::retries) != 0) {
      Violation("cluster " + name + ": usage is left though nobody asks for anything");
    }
  }
  if (world_->blocks().live() != 0) {
    Violation(std::to_string(world_->blocks().live()) + " blocks are held though all is idle");
  }
  if (world_->connections() != 0) Violation("downstream connections are left");
  world_->Clear();
  CheckTurn();
  const stats::Snapshot snapshot = world_->TakeSnapshot();
  CheckStatistics(snapshot, true);
  if (settings_.logs) {
    CheckLog(world_->TakeLog(), ValueOf(snapshot, "http.sim.downstream_rq_total"));
  }
  if (world_->blocks().live() != 0) {
    Violation(std::to_string(world_->blocks().live()) + " blocks are left");
  }
  if (world_->dispatcher().timers().NextWake() != event::Timer::kNever) {
    Violation("a timer is left");
  }
  if (probes_.made != probes_.completed || probes_.made != probes_.destroyed) {
    Violation("filters: " + std::to_string(probes_.made) + " made, " +
              std::to_string(probes_.completed) + " completed, " +
              std::to_string(probes_.destroyed) + " destroyed");
  }
  world_.reset();
  if (kernel_.open_descriptors() != 0) {
    Violation(std::to_string(kernel_.open_descriptors()) + " descriptors are left");
  }
  for (const std::string& what : kernel_.violations()) Violation(what);
}

}  // namespace remora::sim
