#include "source/config/unknown_fields.h"

#include <memory>
#include <vector>

#include "absl/container/btree_set.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "source/config/core_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using google::protobuf::Any;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Search final {
 public:
  Search(UnknownFieldPolicy policy, ErrorList& errors, ErrorList& warnings)
      : policy_(policy), errors_(errors), warnings_(warnings) {}

  void Look(const Message& message, const FieldPath& path) {
    const Reflection& reflection = *message.GetReflection();
    // One that is repeated is told once.
    absl::btree_set<int> numbers;
    const auto& unknown = reflection.GetUnknownFields(message);
    for (int i = 0; i < unknown.field_count(); ++i) numbers.insert(unknown.field(i).number());
    for (const int number : numbers) Report(number, path);
    if (const auto* any = DynamicCastToGenerated<Any>(&message)) return LookInside(*any, path);
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) LookAt(message, *field, path);
    }
  }
  size_t found() const { return found_; }

 private:
  void LookAt(const Message& message, const FieldDescriptor& field, const FieldPath& path) {
    const Reflection& reflection = *message.GetReflection();
    const FieldPath field_path = path.Field(field.name());
    if (!field.is_repeated()) return Look(reflection.GetMessage(message, &field), field_path);
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Look(reflection.GetRepeatedMessage(message, &field, i),
           field_path.Index(static_cast<size_t>(i)));
    }
  }

  void LookInside(const Any& any, const FieldPath& path) {
    using google::protobuf::DescriptorPool;
    using google::protobuf::MessageFactory;
    const auto* type = DescriptorPool::generated_pool()->FindMessageTypeByName(
        std::string(TypeName(any.type_url())));
    if (type == nullptr) return;
    const Message* prototype = MessageFactory::generated_factory()->GetPrototype(type);
    if (prototype == nullptr) return;
    const std::unique_ptr<Message> value(prototype->New());
    if (value->ParseFromString(any.value())) Look(*value, path);
  }

  void Report(int number, const FieldPath& path) {
    ++found_;
    if (policy_ == UnknownFieldPolicy::kIgnore) return;
    ErrorList& list = policy_ == UnknownFieldPolicy::kReject ? errors_ : warnings_;
    list.Add(path, Concat("unknown field number ", number));
  }

  UnknownFieldPolicy policy_;
  ErrorList& errors_;
  ErrorList& warnings_;
  size_t found_ = 0;
};

}  // namespace

size_t FindUnknownFields(const Message& message, UnknownFieldPolicy policy, ErrorList& errors,
                         ErrorList& warnings) {
  Search search(policy, errors, warnings);
  search.Look(message, FieldPath());
  return search.found();
}

}  // namespace remora::config
