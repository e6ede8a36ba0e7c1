#include "test/sim/exchange.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace remora::sim {
namespace {

std::string Shown(std::string_view text) {
  return std::to_string(text.size()) + " bytes \"" + std::string(text.substr(0, 60)) + "\"";
}

// RFC 9110 section 9.2.2.
bool IsIdempotent(std::string_view method) {
  for (const char* name : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    if (method == name) return true;
  }
  return false;
}

std::string FieldsText(const std::vector<harness::Field>& fields) {
  std::string text;
  for (const harness::Field& field : fields) text += field.name + "=" + field.value + ";";
  return text;
}

std::string Difference(std::string_view a, std::string_view b) {
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  return "at byte " + std::to_string(at) + ": " + Shown(a.substr(at)) + " instead of " +
         Shown(b.substr(at));
}

}  // namespace

std::string Pattern(uint32_t id, std::string_view tag, size_t size) {
  std::string text;
  text.reserve(size + 32);
  while (text.size() < size) {
    char piece[48];
    std::snprintf(piece, sizeof(piece), "%u.%.*s:%06zu ", id, static_cast<int>(tag.size()),
                  tag.data(), text.size());
    text += piece;
  }
  text.resize(size);
  return text;
}

Exchange* Ledger::Find(std::string_view id) {
  const size_t number = std::strtoul(std::string(id).c_str(), nullptr, 10);
  if (number == 0 || number > exchanges_.size()) return nullptr;
  return &exchanges_[number - 1];
}

void Ledger::CheckMessage(const std::string& name, const Exchange& exchange,
                          const std::string& authority, const harness::Message& got) {
  if (!exchange.well_formed) Violation(name + ": a broken one reached an upstream whole");
  if (!exchange.sent_whole) Violation(name + ": reached an upstream before it was whole");
  if (got.method != exchange.method) Violation(name + ": method became " + got.method);
  if (got.target != exchange.target) Violation(name + ": target became " + got.target);
  if (got.Count("host") != 1 || got.Get("host") != authority) {
    Violation(name + ": host became " + std::string(got.Get("host")));
  }
  if (got.body != exchange.body) {
    Violation(name + ": other body, " + Difference(got.body, exchange.body));
  }
  const bool lost = !trailers_pass || (lengths_made && !got.chunked);
  const std::string trailers = lost ? "" : FieldsText(exchange.trailers);
  if (FieldsText(got.trailers) != trailers) {
    Violation(name + ": trailers became " + FieldsText(got.trailers));
  }
  const bool upgrade = exchange.tunnel.asked && !exchange.tunnel.connect;
  for (const char* hop : {"connection", "keep-alive", "te", "upgrade", "x-drop"}) {
    const bool own = upgrade && (hop == std::string("connection") || hop == std::string("upgrade"));
    if (got.Has(hop) != own) Violation(name + ": " + hop + (own ? " is lost" : " was forwarded"));
  }
  if (got.Has("expect")) Violation(name + ": expect was forwarded");
}

void Ledger::CheckRequest(const Exchange& exchange, const harness::Message& got) {
  const std::string name = "request " + std::to_string(exchange.id);
  CheckMessage(name, exchange, exchange.authority, got);
  // In each try, a reused connection that died under it is replaced once (ADR 20).
  const uint32_t allowed = tries * (IsIdempotent(exchange.method) ? 2 : 1);
  if (exchange.attempts.size() > allowed) {
    Violation(name + ": reached upstreams " + std::to_string(exchange.attempts.size()) + " times");
  }
}

void Ledger::CheckMirrored(Exchange& exchange, const harness::Message& got) {
  const std::string name = "mirrored request " + std::to_string(exchange.id);
  std::string authority = exchange.authority;
  authority.insert(std::min(authority.find(':'), authority.size()), "-shadow");
  CheckMessage(name, exchange, authority, got);
  if (exchange.tunnel.asked) Violation(name + ": a tunnel");
  if (++exchange.mirrored > (IsIdempotent(exchange.method) ? 2 : 1)) {
    Violation(name + ": came " + std::to_string(exchange.mirrored) + " times");
  }
}

void Ledger::CheckResponse(Exchange& exchange, const harness::Message& got) {
  const std::string name = "response to " + std::to_string(exchange.id);
  exchange.status = got.status;
  if (!got.Has("x-sim-attempt")) {
    exchange.outcome = Exchange::Outcome::kLocal;
    ++local_replies;
    if (got.status < 400 && !exchange.target.starts_with("/direct")) {
      // Garbage that happened to be an answer has no mark; nothing can be said of it.
      bool odd = !exchange.well_formed;
      for (const Attempt& attempt : exchange.attempts) odd |= !attempt.plain;
      if (!odd) Violation(name + ": unknown answer " + got.first_line);
    }
    return;
  }
  exchange.outcome = Exchange::Outcome::kUpstream;
  ++upstream_replies;
  if (got.Get("x-sim-id") != std::to_string(exchange.id)) {
    Violation(name + ": is the response to " + std::string(got.Get("x-sim-id")));
    return;
  }
  const size_t number = std::strtoul(std::string(got.Get("x-sim-attempt")).c_str(), nullptr, 10);
  if (number >= exchange.attempts.size()) {
    Violation(name + ": of an attempt that was not made");
    return;
  }
  const Attempt& attempt = exchange.attempts[number];
  if (exchange.instance != 0 && attempt.plain) {
    const std::string other = "__VCAP_ID__=" + std::to_string(attempt.port) + "; Path=/; HttpOnly";
    if (got.Get("set-cookie") != (attempt.port == exchange.instance ? "" : other)) {
      Violation(name + ": wrong cookie " + std::string(got.Get("set-cookie")));
    }
  }
  if (got.status != attempt.status) {
    Violation(name + ": status " + std::to_string(got.status) + " instead of " +
              std::to_string(attempt.status));
  }
  const bool until_close = exchange.http10 && !got.Has("content-length");
  if (attempt.cut && !until_close && exchange.method != "HEAD") {
    Violation(name + ": an answer that was cut looks whole");
  }
  const std::string_view body = exchange.method == "HEAD" ? std::string_view() : attempt.body;
  // HTTP/1.0 without a length cannot say where a body was cut.
  if (until_close ? !body.starts_with(got.body) : got.body != body) {
    Violation(name + ": other body, " + Difference(got.body, body));
  }
  const bool want_trailers = trailers_pass && got.chunked;
  if (FieldsText(got.trailers) != (want_trailers ? FieldsText(attempt.trailers) : "")) {
    Violation(name + ": trailers became " + FieldsText(got.trailers));
  }
}

}  // namespace remora::sim
