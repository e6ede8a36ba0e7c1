#include "test/extensions/http_filters/grpc_json_transcoder/shop.h"

#include <memory>
#include <stdexcept>

#include "google/api/http.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"

namespace remora::fakes {
namespace {

namespace pb = google::protobuf;

constexpr char kHttpBody[] = R"(
  name: "google/api/httpbody.proto" package: "google.api" syntax: "proto3"
  message_type {
    name: "HttpBody"
    field { name: "content_type" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "data" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }
  })";

constexpr char kShop[] = R"(
  name: "shop.proto" package: "shop" syntax: "proto3" dependency: "google/api/httpbody.proto"
  enum_type { name: "Kind" value { name: "PLAIN" number: 0 } value { name: "FINE" number: 1 } }
  message_type {
    name: "Item"
    field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "count" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL }
    field { name: "kind" number: 3 type: TYPE_ENUM type_name: ".shop.Kind" label: LABEL_OPTIONAL }
    field { name: "part" number: 4 type: TYPE_MESSAGE type_name: ".shop.Item" label: LABEL_OPTIONAL }
    field { name: "tags" number: 5 type: TYPE_STRING label: LABEL_REPEATED }
    field { name: "notes" number: 6 type: TYPE_MESSAGE type_name: ".shop.Item.NotesEntry"
            label: LABEL_REPEATED }
    field { name: "is_sold" number: 7 type: TYPE_BOOL label: LABEL_OPTIONAL json_name: "isSold" }
    nested_type {
      name: "NotesEntry" options { map_entry: true }
      field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
    }
  })";

struct Method {
  const char* name;
  const char* rule;
  bool client_streaming = false;
  bool server_streaming = false;
  const char* type = ".shop.Item";
};

constexpr Method kMethods[] = {
    {"Get",
     "get: '/v1/items/{id}' additional_bindings { get: '/v1/{part.id=shelves/*}/items/{id}' }"},
    {"Put", "put: '/v1/items/{id}' body: 'part'"},
    {"Make", "post: '/v1/items' body: '*'"},
    {"Tag", "patch: '/v1/items/{id}/tags' body: 'tags' response_body: 'tags'"},
    {"Part", "get: '/v1/parts/{id}' response_body: 'part'"},
    {"List", "get: '/v1/items'", false, true},
    {"Add", "post: '/v1/items:add' body: '*'", true, false},
    {"Find", "custom { kind: 'FIND' path: '/v1/find/{id=**}' }"},
    {"Raw", "post: '/v1/raw' body: '*'", false, false, ".google.api.HttpBody"},
    {"Plain", ""},
};

template <class Proto>
Proto FromText(const std::string& text) {
  Proto proto;
  if (!pb::TextFormat::ParseFromString(text, &proto)) throw std::invalid_argument(text);
  return proto;
}

pb::FileDescriptorSet Files() {
  constexpr int kHttpOption = 72295728;
  pb::FileDescriptorSet files;
  *files.add_file() = FromText<pb::FileDescriptorProto>(kHttpBody);
  auto& file = *files.add_file();
  file = FromText<pb::FileDescriptorProto>(kShop);
  auto& service = *file.add_service();
  service.set_name("Shop");
  for (const Method& method : kMethods) {
    auto& added = *service.add_method();
    added.set_name(method.name);
    added.set_input_type(method.type);
    added.set_output_type(method.type);
    added.set_client_streaming(method.client_streaming);
    added.set_server_streaming(method.server_streaming);
    if (*method.rule == '\0') continue;
    added.mutable_options()->mutable_unknown_fields()->AddLengthDelimited(
        kHttpOption, FromText<google::api::HttpRule>(method.rule).SerializeAsString());
  }
  return files;
}

// Types of the set, for whoever reads JSON.
struct Types {
  Types() {
    const pb::FileDescriptorSet files = Files();
    for (const auto& file : files.file()) {
      if (pool.BuildFile(file) == nullptr) throw std::logic_error("the shop is not built");
    }
    resolver.reset(pb::util::NewTypeResolverForDescriptorPool("type.googleapis.com", &pool));
  }
  pb::DescriptorPool pool;
  std::unique_ptr<pb::util::TypeResolver> resolver;
};

}  // namespace

std::string ShopDescriptors() { return Files().SerializeAsString(); }

std::string ShopMessage(const std::string& type, const std::string& json) {
  const Types types;
  std::string message;
  if (!pb::util::JsonToBinaryString(types.resolver.get(), "type.googleapis.com/" + type, json,
                                    &message)
           .ok()) {
    throw std::invalid_argument(json);
  }
  return message;
}

std::string ShopJson(const std::string& type, const std::string& message) {
  const Types types;
  // Read first: of a field that is there twice the last one counts.
  pb::DynamicMessageFactory factory;
  const std::unique_ptr<pb::Message> read(
      factory.GetPrototype(types.pool.FindMessageTypeByName(type))->New());
  std::string json;
  if (!read->ParseFromString(message) ||
      !pb::util::BinaryToJsonString(types.resolver.get(), "type.googleapis.com/" + type,
                                    read->SerializeAsString(), &json)
           .ok()) {
    throw std::invalid_argument(type);
  }
  return json;
}

}  // namespace remora::fakes
