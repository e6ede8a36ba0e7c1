#pragma once

// TypedStruct: a message written as a Struct, by a control plane that does not have the message's
// descriptor; put back into the message that it stands for.
//
// Both xds.type.v3.TypedStruct and udpa.type.v1.TypedStruct. Pure; any thread. Faults go to
// `errors` with the path of the field; fields that are not known are faults. Files do not need
// this: their loader unwraps while it reads. Source: Envoy source/common/config/utility.cc,
// translateOpaqueConfig.

#include "source/config/config_error.h"

namespace google::protobuf {
class Message;
}

namespace remora::config {

// In every Any inside `message`, or in `message` if it is an Any itself.
void UnwrapTypedStructs(google::protobuf::Message& message, const FieldPath& path,
                        ErrorList& errors);

}  // namespace remora::config
