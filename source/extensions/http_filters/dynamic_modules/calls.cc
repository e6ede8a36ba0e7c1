#include "source/extensions/http_filters/dynamic_modules/calls.h"

namespace remora::extensions {
namespace {

class ClusterCall final : public RunningCall {
 public:
  ClusterCall(upstream::ClusterRuntime& cluster, const CallRequest& request, CallUser& user)
      : call_(cluster, request, user) {}

 private:
  upstream::WholeCall call_;
};

}  // namespace

std::unique_ptr<RunningCall> ClusterCalls::Start(const CallRequest& request, CallUser& user) {
  upstream::ClusterRuntime* const cluster = clusters_.Find(request.cluster);
  if (cluster == nullptr) return nullptr;
  return std::make_unique<ClusterCall>(*cluster, request, user);
}

}  // namespace remora::extensions
