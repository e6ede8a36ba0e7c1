#pragma once

// Check: one question to the authorization service, over gRPC or HTTP.
//
// Owner: the filter, through a CheckPtr; letting go of it cancels, also from within OnVerdict.
// Thread: the worker's. OnVerdict comes once, never from inside StartCheck. A service that cannot
// be asked, or answers what is none, has failed: Verdict::Kind::kFailed.

#include <memory>

#include "source/extensions/http_filters/ext_authz/check_request.h"
#include "source/extensions/http_filters/ext_authz/verdict.h"
#include "source/upstream/cluster_set.h"

namespace remora::extensions {

class CheckUser {
 public:
  virtual void OnVerdict(Verdict verdict) = 0;

 protected:
  ~CheckUser() = default;
};

class Check {
 public:
  virtual ~Check() = default;
};
using CheckPtr = std::unique_ptr<Check>;

CheckPtr StartCheck(const CheckService& service, const CheckContent& content,
                    const CheckSubject& subject, upstream::ClusterSet& clusters, CheckUser& user);

}  // namespace remora::extensions
