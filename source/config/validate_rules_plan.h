#pragma once

// MessagePlan: what there is to check in one type of message, read from its descriptor's options.
//
// Made once for a type, because a large configuration has few types and many messages. Points into
// descriptors, which live as long as the process. Used by validate_rules.cc only; pure.
// Thread: main, while configuration is loaded.

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "remora/annotations/v1/annotations.pb.h"
#include "validate/validate.pb.h"

namespace remora::config {

struct FieldPlan {
  const google::protobuf::FieldDescriptor* field;
  const validate::FieldRules* rules;               // Null: none.
  const remora::annotations::v1::FieldNote* note;  // Null: none.
  bool recurse;                                    // Into the message(s) that the field holds.
  bool has_unsupported_values;  // An enum, some of whose values are not supported.
  bool repeated;                // A list or a map.
  bool only_when_set;           // Where it is not, there is nothing to check.
};

struct MessagePlan {
  std::vector<FieldPlan> fields;
  std::vector<const google::protobuf::OneofDescriptor*> required_oneofs;
};

MessagePlan MakePlan(const google::protobuf::Descriptor& type);

// A message that has to be there.
bool IsRequired(const validate::FieldRules& rules);

// google.protobuf.UInt32Value and its like.
bool IsWrapper(const google::protobuf::Descriptor& type);

// A scalar, wrapper or duration as configuration writes it; other messages are "set".
std::string ValueText(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field);

// The item of that index of a list of scalars, as text.
std::string RepeatedText(const google::protobuf::Message& message,
                         const google::protobuf::FieldDescriptor& field, int index);

// Does the field hold something else than what would hold if it were not there?
bool DiffersFromDefault(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field,
                        const remora::annotations::v1::FieldNote& note);

}  // namespace remora::config
