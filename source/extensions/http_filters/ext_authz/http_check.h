#pragma once

// HttpCheck: a question as a request like the one that it is about, to a service over HTTP. See
// check.h.
//
// Of the answer's body so much is kept as a client may be answered with; a longer one is a failure.
// Source: Envoy source/extensions/filters/common/ext_authz/ext_authz_http_impl.cc.

#include "source/event/dispatcher.h"
#include "source/extensions/http_filters/ext_authz/check.h"
#include "source/upstream/async_request.h"

namespace remora::extensions {

class HttpCheck final : public Check, private upstream::AsyncUser {
 public:
  HttpCheck(const HttpService& service, const CheckContent& content, const CheckSubject& subject,
            upstream::ClusterSet& clusters, CheckUser& user);

 private:
  static constexpr size_t kMaxBody = size_t{1024} * 1024;

  static void OnTurnEnd(void* self);
  // upstream::AsyncUser
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  const HttpService& service_;
  CheckUser& user_;
  event::Dispatcher& dispatcher_;
  event::TurnTask turn_end_;  // without a cluster
  event::TimePoint begin_;
  Verdict verdict_;
  upstream::AsyncRequestPtr request_;  // null: there is no such cluster
};

// What the head of an answer says.
Verdict ReadHttpVerdict(const HttpService& service, const http::ResponseHead& head);

}  // namespace remora::extensions
