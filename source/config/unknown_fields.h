#pragma once

// FindUnknownFields: the fields of a message that came in binary and that this version does not
// have, with their paths, also inside an Any.
//
// Pure; any thread. A field without a name here is shown by its number. What an Any holds is looked
// into if its type is linked; whoever needs the value says so if it is not.

#include "source/config/config_error.h"
#include "source/config/proto_reader.h"

namespace google::protobuf {
class Message;
}

namespace remora::config {

// By the policy: errors, warnings, or nothing. How many there are.
size_t FindUnknownFields(const google::protobuf::Message& message, UnknownFieldPolicy policy,
                         ErrorList& errors, ErrorList& warnings);

}  // namespace remora::config
