#include "source/http/router/shadow.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "source/upstream/pool_connection.h"

namespace remora::router {

using http::ErrorKind;
using http::HeaderId;
using http::ProxyError;
using http::Side;
using upstream::AddOwn;

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

// As every request that the proxy itself makes.
void AppendOwnAddress(const net::Address& local, http::HeaderMap& headers) {
  if (!local.is_ip()) return;
  std::string forwarded(headers.Get(HeaderId::kXForwardedFor));
  if (!forwarded.empty()) forwarded += ',';
  forwarded += local.IpString();
  headers.Set(HeaderId::kXForwardedFor, forwarded);
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
      arena_(setup.arenas),
      head_(arena_),
      body_(setup.cluster.worker().blocks),
      body_limit_(setup.body_limit),
      time_(setup.timeout),
      timeout_(setup.cluster.worker().dispatcher.timers(), &OnTimeout, this) {
  cluster_.AddUser();
  head_.method = arena_.Copy(head.method);
  head_.method_id = head.method_id;
  head_.scheme = arena_.Copy(head.scheme);
  head_.authority =
      setup.host_suffix ? ShadowHost(head.authority, arena_) : arena_.Copy(head.authority);
  head_.path = arena_.Copy(head.path);
  head_.length = head.length;
  head_.framing = head.framing;
  head_.version = head.version;
  CopyFields(head.headers, head_.headers);
  head_.headers.SetReference(HeaderId::kXEnvoyInternal, "true");
}

Shadow::~Shadow() {
  // With its owner, while it was on its way.
  if (waiting_) pool_->CancelWaiting(*this);
  lease_.Cancel();
  cluster_.RemoveUser();
}

void Shadow::Start() {
  const bool http2 = head_.version == http::Version::kHttp2;
  pool_ = cluster_.follows_downstream() ? cluster_.PickPool({.http2 = http2}) : cluster_.PickPool();
  if (pool_ == nullptr) return Fail({Side::kLocal, ErrorKind::kNoHealthyHost});
  upstream::Pool::Acquired acquired = pool_->Acquire(*this);
  if (acquired.error.has_value()) return Fail(*acquired.error);
  if (acquired.lease.active()) return Use(std::move(acquired.lease));
  waiting_ = true;
}

void Shadow::Use(upstream::StreamLease lease) {
  lease_ = std::move(lease);
  AppendOwnAddress(lease_.connection()->local_address(), head_.headers);
  lease_.stream()->OnHead(head_);
  FlushBody();
}

void Shadow::OnStreamReady(upstream::StreamLease lease) {
  waiting_ = false;
  Use(std::move(lease));
}

void Shadow::OnStreamFailed(const ProxyError& error) {
  waiting_ = false;
  Fail(error);
}

void Shadow::SendData(const buffer::Buffer& data) {
  if (finished_) return;
  body_.AppendShared(data);
  if (lease_.active() && !full_) {
    FlushBody();
  } else if (body_.length() > body_limit_) {
    Drop(true);
  }
}

void Shadow::SendEnd(const http::HeaderMap* trailers) {
  if (finished_) return;
  if (trailers != nullptr) {
    trailers_ = arena_.New<http::HeaderMap>(arena_);
    CopyFields(*trailers, *trailers_);
  }
  request_ended_ = true;
  request_end_ = cluster_.worker().dispatcher.now();
  if (time_ > 0) timeout_.Arm(request_end_ + time_);
  if (lease_.active() && !full_) FlushBody();
}

void Shadow::OnUpstreamDrained() {
  full_ = false;
  FlushBody();
}

// Sends what there is. An answer may have come before the request's end: then nobody asks for more.
void Shadow::FlushBody() {
  // The connection's output may drain behind the end.
  if (end_sent_) return;
  if (!body_.empty()) lease_.stream()->OnData(body_);
  if (!request_ended_ || !lease_.active()) return;
  end_sent_ = true;
  lease_.stream()->OnEnd(trailers_);
}

void Shadow::OnHead(http::ResponseHead& head) {
  answered_ = true;
  cluster_.CountResponse(head.status, true);
  upstream::HostCounters& counters = pool_->host().counters(cluster_.worker().index);
  AddOwn<uint64_t>(head.status >= 500 ? counters.rq_error : counters.rq_success, 1);
}

void Shadow::OnEnd(http::HeaderMap*) {
  if (request_ended_) {
    const event::TimePoint now = cluster_.worker().dispatcher.now();
    cluster_.stats().upstream_rq_time.Record(
        static_cast<uint64_t>((now - request_end_) / event::kMillisecond));
  }
  lease_.Finish();
  Finish();
}

void Shadow::OnReset(const ProxyError& error) {
  lease_.Finish();
  Fail(error);
}

void Shadow::OnTimeout(void* self) {
  auto* shadow = static_cast<Shadow*>(self);
  shadow->cluster_.stats().upstream_rq_timeout.Inc();
  shadow->Fail({Side::kLocal, ErrorKind::kRouteTimeout});
}

// Counted as what a client would have been answered.
void Shadow::Fail(const ProxyError& error) {
  if (finished_) return;
  if (!answered_) cluster_.CountResponse(http::ReplyFor(error.kind).status, true);
  Finish();
}

void Shadow::Drop(bool abandoned) {
  if (finished_) return;
  if (abandoned) cluster_.stats().retry_or_shadow_abandoned.Inc();
  Finish();
}

void Shadow::Finish() {
  finished_ = true;
  base::Linkable::BreakLinks();
  timeout_.Disarm();
  body_.Clear();
  if (waiting_) {
    waiting_ = false;
    pool_->CancelWaiting(*this);
  }
  lease_.Cancel();
  owner_.Remove(*this, cluster_.worker().dispatcher);
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
