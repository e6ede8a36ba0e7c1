#pragma once

// An external processor of the gRPC library, what it answers, and a proxy that sends it the parts
// of its exchanges.
//
// Owner and thread: the test's; answers are made on the library's threads, where nothing can be
// checked. What is no message of the service throws.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "source/extensions/http_filters/ext_proc/ext_proc.h"
#include "test/grpc/real_server.h"
#include "test/harness/harness.h"
#include "test/integration/served_filter.h"

namespace remora::harness::ext_proc {

using envoy::service::ext_proc::v3::ProcessingRequest;
using envoy::service::ext_proc::v3::ProcessingResponse;
using extensions::ExtProc;
using fakes::ProtoFromText;
using fakes::RealServer;

std::string Mode(const std::string& text);
// With a service, and time for it, unless `config` says something else.
void AddProcessor(Harness& h, const net::Address& service, const std::string& config);
route::FilterOverride Override(const std::string& text);

ProcessingRequest Read(const std::string& message);
// "request", "request body 5 end", "response trailers"...
std::string Word(const ProcessingRequest& request);
// What a processor was sent, in words.
std::vector<std::string> Words(const RealServer& service);

using Answering = std::function<void(const ProcessingRequest&, ProcessingResponse&)>;
// The part may go on as it is.
void Confirm(const ProcessingRequest& request, ProcessingResponse& response);
// Says so to each part; `change` may say more.
void Converse(RealServer& service, Answering change = {});
// The answer is `text`.
void Change(const std::string& text, ProcessingResponse& response);
std::string Upper(const std::string& text);
// Bodies in capitals, and their lengths not told.
void Capitals(const ProcessingRequest& request, ProcessingResponse& response);

// A proxy in front of "up", which says hello, with a service.
struct Setup {
  explicit Setup(const std::string& config = "", Answering change = {}) {
    Converse(service, std::move(change));
    up = h.Upstream("up").Respond(200, "hello", {{"x-from", "up"}});
    route = &h.Route("/", "up");
    AddProcessor(h, service.address(), config);
  }
  uint64_t Count(const std::string& name) { return h.Stat("http.ingress.ext_proc." + name); }
  RealServer service;
  Harness h;
  std::optional<ScriptedUpstream> up;
  route::RouteConfig* route;
};

}  // namespace remora::harness::ext_proc
