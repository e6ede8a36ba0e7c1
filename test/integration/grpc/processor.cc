#include "test/integration/grpc/processor.h"

#include <cctype>
#include <stdexcept>
#include <utility>

namespace remora::harness::ext_proc {
namespace {

std::string WithDefaults(const std::string& config) {
  const auto with = [](const std::string& text, const std::string& field, const char* value) {
    return text.find(field) == std::string::npos ? text + " " + field + value : text;
  };
  return with(with(config, "grpc_service", " { envoy_grpc { cluster_name: 'proc' } }"),
              "message_timeout", " { seconds: 20 }");
}

}  // namespace

std::string Mode(const std::string& text) { return "processing_mode { " + text + " } "; }

void AddProcessor(Harness& h, const net::Address& service, const std::string& config) {
  AddGrpcService(h, "proc", service);
  AddFilter<ExtProc>(h, "proc", WithDefaults(config));
}

route::FilterOverride Override(const std::string& text) {
  return OverrideOf<ExtProc>("proc", text);
}

ProcessingRequest Read(const std::string& message) {
  ProcessingRequest request;
  if (!request.ParseFromString(message)) throw std::runtime_error("no ProcessingRequest");
  return request;
}

std::string Word(const ProcessingRequest& request) {
  using Case = ProcessingRequest::RequestCase;
  const auto body = [](const auto& of) {
    return std::to_string(of.body().size()) + (of.end_of_stream() ? " end" : "");
  };
  switch (request.request_case()) {
    case Case::kRequestHeaders:
      return std::string("request") + (request.request_headers().end_of_stream() ? " end" : "");
    case Case::kResponseHeaders:
      return std::string("response") + (request.response_headers().end_of_stream() ? " end" : "");
    case Case::kRequestBody:
      return "request body " + body(request.request_body());
    case Case::kResponseBody:
      return "response body " + body(request.response_body());
    case Case::kRequestTrailers:
      return "request trailers";
    case Case::kResponseTrailers:
      return "response trailers";
    default:
      return "nothing";
  }
}

std::vector<std::string> Words(const RealServer& service) {
  std::vector<std::string> words;
  for (const std::string& message : service.messages()) words.push_back(Word(Read(message)));
  return words;
}

void Confirm(const ProcessingRequest& request, ProcessingResponse& response) {
  if (request.has_request_headers()) response.mutable_request_headers();
  if (request.has_response_headers()) response.mutable_response_headers();
  if (request.has_request_body()) response.mutable_request_body();
  if (request.has_response_body()) response.mutable_response_body();
  if (request.has_request_trailers()) response.mutable_request_trailers();
  if (request.has_response_trailers()) response.mutable_response_trailers();
}

void Converse(RealServer& service, Answering change) {
  service.Converse([change = std::move(change)](const std::string& message) {
    const ProcessingRequest request = Read(message);
    ProcessingResponse response;
    Confirm(request, response);
    if (change) change(request, response);
    return response.SerializeAsString();
  });
}

void Change(const std::string& text, ProcessingResponse& response) {
  response = ProtoFromText<ProcessingResponse>(text);
}

std::string Upper(const std::string& text) {
  std::string out = text;
  for (char& c : out) c = static_cast<char>(std::toupper(c));
  return out;
}

void Capitals(const ProcessingRequest& request, ProcessingResponse& response) {
  if (request.has_request_headers()) {
    response.mutable_request_headers()
        ->mutable_response()
        ->mutable_header_mutation()
        ->add_remove_headers("content-length");
  } else if (request.has_response_headers()) {
    response.mutable_response_headers()
        ->mutable_response()
        ->mutable_header_mutation()
        ->add_remove_headers("content-length");
  } else if (request.has_request_body()) {
    response.mutable_request_body()->mutable_response()->mutable_body_mutation()->set_body(
        Upper(request.request_body().body()));
  } else if (request.has_response_body()) {
    response.mutable_response_body()->mutable_response()->mutable_body_mutation()->set_body(
        Upper(request.response_body().body()));
  }
}

}  // namespace remora::harness::ext_proc
