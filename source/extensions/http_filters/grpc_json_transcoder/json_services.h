#pragma once

// JsonServices: gRPC services as HTTP and JSON: which method a request calls, and messages from
// JSON and to JSON.
//
// Built from a descriptor set by Load (main thread, at load; faults go to the context); immutable,
// shared by the workers, whose calls may run at the same time. A translation that fails says why;
// what it takes is bounded by what it is given. protobuf does the JSON (json_util over a type
// resolver). Source: Envoy
// source/extensions/filters/http/grpc_json_transcoder/json_transcoder_filter.cc;
// google/api/http.proto.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/config/registry.h"
#include "source/extensions/http_filters/grpc_json_transcoder/path_table.h"
#include "source/http/message.h"

namespace envoy::extensions::filters::http::grpc_json_transcoder::v3 {
class GrpcJsonTranscoder;
}
namespace google::api {
class HttpRule;
}
namespace google::protobuf {
class Descriptor;
class DescriptorPool;
class FieldDescriptor;
class MethodDescriptor;
namespace util {
class TypeResolver;
}
}  // namespace google::protobuf

namespace remora::extensions {

// One way to call a method.
struct JsonMethod {
  std::string path;  // "/package.Service/Method"
  const google::protobuf::Descriptor* request = nullptr;
  const google::protobuf::Descriptor* response = nullptr;
  // From the message to the one that the body is; empty: the message itself.
  std::vector<const google::protobuf::FieldDescriptor*> body;
  const google::protobuf::FieldDescriptor* response_body = nullptr;  // null: the whole message
  bool has_body = false;     // else the request's body means nothing
  bool raw_request = false;  // the body is a google.api.HttpBody
  bool raw_response = false;
  bool client_streaming = false;
  bool server_streaming = false;
};

struct RawBody {
  std::string content_type;
  std::string data;
};

class JsonServices {
 public:
  using Proto = envoy::extensions::filters::http::grpc_json_transcoder::v3::GrpcJsonTranscoder;
  struct Call {
    const JsonMethod* method = nullptr;
    std::string bound;  // what path and query say, as a serialized message
  };

  // Null after an error.
  static std::shared_ptr<const JsonServices> Load(const Proto& proto,
                                                  config::ConfigContext& context);
  ~JsonServices();

  bool empty() const { return methods_.empty(); }
  // NotFound: no method is called so; InvalidArgument: path or query do not fit the message;
  // FailedPrecondition: a value in them does not.
  absl::StatusOr<Call> Find(std::string_view http_method, std::string_view path) const;
  // A serialized message of what the request's body says; to be put behind Call::bound.
  absl::StatusOr<std::string> ReadBody(const JsonMethod& method, std::string_view json) const;
  std::string WrapRaw(const JsonMethod& method, const RawBody& body) const;
  absl::StatusOr<std::string> WriteResponse(const JsonMethod& method,
                                            const std::string& message) const;
  absl::StatusOr<RawBody> ReadRaw(const JsonMethod& method, const std::string& message) const;
  // A serialized google.rpc.Status as JSON.
  absl::StatusOr<std::string> WriteStatus(const std::string& status) const;

 private:
  explicit JsonServices(PathOptions options);

  bool LoadTypes(const Proto& proto, config::ConfigContext& context);
  bool AddService(const std::string& name, std::string_view field, bool auto_mapping,
                  config::ConfigContext& context);
  absl::Status AddMethod(const google::protobuf::MethodDescriptor& method, bool auto_mapping);
  absl::Status AddRule(const google::protobuf::MethodDescriptor& method,
                       const google::api::HttpRule& rule);
  // A serialized message of the variables and the query's parameters.
  absl::StatusOr<std::string> Bind(const google::protobuf::Descriptor& type,
                                   PathTable::Variables variables, std::string_view query) const;
  absl::StatusOr<std::string> ToBinary(const google::protobuf::Descriptor& type,
                                       std::string_view json) const;
  absl::StatusOr<std::string> ToJson(const std::string& type_name, const std::string& message,
                                     bool with_defaults) const;

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  PathTable paths_;
  std::vector<JsonMethod> methods_;
  std::set<std::string, std::less<>> ignored_parameters_;
  bool ignore_unknown_parameters_ = false;
  bool plus_is_space_ = false;
  bool any_case_enums_ = false;
  bool whitespace_ = false;
  bool with_defaults_ = false;
  bool enums_as_ints_ = false;
  bool proto_names_ = false;
};

}  // namespace remora::extensions
