#include "source/upstream/whole_call.h"

#include "absl/strings/str_cat.h"

namespace remora::upstream {

using Outcome = CallResult::Outcome;

WholeCall::WholeCall(ClusterRuntime& cluster, const CallRequest& request, CallUser& user)
    : user_(user), max_body_(request.max_body) {
  AsyncRequest::Options options;
  options.timeout = request.timeout;
  request_.reset(new AsyncRequest(cluster, *this, options));
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

void WholeCall::OnHead(http::ResponseHead& head) {
  result_.status = head.status;
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    result_.fields.emplace_back(entry.name(), entry.value());
  });
}

void WholeCall::OnData(buffer::Buffer& data) {
  if (result_.body.size() + data.length() > max_body_) return Finish(Outcome::kTooLarge);
  const size_t at = result_.body.size();
  const size_t size = data.length();
  result_.body.resize(at + size);
  data.CopyOut(0, size, result_.body.data() + at);
  data.Clear();
}

void WholeCall::OnReset(const http::ProxyError& error) {
  result_.error = error.kind;
  Finish(error.kind == http::ErrorKind::kRouteTimeout ? Outcome::kTimedOut : Outcome::kFailed);
}

void WholeCall::Finish(Outcome outcome) {
  request_.reset();
  result_.outcome = outcome;
  user_.OnCallResult(result_);
}

}  // namespace remora::upstream
