#include "source/admin/endpoint_table.h"

#include <algorithm>

#include "source/admin/concat.h"

namespace remora::admin {

EndpointTable::EndpointTable(const Environment& environment) : environment_(environment) {
  AddHomeEndpoints(endpoints_);
  AddServerEndpoints(endpoints_);
  AddCertificateEndpoints(endpoints_);
  AddStatsEndpoints(endpoints_);
  AddClusterEndpoints(endpoints_);
  AddListenerEndpoints(endpoints_);
  AddConfigEndpoints(endpoints_);
  AddExplainEndpoints(endpoints_);
  AddLogEndpoints(endpoints_);
  AddDrainEndpoints(endpoints_);
  AddRuntimeEndpoints(endpoints_);
  AddProfileEndpoints(endpoints_);
  std::sort(endpoints_.begin(), endpoints_.end(),
            [](const Endpoint& a, const Endpoint& b) { return a.path < b.path; });
}

bool EndpointTable::Allows(const Request& request) const {
  const auto& allowed = environment_.allow_paths;
  return allowed.empty() ||
         std::any_of(allowed.begin(), allowed.end(),
                     [&request](const auto& matches) { return matches(request.target); });
}

Response EndpointTable::Handle(const Request& request) const {
  if (!Allows(request)) {
    return Error(403, Concat("request to path ", request.target, " not allowed"));
  }
  const auto endpoint =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [&request](const Endpoint& e) { return e.path == request.path; });
  if (endpoint == endpoints_.end()) {
    return Error(404, Concat("invalid path. ", CommandList()));
  }
  if (endpoint->mutates && request.method != "POST") {
    return Error(405, Concat("Method ", request.method, " not allowed, POST required."));
  }
  return endpoint->handler(*this, request);
}

std::string EndpointTable::CommandList() const {
  std::string list = "admin commands are:\n";
  for (const Endpoint& endpoint : endpoints_) {
    Append(list, "  ", endpoint.path, endpoint.mutates ? " (POST): " : ": ", endpoint.help, "\n");
    for (const Parameter& parameter : endpoint.parameters) {
      Append(list, "      ", parameter.name, ": ", parameter.help);
      if (parameter.kind == Parameter::Kind::kChoice) {
        Append(list, "; One of (");
        for (size_t i = 0; i < parameter.choices.size(); ++i) {
          Append(list, i == 0 ? "" : ", ", parameter.choices[i]);
        }
        list += ')';
      }
      list += '\n';
    }
  }
  return list;
}

}  // namespace remora::admin
