#include "source/extensions/http_filters/jwt_authn/remote_keys.h"

#include <algorithm>
#include <utility>

namespace remora::extensions {
namespace {

constexpr uint16_t kOk = 200;
// So long before they expire they are fetched again; as Envoy.
constexpr event::Duration kAhead = 5 * event::kSecond;

}  // namespace

RemoteKeySet::RemoteKeySet(const RemoteKeys& config, event::Dispatcher& dispatcher,
                           const Counters& counters)
    : config_(config),
      dispatcher_(dispatcher),
      counters_(counters),
      refresh_(dispatcher.timers(), &OnRefresh, this) {}

std::shared_ptr<const KeySet> RemoteKeySet::Fresh() const {
  return dispatcher_.now() < expiry_ ? keys_ : nullptr;
}

bool RemoteKeySet::Fetch(upstream::ClusterSet& clusters, KeyWaiter& waiter) {
  clusters_ = &clusters;
  if (request_ == nullptr && !Start()) return false;
  waiters_.PushBack(waiter);
  return true;
}

void RemoteKeySet::OnRefresh(void* self) {
  auto* const keys = static_cast<RemoteKeySet*>(self);
  if (keys->request_ == nullptr && !keys->Start()) {
    keys->refresh_.Arm(keys->dispatcher_.now() + keys->config_.failed_refetch);
  }
}

bool RemoteKeySet::Start() {
  upstream::ClusterRuntime* const cluster = clusters_->Find(config_.cluster);
  if (cluster == nullptr) {
    counters_.failed.Inc();
    return false;
  }
  upstream::AsyncRequest::Options options;
  options.timeout = config_.timeout;
  request_.reset(new upstream::AsyncRequest(*cluster, *this, options));
  http::RequestHead& head = request_->head();
  head.method = "GET";
  head.method_id = http::Method::kGet;
  head.scheme = request_->secure() ? "https" : "http";
  head.authority = config_.host;
  head.path = config_.path;
  // What Envoy says: servers of keys were met that want a browser.
  head.headers.SetReference(http::HeaderId::kUserAgent, "Go-browser");
  status_ = 0;
  body_.clear();
  request_->Start();
  request_->SendEnd();
  return true;
}

void RemoteKeySet::OnData(buffer::Buffer& data) {
  const bool fits = body_.size() + data.length() <= kMaxBody;
  if (fits) body_ += data.ToString();
  data.Clear();
  if (!fits) Finish(nullptr);
}

void RemoteKeySet::OnEnd(http::HeaderMap*) {
  if (status_ != kOk) return Finish(nullptr);
  auto keys = KeySet::Parse(body_);
  Finish(keys.ok() ? *std::move(keys) : nullptr);
}

void RemoteKeySet::OnReset(const http::ProxyError&) { Finish(nullptr); }

void RemoteKeySet::Finish(const std::shared_ptr<const KeySet>& keys) {
  request_.reset();
  body_ = {};
  (keys != nullptr ? counters_.fetched : counters_.failed).Inc();
  const event::TimePoint now = dispatcher_.now();
  if (keys != nullptr) {
    keys_ = keys;
    // What is fetched ahead is good until the next ones are there: a server of keys that is down
    // takes nobody's tokens away.
    expiry_ = config_.ahead ? event::Timer::kNever : now + config_.cache_duration;
  }
  if (config_.ahead) {
    const event::Duration ahead = std::min(kAhead, config_.cache_duration / 2);
    refresh_.Arm(now + (keys != nullptr ? config_.cache_duration - ahead : config_.failed_refetch));
  }
  // Who asks again while being told waits for another fetch.
  base::IntrusiveList<KeyWaiter> told;
  while (!waiters_.empty()) {
    KeyWaiter& waiter = waiters_.PopFront();
    told.PushBack(waiter);
  }
  while (!told.empty()) told.PopFront().OnKeys(keys);
}

}  // namespace remora::extensions
