#include "source/admin/endpoint_table.h"

namespace remora::admin {
namespace {

// Envoy's answers of a build without the feature: perf(1) and heaptrack(1) see a running process
// from outside, at no cost to one that is not looked at.
constexpr uint16_t kNotImplemented = 501;

bool AsksYesOrNo(const Request& request, bool& yes) {
  const std::string* enable = FindParameter(request.parameters, "enable");
  if (enable == nullptr || (*enable != "y" && *enable != "n")) return false;
  yes = *enable == "y";
  return true;
}

Response CpuProfiler(const EndpointTable&, const Request& request) {
  bool yes = false;
  if (!AsksYesOrNo(request, yes)) return Error(400, "?enable=<y|n>\n");
  return yes ? Error(500, "failure to start the profiler") : Text("OK\n");
}

Response HeapProfiler(const EndpointTable&, const Request&) {
  return Error(kNotImplemented, "The current build does not support heap profiler");
}

Response AllocationProfiler(const EndpointTable&, const Request& request) {
  bool yes = false;
  if (!AsksYesOrNo(request, yes)) return Error(400, "?enable=<y|n>\n");
  return Error(kNotImplemented, "The current build does not support allocation profiler");
}

Response HeapDump(const EndpointTable&, const Request&) {
  return Error(kNotImplemented, "Heap dump not supported in current build");
}

Parameter Enable(std::string_view help) {
  return {Parameter::Kind::kChoice, "enable", help, {"y", "n"}};
}

}  // namespace

void AddProfileEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back({"/allocprofiler",
                       "enable/disable the allocation profiler (if supported)",
                       &AllocationProfiler,
                       true,
                       {Enable("enable/disable the allocation profiler")}});
  endpoints.push_back({"/cpuprofiler",
                       "enable/disable the CPU profiler",
                       &CpuProfiler,
                       true,
                       {Enable("enables the CPU profiler")}});
  endpoints.push_back({"/heap_dump", "dump current Envoy heap (if supported)", &HeapDump});
  endpoints.push_back({"/heapprofiler",
                       "enable/disable the heap profiler",
                       &HeapProfiler,
                       true,
                       {Enable("enable/disable the heap profiler")}});
  endpoints.push_back({"/peak_heap_dump", "dump peak Envoy heap (if supported)", &HeapDump});
}

}  // namespace remora::admin
