#include "source/extensions/registry.h"

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
