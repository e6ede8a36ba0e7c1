#include "source/extensions/registry.h"

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/extensions/http_filters/buffer/buffer.h"
#include "source/extensions/http_filters/header_mutation/header_mutation.h"
#include "source/extensions/http_filters/router/router.h"

namespace remora::extensions {

void RegisterAll(config::Registry& registry) {
  registry.AddHttpFilter<Buffer>();
  registry.AddHttpFilter<HeaderMutation>();
  registry.AddHttpFilter<Router>();
}

}  // namespace remora::extensions
