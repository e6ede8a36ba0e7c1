#include "source/extensions/registry.h"

#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/extensions/http_filters/buffer/buffer.h"
#include "source/extensions/http_filters/cors/cors.h"
#include "source/extensions/http_filters/csrf/csrf.h"
#include "source/extensions/http_filters/fault/fault.h"
#include "source/extensions/http_filters/header_mutation/header_mutation.h"
#include "source/extensions/http_filters/health_check/health_check.h"
#include "source/extensions/http_filters/local_ratelimit/local_ratelimit.h"
#include "source/extensions/http_filters/router/router.h"

namespace remora::extensions {

void RegisterAll(config::Registry& registry) {
  registry.AddHttpFilter<Buffer>();
  registry.AddHttpFilter<Cors>();
  registry.AddHttpFilter<Csrf>();
  registry.AddHttpFilter<Fault>();
  registry.AddHttpFilter<HeaderMutation>();
  registry.AddHttpFilter<HealthCheck>();
  registry.AddHttpFilter<LocalRateLimit>();
  registry.AddHttpFilter<Router>();
}

}  // namespace remora::extensions
