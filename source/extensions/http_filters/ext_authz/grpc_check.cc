#include "source/extensions/http_filters/ext_authz/grpc_check.h"

#include <optional>
#include <string_view>
#include <utility>

namespace remora::extensions {
namespace {

constexpr std::string_view kMethod = "/envoy.service.auth.v3.Authorization/Check";

}  // namespace

GrpcCheck::GrpcCheck(const grpc::Service& service, const CheckContent& content,
                     const CheckSubject& subject, upstream::ClusterSet& clusters, CheckUser& user)
    : user_(user) {
  buffer::Buffer message(clusters.worker().blocks);
  message.Append(MakeCheckRequest(content, subject));
  call_ = grpc::UnaryCall::Start(clusters, service, kMethod, message, *this);
}

void GrpcCheck::OnAnswer(const grpc::Status& status, buffer::Buffer& message) {
  std::optional<Verdict> verdict;
  if (status.ok()) verdict = ReadVerdict(message.ToString());
  // This object is gone behind that.
  user_.OnVerdict(verdict.has_value() ? *std::move(verdict) : Verdict());
}

}  // namespace remora::extensions
