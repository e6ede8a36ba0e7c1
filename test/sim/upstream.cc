#include "test/sim/upstream.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

namespace remora::sim {
namespace {

constexpr int kStatuses[] = {200, 200, 200, 201, 206, 301, 404, 418, 500, 503};
constexpr int kBodiless[] = {204, 304};

// The value of `name` in a head; empty when it has none.
std::string FieldOf(const std::string& head, const std::string& name) {
  const size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

}  // namespace

Remote::Answer Upstream::OnConnect() {
  if (!habits_.connect_faults || !Chance(15)) return Remote::Answer::kAccept;
  constexpr Remote::Answer kFaults[] = {Remote::Answer::kRefuse, Remote::Answer::kRefuse,
                                        Remote::Answer::kSilence, Remote::Answer::kUnreachable,
                                        Remote::Answer::kNoPorts};
  return kFaults[random_.Below(5)];
}

void Upstream::OnWire(Wire& wire) {
  Connection& connection = connections_.emplace_back();
  connection.wire = &wire;
  if (habits_.stale_closes && Chance(20)) {
    // Before it was ever used.
    connection.idle_close = clock_.Now() + Delay(20);
  }
}

bool Upstream::Act() {
  bool acted = false;
  for (Connection& connection : connections_) acted |= ActOn(connection);
  std::erase_if(connections_, [](const Connection& connection) { return connection.closed; });
  return acted;
}

event::TimePoint Upstream::next() const {
  event::TimePoint next = event::Timer::kNever;
  for (const Connection& connection : connections_) {
    if (!connection.steps.empty() && (connection.request_whole || connection.early)) {
      next = std::min(next, connection.next);
    }
    if (!connection.answering) next = std::min(next, connection.idle_close);
    if (!connection.wire->reading) next = std::min(next, connection.next);
  }
  return next;
}

bool Upstream::ActOn(Connection& connection) {
  Wire& wire = *connection.wire;
  bool acted = Read(connection);
  if (connection.closed) return true;
  if (connection.tunnel && wire.fin_arrived() && !wire.reset_arrived()) {
    // It may go on; and the proxy ends what this side has ended.
    if (!connection.steps.empty()) return RunStep(connection) || acted;
    EndTunnel(connection);
    return true;
  }
  if (wire.reset_arrived() || (wire.fin_arrived() && wire.arrived().empty())) {
    Close(connection);
    return true;
  }
  if (!wire.reading && connection.next <= clock_.Now()) wire.reading = true;
  if (connection.answering) {
    acted |= RunStep(connection);
  } else if (connection.idle_close <= clock_.Now()) {
    if (Chance(25) && wire.unread() == 0) wire.Reset();
    Close(connection);
    acted = true;
  }
  return acted;
}

bool Upstream::Read(Connection& connection) {
  std::string& bytes = connection.wire->arrived();
  if (bytes.empty()) return false;
  bool acted = false;
  if (!connection.answering) {
    const size_t end = bytes.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    Begin(connection, bytes.substr(0, end + 2));
    acted = true;
  }
  if (connection.tunnel && connection.request_whole) return ReadTunnel(connection);
  if (connection.request_whole) {
    // The next request may come as soon as the answer is whole, before what nobody asked for.
    if (connection.answer_left != 0) {
      ledger_.Violation("upstream " + std::to_string(port_) +
                        " got bytes behind a request: " + bytes.substr(0, 100));
    }
    connection.wire->Reset();
    Close(connection);
    return true;
  }
  std::optional<harness::Message> message;
  try {
    message = harness::TakeMessage(bytes, harness::MessageKind::kRequest);
  } catch (const harness::MalformedMessage& error) {
    ledger_.Violation("upstream " + std::to_string(port_) + " got " + error.what());
    connection.wire->Reset();
    Close(connection);
    return true;
  }
  if (!message.has_value()) return acted;
  connection.request_whole = true;
  if (connection.exchange != nullptr) {
    connection.exchange->attempts[connection.attempt].request_whole = true;
    ledger_.CheckRequest(*connection.exchange, *message);
  }
  if (connection.copied != nullptr) ledger_.CheckMirrored(*connection.copied, *message);
  // Behind an early answer the next request may follow at once.
  if (!bytes.empty() && !connection.steps.empty()) {
    ledger_.Violation("upstream " + std::to_string(port_) + " got two requests at once: " +
                      message->first_line + ", then " + bytes.substr(0, 100));
  }
  if (!connection.early && !connection.steps.empty()) {
    connection.next = clock_.Now() + connection.steps.front().delay;
  }
  // The answer to the whole of it may be out already.
  if (connection.steps.empty()) FinishAnswer(connection);
  return true;
}

void Upstream::Begin(Connection& connection, const std::string& head) {
  ++requests_;
  connection.answering = true;
  connection.request_whole = false;
  connection.early = false;
  connection.answer_left.reset();
  connection.idle_close = event::Timer::kNever;
  connection.exchange = ledger_.Find(FieldOf(head, "x-sim-id"));
  if (habits_.mirror) {
    connection.copied = std::exchange(connection.exchange, nullptr);
    PlanMirrored(connection);
    return;
  }
  if (connection.exchange == nullptr) {
    connection.steps.push_back({Delay(5), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"});
    return;
  }
  connection.attempt = connection.exchange->attempts.size();
  Attempt& attempt = connection.exchange->attempts.emplace_back();
  attempt.port = port_;
  // Any 2xx accepts a CONNECT.
  const Tunnel& tunnel = connection.exchange->tunnel;
  const bool garbled = connection.garbled;
  if (tunnel.asked && (tunnel.connect || Chance(70))) {
    PlanTunnel(connection, *connection.exchange, attempt);
  } else {
    Plan(connection, *connection.exchange, attempt);
  }
  if (garbled) attempt.plain = false;
  if (connection.early) connection.next = clock_.Now() + connection.steps.front().delay;
  if (Chance(10)) {
    connection.wire->reading = false;
    connection.next = clock_.Now() + Delay(20);
  }
}

std::string Upstream::MakeAnswer(const Exchange& exchange, size_t number, Attempt& attempt,
                                 bool& closes) {
  const std::string tag = std::to_string(number);
  const bool head_only = exchange.method == "HEAD";
  attempt.status = Chance(10) ? kBodiless[random_.Below(2)] : kStatuses[random_.Below(10)];
  std::string text = "HTTP/1.1 " + std::to_string(attempt.status) + " Simulated\r\n";
  text += "x-sim-id: " + std::to_string(exchange.id) + "\r\nX-Sim-Attempt: " + tag + "\r\n";
  if (Chance(10)) text += "connection: x-drop\r\nx-drop: 1\r\n";
  if (Chance(10)) {
    closes = true;
    text += "connection: close\r\n";
  }
  if (attempt.status == 204 || attempt.status == 304) return text + "\r\n";
  const size_t size = random_.Below(Chance(20) ? habits_.largest_body : 300);
  const uint64_t framing = random_.Below(10);
  attempt.body = Pattern(exchange.id, tag, size);
  if (framing < 5) {
    text += "content-length: " + std::to_string(size) + "\r\n\r\n";
    return head_only ? text : text + attempt.body;
  }
  if (framing < 7 && !head_only) {
    closes = true;
    return text + "\r\n" + attempt.body;
  }
  text += "transfer-encoding: chunked\r\n\r\n";
  if (head_only) return text;
  for (size_t at = 0; at < size;) {
    const size_t piece = std::min(size - at, 1 + random_.Below(Chance(50) ? 40 : 9000));
    char line[32];
    std::snprintf(line, sizeof(line), "%zx\r\n", piece);
    text += line + attempt.body.substr(at, piece) + "\r\n";
    at += piece;
  }
  text += "0\r\n";
  if (Chance(25)) {
    attempt.trailers.push_back({"x-sim-end", tag});
    text += "x-sim-end: " + tag + "\r\n";
  }
  return text + "\r\n";
}

void Upstream::Plan(Connection& connection, Exchange& exchange, Attempt& attempt) {
  std::deque<Step>& steps = connection.steps;
  if (Chance(10)) {
    const uint64_t count = 1 + random_.Below(3);
    for (uint64_t i = 0; i < count; ++i) {
      steps.push_back({Delay(5), Chance(50) ? "HTTP/1.1 100 Continue\r\n\r\n"
                                            : "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"});
    }
  }
  const uint64_t fault = habits_.faults ? random_.Below(100) : 99;
  if (fault < 5) {  // silence
    attempt.plain = false;
    attempt.cut = true;
    steps.assign(1, {3600 * event::kSecond, "", After::kClose});
    return;
  }
  if (fault < 10) {
    attempt.plain = false;
    const std::string& text = (*habits_.garbage)[random_.Below(habits_.garbage->size())];
    connection.garbled = true;
    steps.push_back({Delay(10), text, Chance(50) ? After::kClose : After::kNothing});
    return;
  }
  bool closes = false;
  std::string text = MakeAnswer(exchange, connection.attempt, attempt, closes);
  After after = closes ? After::kClose : After::kNothing;
  if (fault < 20) {
    attempt.plain = false;
    // Until the connection closes, a FIN is a good end.
    const bool until_close = text.find("content-length") == std::string::npos &&
                             text.find("transfer-encoding") == std::string::npos;
    const size_t size = random_.Below(text.size());
    if (until_close && size >= text.find("\r\n\r\n") + 4) {
      attempt.body.resize(size - text.find("\r\n\r\n") - 4);
      after = After::kFin;
    } else {
      attempt.cut = true;
      after = Chance(50) ? After::kReset : After::kClose;
    }
    text.resize(size);
  } else if (fault < 25) {
    // An answer that nobody asked for, right behind the one that was.
    attempt.plain = closes;
    if (!closes) {
      connection.answer_left = text.size();
      for (const Step& step : steps) *connection.answer_left += step.bytes.size();
      text +=
          "HTTP/1.1 200 OK\r\nx-sim-id: 0\r\nX-Sim-Attempt: 999\r\ncontent-length: 6\r\n\r\npoison";
    }
  } else if (fault < 33) {
    connection.early = attempt.early = true;
    attempt.plain = false;
    if (Chance(50)) after = After::kClose;
  } else if (fault < 38 && after == After::kNothing) {
    after = After::kClose;  // without having said so
  }
  if (Chance(20)) {
    while (text.size() > 1) {
      const size_t size = 1 + random_.Below(text.size() - 1);
      steps.push_back({Delay(Chance(80) ? 2 : habits_.slowest), text.substr(0, size)});
      text.erase(0, size);
    }
  }
  steps.push_back({Delay(Chance(80) ? 2 : habits_.slowest), text, after});
}

// What a mirror says is thrown away; it may say anything.
void Upstream::PlanMirrored(Connection& connection) {
  std::string text = "HTTP/1.1 200 OK\r\nX-Sim-Attempt: 999\r\n";
  const std::string body(random_.Below(2000), 'm');
  const uint64_t fault = random_.Below(100);
  if (fault < 5) {
    connection.steps.push_back({3600 * event::kSecond, "", After::kClose});
    return;
  }
  if (fault < 15) {
    connection.steps.push_back(
        {Delay(10), (*habits_.garbage)[random_.Below(habits_.garbage->size())], After::kClose});
    return;
  }
  text += "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  After after = After::kNothing;
  if (fault < 25) {
    text.resize(random_.Below(text.size()));
    after = fault < 20 ? After::kClose : After::kReset;
  }
  connection.steps.push_back({Delay(habits_.slowest), text, after});
}

void Upstream::PlanTunnel(Connection& connection, Exchange& exchange, Attempt& attempt) {
  Tunnel& tunnel = exchange.tunnel;
  connection.tunnel = true;
  tunnel.upstream_fin = false;
  connection.tunnel_got = 0;
  attempt.plain = false;
  attempt.status = tunnel.connect ? 200 : 101;
  const std::string number = std::to_string(connection.attempt);
  std::string text = tunnel.connect ? "HTTP/1.1 200 OK\r\n"
                                    : "HTTP/1.1 101 Switching Protocols\r\n"
                                      "connection: upgrade\r\nupgrade: websocket\r\n";
  text += "x-sim-id: " + std::to_string(exchange.id) + "\r\nX-Sim-Attempt: " + number + "\r\n\r\n";
  tunnel.from_upstream =
      Pattern(exchange.id, "u" + number, random_.Below(Chance(20) ? habits_.largest_body : 2000));
  text += tunnel.from_upstream;
  while (text.size() > 1 && Chance(80)) {
    const size_t size = 1 + random_.Below(text.size() - 1);
    connection.steps.push_back({Delay(Chance(80) ? 2 : habits_.slowest), text.substr(0, size)});
    text.erase(0, size);
  }
  // Without a FIN it waits for the client's.
  After after = Chance(50) ? After::kFin : After::kNothing;
  if (habits_.faults && Chance(10)) after = After::kReset;
  connection.steps.push_back({Delay(2), text, after});
}

bool Upstream::ReadTunnel(Connection& connection) {
  std::string& bytes = connection.wire->arrived();
  const std::string& all = connection.exchange->tunnel.from_client;
  if (all.compare(std::min(connection.tunnel_got, all.size()), bytes.size(), bytes) != 0) {
    ledger_.Violation("tunnel of " + std::to_string(connection.exchange->id) +
                      ": upstream got other bytes: " + bytes.substr(0, 60));
  }
  connection.tunnel_got += bytes.size();
  bytes.clear();
  return true;
}

// The other side's FIN came, and this side has said all it had to say.
void Upstream::EndTunnel(Connection& connection) {
  Tunnel& tunnel = connection.exchange->tunnel;
  if (tunnel.client_fin && !tunnel.upstream_fin &&
      connection.tunnel_got != tunnel.from_client.size()) {
    ledger_.Violation("tunnel of " + std::to_string(connection.exchange->id) + ": " +
                      std::to_string(connection.tunnel_got) + " bytes of " +
                      std::to_string(tunnel.from_client.size()) + " before the FIN");
  }
  tunnel.upstream_fin = true;
  Close(connection);
}

bool Upstream::RunStep(Connection& connection) {
  if (!connection.request_whole && !connection.early) return false;
  if (connection.steps.empty() || connection.next > clock_.Now()) return false;
  const Step step = connection.steps.front();
  connection.steps.pop_front();
  connection.wire->Send(step.bytes);
  if (connection.answer_left.has_value()) {
    *connection.answer_left -= std::min(*connection.answer_left, step.bytes.size());
  }
  if (step.after == After::kReset) connection.wire->Reset();
  if (connection.steps.empty() && connection.exchange != nullptr) {
    Attempt& attempt = connection.exchange->attempts[connection.attempt];
    attempt.sent_whole = step.after != After::kReset;
    attempt.sent_at = clock_.Now();
  }
  if (connection.tunnel && step.after != After::kReset) {
    if (step.after == After::kFin) {
      // The rest is the proxy's: it ends the other half.
      connection.exchange->tunnel.upstream_fin = true;
      connection.wire->SendFin();
    }
    if (!connection.steps.empty()) connection.next = clock_.Now() + connection.steps.front().delay;
    return true;
  }
  if (step.after != After::kNothing) {
    if (step.after == After::kFin) connection.wire->SendFin();
    Close(connection);
    return true;
  }
  if (!connection.steps.empty()) {
    connection.next = clock_.Now() + connection.steps.front().delay;
  } else if (connection.request_whole) {
    FinishAnswer(connection);
  }
  return true;
}

void Upstream::FinishAnswer(Connection& connection) {
  connection.answering = false;
  connection.exchange = connection.copied = nullptr;
  if (habits_.stale_closes && Chance(30)) connection.idle_close = clock_.Now() + Delay(60);
}

void Upstream::Close(Connection& connection) {
  connection.closed = true;
  connection.wire->reading = true;
  connection.wire->Close();
}

}  // namespace remora::sim
