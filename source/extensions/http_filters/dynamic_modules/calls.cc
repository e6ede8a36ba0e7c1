#include "source/extensions/http_filters/dynamic_modules/calls.h"

#include "absl/strings/str_cat.h"
#include "source/upstream/async_request.h"

namespace remora::extensions {
namespace {

using Outcome = CallResult::Outcome;

class ClusterCall final : public RunningCall, private upstream::AsyncUser {
 public:
  ClusterCall(upstream::ClusterRuntime& cluster, const CallRequest& request, CallUser& user)
      : user_(user), max_body_(request.max_body) {
    upstream::AsyncRequest::Options options;
    options.timeout = request.timeout;
    request_.reset(new upstream::AsyncRequest(cluster, *this, options));
    base::Arena& arena = request_->arena();
    http::RequestHead& head = request_->head();
    head.method = arena.Copy(request.method);
    head.method_id = http::ParseMethod(head.method);
    head.scheme = request_->secure() ? "https" : "http";
    head.authority = arena.Copy(request.authority);
    head.path = arena.Copy(request.path);
    for (const auto& [name, value] : request.fields) head.headers.Add(name, value);
    if (!request.body.empty()) {
      head.framing = http::Framing::kLength;
      head.length = request.body.size();
      head.headers.Set(http::HeaderId::kContentLength, absl::StrCat(request.body.size()));
    }
    request_->Start();
    if (!request.body.empty()) {
      buffer::Buffer body(cluster.worker().blocks);
      body.Append(request.body);
      request_->SendData(body);
    }
    request_->SendEnd();
  }

 private:
  // upstream::AsyncUser
  void OnHead(http::ResponseHead& head) override {
    result_.status = head.status;
    head.headers.ForEach([&](const http::HeaderEntry& entry) {
      result_.fields.emplace_back(entry.name(), entry.value());
    });
  }
  void OnData(buffer::Buffer& data) override {
    if (result_.body.size() + data.length() > max_body_) return Finish(Outcome::kTooLarge);
    result_.body += data.ToString();
    data.Clear();
  }
  void OnEnd(http::HeaderMap*) override { Finish(Outcome::kAnswered); }
  void OnReset(const http::ProxyError& error) override {
    Finish(error.kind == http::ErrorKind::kRouteTimeout ? Outcome::kTimedOut : Outcome::kFailed);
  }

  void Finish(Outcome outcome) {
    request_.reset();
    result_.outcome = outcome;
    user_.OnCallResult(result_);
  }

  CallUser& user_;
  const uint64_t max_body_;
  upstream::AsyncRequestPtr request_;
  CallResult result_;
};

}  // namespace

std::unique_ptr<RunningCall> ClusterCalls::Start(const CallRequest& request, CallUser& user) {
  upstream::ClusterRuntime* const cluster = clusters_.Find(request.cluster);
  if (cluster == nullptr) return nullptr;
  return std::make_unique<ClusterCall>(*cluster, request, user);
}

}  // namespace remora::extensions
