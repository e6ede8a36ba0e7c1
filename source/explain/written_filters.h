#pragma once

// WrittenFilters: what the resources that an explanation goes by say of its filters, as JSON
// without secrets.
//
// Thread: main (it takes resources apart). Nothing fails: what is not found stays empty.

#include <functional>
#include <string>
#include <string_view>

#include "source/explain/explanation.h"

namespace remora::explain {

// In binary; empty: not known.
struct WrittenResources {
  std::string listener = {};  // envoy.config.listener.v3.Listener
  // envoy.config.route.v3.RouteConfiguration; empty also where the listener has it.
  std::string routes = {};
  // envoy.config.core.v3.TypedExtensionConfig of a filter that comes from a source.
  std::function<std::string(const std::string& name)> extension;
};

void AddWrittenFilters(const WrittenResources& resources, Explanation& explanation);

}  // namespace remora::explain
