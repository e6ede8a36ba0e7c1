#pragma once

// GrpcCheck: a question as a call of envoy.service.auth.v3.Authorization/Check.
//
// Owner, thread and what becomes of failures: check.h. A status that is not OK, and a message that
// is no CheckResponse, are failures of the service.
// Source: Envoy source/extensions/filters/common/ext_authz/ext_authz_grpc_impl.cc.

#include "source/extensions/http_filters/ext_authz/check.h"
#include "source/grpc/unary_call.h"

namespace remora::extensions {

class GrpcCheck final : public Check, private grpc::UnaryUser {
 public:
  GrpcCheck(const grpc::Service& service, const CheckContent& content, const CheckSubject& subject,
            upstream::ClusterSet& clusters, CheckUser& user);

 private:
  // grpc::UnaryUser
  void OnAnswer(const grpc::Status& status, buffer::Buffer& message) override;

  CheckUser& user_;
  grpc::UnaryCallPtr call_;
};

}  // namespace remora::extensions
