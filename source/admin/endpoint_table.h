#pragma once

// EndpointTable: every admin path, what it is for, and who answers it.
//
//   Request -> Handle -> 403                             (admin.allow_paths does not allow it)
//                     -> 404 with the list of commands   (unknown path)
//                     -> 405                             (it changes something and is no POST)
//                     -> the endpoint's handler -> Response
//
// Handlers are plain functions; a group of endpoints is one file with one Add function.
// Owner: the admin filter's factory. Thread: main. Immutable once made.
// Source: Envoy source/server/admin/admin.cc, the texts of a running Envoy 1.40.

#include <string>
#include <string_view>
#include <vector>

#include "source/admin/environment.h"
#include "source/admin/request.h"
#include "source/admin/response.h"

namespace remora::admin {

class EndpointTable;

struct Parameter {
  enum class Kind : uint8_t { kFlag, kText, kLines, kChoice };

  Kind kind = Kind::kText;
  std::string_view name;
  std::string_view help;
  std::vector<std::string_view> choices = {};  // an empty one: no choice made
};

struct Endpoint {
  std::string_view path;
  std::string_view help;
  Response (*handler)(const EndpointTable& table, const Request& request);
  bool mutates = false;
  std::vector<Parameter> parameters = {};
};

class EndpointTable {
 public:
  // `environment` outlives the table.
  explicit EndpointTable(const Environment& environment);
  EndpointTable(const EndpointTable&) = delete;
  EndpointTable& operator=(const EndpointTable&) = delete;

  Response Handle(const Request& request) const;

  const Environment& environment() const { return environment_; }
  // In the order of their paths.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // `admin commands are:` and a line for each endpoint and each of its parameters.
  std::string CommandList() const;

 private:
  bool Allows(const Request& request) const;

  const Environment& environment_;
  std::vector<Endpoint> endpoints_;
};

// The groups.
void AddHomeEndpoints(std::vector<Endpoint>& endpoints);         // / /help
void AddCertificateEndpoints(std::vector<Endpoint>& endpoints);  // /certs
void AddServerEndpoints(std::vector<Endpoint>& endpoints);       // /ready /server_info /memory ...
void AddStatsEndpoints(std::vector<Endpoint>& endpoints);        // /stats /stats/prometheus
void AddClusterEndpoints(std::vector<Endpoint>& endpoints);      // /clusters
void AddListenerEndpoints(std::vector<Endpoint>& endpoints);     // /listeners
void AddConfigEndpoints(std::vector<Endpoint>& endpoints);       // /config_dump
void AddExplainEndpoints(std::vector<Endpoint>& endpoints);      // /explain
void AddLogEndpoints(std::vector<Endpoint>& endpoints);          // /logging /reopen_logs
void AddDrainEndpoints(std::vector<Endpoint>& endpoints);        // /drain_listeners /healthcheck/*
void AddRuntimeEndpoints(std::vector<Endpoint>& endpoints);      // /runtime /runtime_modify
void AddProfileEndpoints(std::vector<Endpoint>& endpoints);      // /cpuprofiler /heapprofiler ...

}  // namespace remora::admin
