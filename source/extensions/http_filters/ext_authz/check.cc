#include "source/extensions/http_filters/ext_authz/check.h"

#include "source/extensions/http_filters/ext_authz/grpc_check.h"
#include "source/extensions/http_filters/ext_authz/http_check.h"

namespace remora::extensions {

CheckPtr StartCheck(const CheckService& service, const CheckContent& content,
                    const CheckSubject& subject, upstream::ClusterSet& clusters, CheckUser& user) {
  if (const auto* const over_grpc = std::get_if<grpc::Service>(&service)) {
    return std::make_unique<GrpcCheck>(*over_grpc, content, subject, clusters, user);
  }
  return std::make_unique<HttpCheck>(std::get<HttpService>(service), content, subject, clusters,
                                     user);
}

}  // namespace remora::extensions
