#include "source/extensions/http_filters/grpc_json_transcoder/json_services.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "google/api/http.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "google/rpc/status.pb.h"
#include "source/config/read_file.h"
#include "source/config/text.h"
#include "source/extensions/http_filters/grpc_json_transcoder/json_text.h"
#include "source/http/escape.h"

namespace remora::extensions {
namespace {

namespace pb = google::protobuf;
using config::Concat;
using config::ToAbsl;
using Filter = JsonServices::Proto;

constexpr char kUrlPrefix[] = "type.googleapis.com";
constexpr char kHttpBody[] = "google.api.HttpBody";
constexpr char kStatus[] = "google.rpc.Status";
// Of the extension google.api.http of MethodOptions.
constexpr int kHttpOption = 72295728;
// Fields of google.api.HttpBody.
constexpr int kContentType = 1;
constexpr int kData = 2;
// What a descriptor set may be; those of large APIs are some MiB.
constexpr uint64_t kMaxDescriptors = 64 * 1024 * 1024;

std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

absl::Status InvalidArgument(const std::string& text) { return absl::InvalidArgumentError(text); }

std::string TypeUrl(const std::string& name) { return Concat(kUrlPrefix, "/", name); }

// --- descriptors

class FirstError final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& filename, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = Concat(filename, ": ", element, ": ", message);
  }
  std::string text;
};

std::optional<std::string> ReadDescriptors(const Filter& proto, config::ConfigContext& context) {
  if (!proto.has_proto_descriptor()) return proto.proto_descriptor_bin();
  absl::StatusOr<std::string> bytes = config::ReadFile(proto.proto_descriptor(), kMaxDescriptors);
  if (bytes.ok()) return *std::move(bytes);
  context.AddError("proto_descriptor", ToStd(bytes.status().message()));
  return std::nullopt;
}

google::api::HttpRule RuleOf(const pb::MethodDescriptor& method) {
  google::api::HttpRule rule;
  const pb::UnknownFieldSet& options = method.options().unknown_fields();
  for (int i = 0; i < options.field_count(); ++i) {
    const pb::UnknownField& field = options.field(i);
    if (field.number() == kHttpOption && field.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) {
      rule.MergeFromString(field.length_delimited());
    }
  }
  return rule;
}

std::pair<std::string, std::string> PatternOf(const google::api::HttpRule& rule) {
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      return {"GET", rule.get()};
    case google::api::HttpRule::kPut:
      return {"PUT", rule.put()};
    case google::api::HttpRule::kPost:
      return {"POST", rule.post()};
    case google::api::HttpRule::kDelete:
      return {"DELETE", rule.delete_()};
    case google::api::HttpRule::kPatch:
      return {"PATCH", rule.patch()};
    case google::api::HttpRule::kCustom:
      return {rule.custom().kind(), rule.custom().path()};
    case google::api::HttpRule::PATTERN_NOT_SET:
      break;
  }
  return {};
}

// By its name in the proto or in JSON; null: there is none.
const pb::FieldDescriptor* FindField(const pb::Descriptor& type, const std::string& name) {
  const pb::FieldDescriptor* const field = type.FindFieldByName(name);
  if (field != nullptr) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

using FieldPath = std::vector<const pb::FieldDescriptor*>;

// "a.b.c"; all but the last are messages, and not repeated.
absl::StatusOr<FieldPath> ResolvePath(const pb::Descriptor& root, std::string_view path) {
  // Deeper than any message of use; what is made of it recurses.
  constexpr size_t kDeepest = 64;
  FieldPath fields;
  const pb::Descriptor* type = &root;
  while (true) {
    if (fields.size() == kDeepest) return InvalidArgument("The path of the field is too deep.");
    const std::string name(path.substr(0, path.find('.')));
    const pb::FieldDescriptor* const field = FindField(*type, name);
    if (field == nullptr) {
      return InvalidArgument(
          Concat("Could not find field \"", name, "\" in the type \"", type->full_name(), "\"."));
    }
    fields.push_back(field);
    if (name.size() == path.size()) return fields;
    path.remove_prefix(name.size() + 1);
    if (field->is_repeated() || field->message_type() == nullptr) {
      return InvalidArgument(Concat("The field \"", name, "\" is no single message."));
    }
    type = field->message_type();
  }
}

// --- values of path and query, as a JSON object

struct BoundField {
  std::map<std::string, BoundField> fields;
  std::vector<std::string> values;
  bool repeated = false;
};

void Put(const FieldPath& path, std::string value, BoundField& root) {
  BoundField* place = &root;
  for (const pb::FieldDescriptor* field : path) place = &place->fields[field->name()];
  place->repeated = path.back()->is_repeated();
  place->values.push_back(std::move(value));
}

void AppendJson(const BoundField& field, std::string& out) {
  if (field.values.empty()) {
    char separator = '{';
    for (const auto& [name, inner] : field.fields) {
      out += std::exchange(separator, ',');
      http::AppendJsonString(name, out);
      out += ':';
      AppendJson(inner, out);
    }
    out += field.fields.empty() ? "{}" : "}";
  } else if (field.repeated) {
    char separator = '[';
    for (const std::string& value : field.values) {
      out += std::exchange(separator, ',');
      http::AppendJsonString(value, out);
    }
    out += ']';
  } else {
    // The last one counts.
    http::AppendJsonString(field.values.back(), out);
  }
}

// --- messages without their types

// Of a serialized message: the field's values alone. False: it cannot be read.
bool TakeField(const std::string& message, int number, pb::UnknownFieldSet& only) {
  pb::UnknownFieldSet all;
  if (!all.ParseFromString(message)) return false;
  for (int i = 0; i < all.field_count(); ++i) {
    if (all.field(i).number() == number) only.AddField(all.field(i));
  }
  return true;
}

// The bytes of a field of text, bytes or a message; several are one behind the other.
std::string BytesOf(const pb::UnknownFieldSet& set, int number) {
  std::string bytes;
  for (int i = 0; i < set.field_count(); ++i) {
    const pb::UnknownField& field = set.field(i);
    if (field.number() == number && field.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) {
      bytes += field.length_delimited();
    }
  }
  return bytes;
}

std::string Serialized(const pb::UnknownFieldSet& set) {
  std::string bytes;
  set.SerializeToString(&bytes);
  return bytes;
}

}  // namespace

JsonServices::JsonServices(PathOptions options) : paths_(options) {}
JsonServices::~JsonServices() = default;

// --- load

bool JsonServices::LoadTypes(const Filter& proto, config::ConfigContext& context) {
  const char* const field =
      proto.has_proto_descriptor() ? "proto_descriptor" : "proto_descriptor_bin";
  const std::optional<std::string> bytes = ReadDescriptors(proto, context);
  if (!bytes.has_value()) return false;
  pb::FileDescriptorSet files;
  if (!files.ParseFromString(*bytes)) {
    context.AddError(field, "is no descriptor set");
    return false;
  }
  pool_ = std::make_unique<pb::DescriptorPool>();
  FirstError error;
  for (const pb::FileDescriptorProto& file : files.file()) {
    if (pool_->BuildFileCollectingErrors(file, &error) == nullptr) {
      context.AddError(field, error.text);
      return false;
    }
  }
  if (pool_->FindMessageTypeByName(kStatus) == nullptr) {
    for (const pb::FileDescriptor* own :
         {pb::Any::descriptor()->file(), google::rpc::Status::descriptor()->file()}) {
      if (pool_->FindFileByName(own->name()) != nullptr) continue;
      pb::FileDescriptorProto copy;
      own->CopyTo(&copy);
      pool_->BuildFileCollectingErrors(copy, &error);
    }
  }
  resolver_.reset(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, pool_.get()));
  return true;
}

std::shared_ptr<const JsonServices> JsonServices::Load(const Proto& proto,
                                                       config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  PathOptions options;
  options.any_verb = proto.match_unregistered_custom_verb();
  if (proto.url_unescape_spec() == Proto::ALL_CHARACTERS_EXCEPT_SLASH) {
    options.kept = PathOptions::Kept::kSlash;
  } else if (proto.url_unescape_spec() == Proto::ALL_CHARACTERS) {
    options.kept = PathOptions::Kept::kNothing;
  }
  std::unique_ptr<JsonServices> services(new JsonServices(options));
  services->ignored_parameters_.insert(proto.ignored_query_parameters().begin(),
                                       proto.ignored_query_parameters().end());
  services->ignore_unknown_parameters_ = proto.ignore_unknown_query_parameters();
  services->plus_is_space_ = proto.query_param_unescape_plus();
  services->any_case_enums_ = proto.case_insensitive_enum_parsing();
  services->whitespace_ = proto.print_options().add_whitespace();
  services->with_defaults_ = proto.print_options().always_print_primitive_fields();
  services->enums_as_ints_ = proto.print_options().always_print_enums_as_ints();
  services->proto_names_ = proto.print_options().preserve_proto_field_names();
  if (!services->LoadTypes(proto, context)) return nullptr;
  for (int i = 0; i < proto.services_size(); ++i) {
    services->AddService(proto.services(i), absl::StrCat("services[", i, "]"), proto.auto_mapping(),
                         context);
  }
  if (context.errors().size() > errors) return nullptr;
  return std::shared_ptr<const JsonServices>(std::move(services));
}

bool JsonServices::AddService(const std::string& name, std::string_view field, bool auto_mapping,
                              config::ConfigContext& context) {
  const pb::ServiceDescriptor* const service = pool_->FindServiceByName(name);
  if (service == nullptr) {
    context.AddError(field, Concat("Could not find '", name, "' in the proto descriptor"));
    return false;
  }
  for (int i = 0; i < service->method_count(); ++i) {
    const absl::Status status = AddMethod(*service->method(i), auto_mapping);
    if (status.ok()) continue;
    context.AddError(field, Concat(service->method(i)->full_name(), ": ", ToStd(status.message())));
    return false;
  }
  return true;
}

absl::Status JsonServices::AddMethod(const pb::MethodDescriptor& method, bool auto_mapping) {
  google::api::HttpRule rule = RuleOf(method);
  if (rule.pattern_case() == google::api::HttpRule::PATTERN_NOT_SET) {
    if (!auto_mapping) return absl::OkStatus();
    rule.set_post(Concat("/", method.service()->full_name(), "/", method.name()));
    rule.set_body("*");
  }
  if (absl::Status status = AddRule(method, rule); !status.ok()) return status;
  for (const google::api::HttpRule& more : rule.additional_bindings()) {
    if (absl::Status status = AddRule(method, more); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonServices::AddRule(const pb::MethodDescriptor& method,
                                   const google::api::HttpRule& rule) {
  JsonMethod added;
  added.path = Concat("/", method.service()->full_name(), "/", method.name());
  added.request = method.input_type();
  added.response = method.output_type();
  added.client_streaming = method.client_streaming();
  added.server_streaming = method.server_streaming();
  added.has_body = !rule.body().empty();
  const pb::Descriptor* body = added.request;
  if (added.has_body && rule.body() != "*") {
    absl::StatusOr<FieldPath> path = ResolvePath(*added.request, rule.body());
    if (!path.ok()) return path.status();
    added.body = *std::move(path);
    body = added.body.back()->is_repeated() ? nullptr : added.body.back()->message_type();
  }
  added.raw_request = added.has_body && body != nullptr && body->full_name() == kHttpBody;
  if (added.raw_request && added.client_streaming) {
    return absl::UnimplementedError("a stream of google.api.HttpBody is not supported");
  }
  const pb::Descriptor* response = added.response;
  if (!rule.response_body().empty()) {
    added.response_body = FindField(*added.response, rule.response_body());
    if (added.response_body == nullptr) {
      return InvalidArgument(Concat("response_body: there is no field ", rule.response_body()));
    }
    response = added.response_body->is_repeated() ? nullptr : added.response_body->message_type();
  }
  added.raw_response = response != nullptr && response->full_name() == kHttpBody;
  const auto [http_method, path] = PatternOf(rule);
  if (http_method.empty()) return InvalidArgument("an HTTP rule without a method");
  const absl::Status status = paths_.Add(http_method, path, methods_.size());
  if (!status.ok()) {
    return InvalidArgument(Concat(http_method, " ", path, ": ", ToStd(status.message())));
  }
  methods_.push_back(std::move(added));
  return absl::OkStatus();
}

// --- requests

absl::StatusOr<JsonServices::Call> JsonServices::Find(std::string_view http_method,
                                                      std::string_view path) const {
  size_t index = 0;
  PathTable::Variables variables;
  if (!paths_.Find(http_method, path, index, variables)) {
    return absl::NotFoundError(
        Concat("Could not resolve ", path.substr(0, path.find('?')), " to a method."));
  }
  const JsonMethod& method = methods_[index];
  const size_t question = path.find('?');
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : path.substr(question + 1);
  absl::StatusOr<std::string> bound = Bind(*method.request, std::move(variables), query);
  if (!bound.ok()) return bound.status();
  return Call{&method, *std::move(bound)};
}

absl::StatusOr<std::string> JsonServices::Bind(const pb::Descriptor& type,
                                               PathTable::Variables variables,
                                               std::string_view query) const {
  const size_t of_path = variables.size();
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (equals == 0 || ignored_parameters_.contains(pair.substr(0, equals))) continue;
    variables.emplace_back(std::string(pair.substr(0, equals)),
                           DecodePercent(value, PathOptions::Kept::kNothing, plus_is_space_));
  }
  if (variables.empty()) return std::string();
  BoundField root;
  for (size_t i = 0; i < variables.size(); ++i) {
    absl::StatusOr<FieldPath> path = ResolvePath(type, variables[i].first);
    if (path.ok()) {
      Put(*path, std::move(variables[i].second), root);
    } else if (i < of_path || !ignore_unknown_parameters_) {
      return path.status();
    }
  }
  std::string json;
  AppendJson(root, json);
  absl::StatusOr<std::string> binary = ToBinary(type, json);
  if (binary.ok()) return binary;
  return absl::FailedPreconditionError(binary.status().message());
}

absl::StatusOr<std::string> JsonServices::ToBinary(const pb::Descriptor& type,
                                                   std::string_view json) const {
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  options.case_insensitive_enum_parsing = any_case_enums_;
  std::string binary;
  const auto status =
      pb::util::JsonToBinaryString(resolver_.get(), TypeUrl(type.full_name()),
                                   pb::StringPiece(json.data(), json.size()), &binary, options);
  if (status.ok()) return binary;
  return InvalidArgument(std::string(status.message().data(), status.message().size()));
}

absl::StatusOr<std::string> JsonServices::ReadBody(const JsonMethod& method,
                                                   std::string_view json) const {
  if (!method.has_body) return std::string();
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::string();
  if (method.body.empty()) return ToBinary(*method.request, json);
  // What stands in an object must not end it.
  if (!IsOneJsonValue(json)) return InvalidArgument("the body is more than one JSON value");
  std::string object;
  for (const pb::FieldDescriptor* field : method.body) {
    object += '{';
    http::AppendJsonString(field->name(), object);
    object += ':';
  }
  object += json;
  object.append(method.body.size(), '}');
  return ToBinary(*method.request, object);
}

std::string JsonServices::WrapRaw(const JsonMethod& method, const RawBody& body) const {
  pb::UnknownFieldSet http_body;
  http_body.AddLengthDelimited(kContentType, body.content_type);
  http_body.AddLengthDelimited(kData, body.data);
  std::string bytes = Serialized(http_body);
  for (auto field = method.body.rbegin(); field != method.body.rend(); ++field) {
    pb::UnknownFieldSet outer;
    outer.AddLengthDelimited((*field)->number(), bytes);
    bytes = Serialized(outer);
  }
  return bytes;
}

// --- responses

absl::StatusOr<std::string> JsonServices::ToJson(const std::string& type_name,
                                                 const std::string& message,
                                                 bool with_defaults) const {
  pb::util::JsonPrintOptions options;
  options.add_whitespace = whitespace_;
  options.always_print_primitive_fields = with_defaults;
  options.always_print_enums_as_ints = enums_as_ints_;
  options.preserve_proto_field_names = proto_names_;
  std::string json;
  const auto status =
      pb::util::BinaryToJsonString(resolver_.get(), TypeUrl(type_name), message, &json, options);
  if (status.ok()) return json;
  return InvalidArgument(std::string(status.message().data(), status.message().size()));
}

absl::StatusOr<std::string> JsonServices::WriteResponse(const JsonMethod& method,
                                                        const std::string& message) const {
  const pb::FieldDescriptor* const field = method.response_body;
  if (field == nullptr) return ToJson(method.response->full_name(), message, with_defaults_);
  pb::UnknownFieldSet only;
  if (!TakeField(message, field->number(), only)) {
    return InvalidArgument("the message cannot be read");
  }
  if (field->message_type() != nullptr && !field->is_repeated()) {
    return ToJson(field->message_type()->full_name(), BytesOf(only, field->number()),
                  with_defaults_);
  }
  // The value out of an object that has no other field: {"name":value}
  absl::StatusOr<std::string> object =
      ToJson(method.response->full_name(), Serialized(only), /*with_defaults=*/true);
  if (!object.ok()) return object;
  const std::string name = Concat("\"", proto_names_ ? field->name() : field->json_name(), "\":");
  const size_t begin = object->find(name);
  if (begin == std::string::npos) return std::string("null");
  std::string_view rest = std::string_view(*object).substr(begin + name.size());
  JsonScanner scanner;
  size_t size = 0;
  while (size < rest.size() && !(scanner.at_top() && (rest[size] == ',' || rest[size] == '}'))) {
    if (!scanner.Next(rest[size++])) break;
  }
  return std::string(rest.substr(0, size));
}

absl::StatusOr<RawBody> JsonServices::ReadRaw(const JsonMethod& method,
                                              const std::string& message) const {
  std::string body = message;
  if (method.response_body != nullptr) {
    pb::UnknownFieldSet only;
    if (!TakeField(message, method.response_body->number(), only)) {
      return InvalidArgument("the message cannot be read");
    }
    body = BytesOf(only, method.response_body->number());
  }
  pb::UnknownFieldSet fields;
  if (!fields.ParseFromString(body)) return InvalidArgument("the message cannot be read");
  return RawBody{BytesOf(fields, kContentType), BytesOf(fields, kData)};
}

absl::StatusOr<std::string> JsonServices::WriteStatus(const std::string& status) const {
  return ToJson(kStatus, status, with_defaults_);
}

}  // namespace remora::extensions
