#include "test/sim/client.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace remora::sim {
namespace {

constexpr const char* kBodyMethods[] = {"POST", "PUT", "PATCH", "DELETE"};
constexpr const char* kPlainMethods[] = {"GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"};

bool AnsweredEarly(const Exchange& exchange) {
  for (const Attempt& attempt : exchange.attempts) {
    if (attempt.early) return true;
  }
  return false;
}

}  // namespace

Client::Client(Kernel& kernel, base::Random& random, Ledger& ledger, fakes::SimulatedClock& clock,
               const ClientHabits& habits, uint16_t port)
    : random_(random),
      ledger_(ledger),
      clock_(clock),
      habits_(habits),
      wire_(&kernel.Connect(port)) {
  const size_t count = 1 + random_.Below(random_.Below(4) == 0 ? 12 : 4);
  pipelined_ = Chance(30);
  const uint64_t kind = random_.Below(100);
  if (kind < 20) ending_ = Ending::kHalfClose;
  if (kind >= 20 && kind < 30) ending_ = Ending::kStay;
  if (habits_.faults && kind >= 60) {
    ending_ = kind < 72 ? Ending::kLeave : kind < 84 ? Ending::kReset : Ending::kCut;
  }
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    requests_.push_back(MakeRequest(i + 1 == count));
    bytes += requests_.back().text.size();
  }
  ending_at_ = random_.Below(bytes + 1);
  next_ = Soon(20);
}

std::string Client::MakeBody(Exchange& exchange, std::string& head) {
  const size_t size = random_.Below(Chance(20) ? habits_.largest_body : 300);
  exchange.body = Pattern(exchange.id, "q", size);
  if (exchange.http10 || Chance(50)) {
    head += "content-length: " + std::to_string(size) + "\r\n";
    return exchange.body;
  }
  head += "transfer-encoding: chunked\r\n";
  std::string text;
  for (size_t at = 0; at < size;) {
    const size_t piece = std::min(size - at, 1 + random_.Below(Chance(50) ? 40 : 5000));
    char line[32];
    std::snprintf(line, sizeof(line), Chance(50) ? "%zx" : "%zX", piece);
    text += line;
    if (Chance(10)) text += ";ext=\"a b\"";
    text += "\r\n" + exchange.body.substr(at, piece) + "\r\n";
    at += piece;
  }
  text += "0\r\n";
  if (Chance(20)) {
    exchange.trailers.push_back({"x-sim-trailer", std::to_string(exchange.id)});
    text += "x-sim-trailer: " + std::to_string(exchange.id) + "\r\n";
  }
  return text + "\r\n";
}

Client::Request Client::MakeRequest(bool last) {
  Exchange& exchange = ledger_.Add();
  Request request{&exchange, "", 0};
  if (habits_.faults && last && Chance(15)) {
    exchange.well_formed = false;
    request.text = (*habits_.broken)[random_.Below(habits_.broken->size())];
    return request;
  }
  if (habits_.tunnels && last && ending_ == Ending::kClose && Chance(40))
    return MakeTunnel(exchange);
  const bool with_body = Chance(40);
  exchange.http10 = last && Chance(10);
  exchange.method = with_body ? kBodyMethods[random_.Below(4)] : kPlainMethods[random_.Below(6)];
  exchange.authority = Chance(80) ? "sim.test" : "other.test:81";
  exchange.target = habits_.paths[random_.Below(habits_.paths.size())] + "/" +
                    std::to_string(exchange.id) + (Chance(20) ? "?q=%2F..&x" : "");
  std::string head = exchange.method + " " + exchange.target +
                     (exchange.http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  head += (Chance(50) ? "host: " : "Host:  ") + exchange.authority + "\r\n";
  head += "x-sim-id: " + std::to_string(exchange.id) + "\r\n";
  if (!habits_.instances.empty() && Chance(60)) {
    exchange.instance = habits_.instances[random_.Below(habits_.instances.size())];
    head += "cookie: session=1; __VCAP_ID__=" + std::to_string(exchange.instance) + "\r\n";
  }
  if (Chance(20)) head += "x-fill: " + std::string(random_.Below(3000), 'f') + "\r\n";
  if (Chance(10)) head += "connection: x-drop, keep-alive\r\nx-drop: 1\r\nkeep-alive: 5\r\n";
  if (last && ending_ != Ending::kStay && Chance(15)) head += "connection: close\r\n";
  const bool expects = with_body && !exchange.http10 && Chance(10);
  if (expects) head += "expect: 100-continue\r\n";
  const std::string body = with_body ? MakeBody(exchange, head) : "";
  head += "\r\n";
  if (expects) request.pause_at = head.size();
  request.text = head + body;
  return request;
}

Client::Request Client::MakeTunnel(Exchange& exchange) {
  Tunnel& tunnel = exchange.tunnel;
  tunnel.asked = true;
  tunnel.connect = Chance(30);
  tunnel.from_client =
      Pattern(exchange.id, "c", random_.Below(Chance(20) ? habits_.largest_body : 2000));
  tunnel_end_ = static_cast<TunnelEnd>(random_.Below(habits_.faults ? 4 : 2));
  exchange.method = tunnel.connect ? "CONNECT" : "GET";
  exchange.authority = tunnel.connect ? "sim.test:443" : "sim.test";
  exchange.target = tunnel.connect ? exchange.authority
                                   : habits_.paths[random_.Below(habits_.paths.size())] + "/t";
  std::string head = exchange.method + " " + exchange.target +
                     " HTTP/1.1\r\nhost: " + exchange.authority +
                     "\r\nx-sim-id: " + std::to_string(exchange.id) + "\r\n";
  if (!tunnel.connect) head += "connection: upgrade\r\nupgrade: websocket\r\n";
  return {&exchange, head + "\r\n", 0};
}

void Client::SendTunnel() {
  if (fin_sent_) return;
  const std::string& text = tunnel_->tunnel.from_client;
  const size_t left = text.size() - tunnel_sent_;
  const size_t size = left == 0 ? 0 : 1 + random_.Below(left);
  wire_->Send(std::string_view(text).substr(tunnel_sent_, size));
  tunnel_sent_ += size;
  total_ += size;
  next_ = Soon(10);
  const bool leaves = tunnel_end_ == TunnelEnd::kLeave || tunnel_end_ == TunnelEnd::kReset;
  if (leaves && Chance(30)) {
    if (tunnel_end_ == TunnelEnd::kReset) wire_->Reset();
    End(true);
  } else if (tunnel_sent_ == text.size()) {
    next_ = leaves ? next_ : event::Timer::kNever;
    // Who never reads again is cut off in the end, by the idle or the delayed-close timeout.
    if (!leaves) wire_->reading = true;
    if (tunnel_end_ != TunnelEnd::kFin) return;
    fin_sent_ = tunnel_->tunnel.client_fin = true;
    wire_->SendFin();
  }
}

void Client::ReceiveTunnel() {
  std::string& bytes = wire_->arrived();
  const Tunnel& tunnel = tunnel_->tunnel;
  const std::string& all = tunnel.from_upstream;
  if (all.compare(std::min(tunnel_got_, all.size()), bytes.size(), bytes) != 0) {
    ledger_.Violation("tunnel of " + std::to_string(tunnel_->id) +
                      ": client got other bytes: " + bytes.substr(0, 60));
  }
  tunnel_got_ += bytes.size();
  bytes.clear();
  if (!wire_->fin_arrived() && !wire_->reset_arrived()) return;
  if (tunnel.upstream_fin && !wire_->reset_arrived() && tunnel_got_ != all.size()) {
    ledger_.Violation("tunnel of " + std::to_string(tunnel_->id) + ": " +
                      std::to_string(tunnel_got_) + " bytes of " + std::to_string(all.size()) +
                      " before the FIN");
  }
  End(true);
}

void Client::Finish() {
  wire_->reading = true;
  next_ = std::min(next_, clock_.Now());
  if (ending_ == Ending::kStay) ending_ = Ending::kClose;
}

bool Client::Act() {
  if (over_) return false;
  const size_t before = wire_->arrived().size();
  Receive();
  bool acted = wire_->arrived().size() != before || over_;
  if (over_ || next_ > clock_.Now()) return acted;
  next_ = event::Timer::kNever;
  if (Chance(wire_->reading ? 5 : 50)) wire_->reading = !wire_->reading;
  if (!wire_->reading) next_ = Soon(30);
  const size_t total = total_;
  Send();
  return acted || total != total_;
}

void Client::Send() {
  if (tunnel_ != nullptr) {
    SendTunnel();
    return;
  }
  if (sending_ == requests_.size()) {
    if (fin_sent_ || over_) return;
    if (ending_ == Ending::kHalfClose) {
      fin_sent_ = true;
      wire_->SendFin();
    } else if (answered_ == requests_.size() && ending_ != Ending::kStay) {
      End(false);
    }
    return;
  }
  if (!pipelined_ && sending_ > answered_) return;
  if (wire_->worker_closed() && wire_->fin_arrived()) return;
  Request& request = requests_[sending_];
  size_t size = 1 + random_.Below(Chance(50) ? request.text.size() : 1 + request.text.size() / 8);
  size = std::min(size, request.text.size() - at_);
  if (at_ < request.pause_at) size = std::min(size, request.pause_at - at_);
  const bool leaves =
      ending_ == Ending::kLeave || ending_ == Ending::kReset || ending_ == Ending::kCut;
  if (leaves) size = std::min(size, ending_at_ - total_);
  wire_->Send(std::string_view(request.text).substr(at_, size));
  at_ += size;
  total_ += size;
  next_ = at_ == request.pause_at ? Soon(20) : Chance(60) ? clock_.Now() : Soon(10);
  if (at_ == request.text.size()) {
    request.exchange->sent_whole = true;
    request.exchange->sent_at = clock_.Now();
    ++sending_;
    at_ = 0;
  }
  if (leaves && total_ == ending_at_) {
    if (ending_ == Ending::kCut) {
      // FIN, perhaps within a request; what was asked for before may still be answered.
      for (size_t i = sending_; i < requests_.size(); ++i) requests_[i].exchange->excused = true;
      requests_.resize(sending_ + (at_ > 0 ? 1 : 0));
      sending_ = requests_.size();
      ending_ = Ending::kHalfClose;
      fin_sent_ = true;
      wire_->SendFin();
    } else {
      if (ending_ == Ending::kReset) wire_->Reset();
      End(true);
    }
  }
}

void Client::Receive() {
  while (answered_ < requests_.size() && tunnel_ == nullptr) {
    Exchange& exchange = *requests_[answered_].exchange;
    const bool ended = wire_->fin_arrived() && !wire_->reset_arrived();
    std::optional<harness::Message> message;
    try {
      // A broken request may begin with HEAD too.
      const bool head = requests_[answered_].text.starts_with("HEAD ") ||
                        (exchange.tunnel.connect && wire_->arrived().starts_with("HTTP/1.1 2"));
      message =
          harness::TakeMessage(wire_->arrived(), harness::MessageKind::kResponse, ended, head);
    } catch (const harness::MalformedMessage& error) {
      ledger_.Violation("client of " + std::to_string(exchange.id) + " got " + error.what());
      End(true);
      return;
    }
    if (!message.has_value()) break;
    ledger_.CheckResponse(exchange, *message);
    if (exchange.well_formed) ++answered_;
    next_ = std::min(next_, Soon(3));
    if (exchange.tunnel.asked &&
        (message->status == 101 || (exchange.tunnel.connect && message->status / 100 == 2))) {
      tunnel_ = &exchange;
      break;
    }
    if (message->Get("connection").find("close") != std::string_view::npos || exchange.http10) {
      for (size_t i = answered_; i < requests_.size(); ++i) requests_[i].exchange->excused = true;
      if (!wire_->fin_arrived() && !wire_->reset_arrived()) continue;
    }
    // Broken bytes may be one request, several or none; all that counts is that answers are whole.
    if (!exchange.well_formed && wire_->arrived().empty()) break;
  }
  if (tunnel_ != nullptr) {
    ReceiveTunnel();
    return;
  }
  if (answered_ == requests_.size() && !wire_->arrived().empty() &&
      requests_.back().exchange->well_formed) {
    ledger_.Violation("client got bytes that it did not ask for: " +
                      wire_->arrived().substr(0, 100));
    End(true);
    return;
  }
  if (wire_->fin_arrived() || wire_->reset_arrived()) {
    // One answer at most is owed now; none behind an answer that came before its request was whole,
    // which may be the connection's last without having said so.
    const bool early = answered_ > 0 && AnsweredEarly(*requests_[answered_ - 1].exchange);
    for (size_t i = answered_ + (early ? 0 : 1); i < requests_.size(); ++i) {
      requests_[i].exchange->excused = true;
    }
    if (answered_ < requests_.size()) {
      Exchange& exchange = *requests_[answered_].exchange;
      if (!wire_->arrived().empty()) exchange.outcome = Exchange::Outcome::kCut;
    }
    End(wire_->reset_arrived());
  }
}

void Client::End(bool excuse) {
  if (over_) return;
  over_ = true;
  for (size_t i = 0; i < requests_.size(); ++i) {
    Exchange& exchange = *requests_[i].exchange;
    if (excuse || i >= sending_) exchange.excused = true;
  }
  wire_->Close();
}

}  // namespace remora::sim
