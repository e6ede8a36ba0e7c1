#include "source/http/router/shadow.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace remora::router {

using http::HeaderId;

namespace {

// Where ":port" begins in an authority; its size when there is no port.
size_t PortStart(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == authority.size()) return authority.size();
  const std::string_view port = authority.substr(colon + 1);
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool bare_ipv6 = authority.front() != '[' && authority.find(':') != colon;
  return digits && !bare_ipv6 ? colon : authority.size();
}

// "host-shadow:port", so that the mirrored traffic is told apart by who gets it.
std::string_view ShadowHost(std::string_view authority, base::Arena& arena) {
  constexpr std::string_view kSuffix = "-shadow";
  if (authority.empty()) return authority;
  const size_t port = PortStart(authority);
  char* text = arena.AllocateBytes(authority.size() + kSuffix.size());
  std::memcpy(text, authority.data(), port);
  std::memcpy(text + port, kSuffix.data(), kSuffix.size());
  std::memcpy(text + port + kSuffix.size(), authority.data() + port, authority.size() - port);
  return {text, authority.size() + kSuffix.size()};
}

void CopyFields(const http::HeaderMap& from, http::HeaderMap& to) {
  from.ForEach([&to](const http::HeaderEntry& entry) {
    if (entry.id != HeaderId::kOther) {
      to.Add(entry.id, entry.value());
    } else {
      to.Add(entry.name(), entry.value());
    }
  });
}

}  // namespace

Shadows::~Shadows() = default;

void Shadows::Remove(Shadow& shadow, event::Dispatcher& dispatcher) {
  const auto found =
      std::find_if(all_.begin(), all_.end(),
                   [&shadow](const std::unique_ptr<Shadow>& one) { return one.get() == &shadow; });
  if (found == all_.end()) return;
  std::unique_ptr<Shadow> owned = std::move(*found);
  *found = std::move(all_.back());
  all_.pop_back();
  dispatcher.DeferDelete(std::move(owned));
}

Shadow::Shadow(const Setup& setup, const http::RequestHead& head)
    : owner_(setup.owner),
      cluster_(setup.cluster),
      body_limit_(setup.body_limit),
      request_(setup.cluster, *this, {.timeout = setup.timeout, .timeout_from_end = true}) {
  base::Arena& arena = request_.arena();
  http::RequestHead& copy = request_.head();
  copy.method = arena.Copy(head.method);
  copy.method_id = head.method_id;
  copy.scheme = arena.Copy(head.scheme);
  copy.authority =
      setup.host_suffix ? ShadowHost(head.authority, arena) : arena.Copy(head.authority);
  copy.path = arena.Copy(head.path);
  copy.length = head.length;
  copy.framing = head.framing;
  copy.version = head.version;
  CopyFields(head.headers, copy.headers);
}

void Shadow::SendData(const buffer::Buffer& data) {
  if (finished_) return;
  buffer::Buffer shared(data.pool());
  shared.AppendShared(data);
  request_.SendData(shared);
  if (request_.waiting_bytes() > body_limit_) Drop(true);
}

void Shadow::SendEnd(const http::HeaderMap* trailers) {
  if (finished_) return;
  if (trailers != nullptr) CopyFields(*trailers, request_.trailers());
  request_.SendEnd(trailers != nullptr);
}

void Shadow::Drop(bool abandoned) {
  if (finished_) return;
  if (abandoned) cluster_.stats().retry_or_shadow_abandoned.Inc();
  Finish();
}

void Shadow::Finish() {
  finished_ = true;
  base::Linkable::BreakLinks();
  request_.Close();
  owner_.Remove(*this, request_.dispatcher());
}

void Mirrors::SendData(const buffer::Buffer& data) {
  for (base::Link<Shadow>& link : links_) {
    if (link) link->SendData(data);
  }
}

void Mirrors::SendEnd(const http::HeaderMap* trailers) {
  for (base::Link<Shadow>& link : links_) {
    if (link) link->SendEnd(trailers);
  }
  // From here on they are on their own.
  links_.clear();
}

void Mirrors::Drop() {
  for (base::Link<Shadow>& link : links_) {
    if (link) link->Drop(false);
  }
  links_.clear();
}

}  // namespace remora::router
