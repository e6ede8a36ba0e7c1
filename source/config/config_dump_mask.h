#pragma once

// TrimToMask: leaves in a section of /config_dump only what a field mask names.
//
// Pure; any thread. A path may lead into one field of type Any, as `listener.name` does in a
// StaticListener. False, with the message partly trimmed, when the mask does not fit the message.
// Source: Envoy source/server/admin/config_dump_handler.cc, trimResourceMessage.

namespace google::protobuf {
class FieldMask;
class Message;
}  // namespace google::protobuf

namespace remora::config {

bool TrimToMask(const google::protobuf::FieldMask& mask, google::protobuf::Message& message);

// The same without looking into Any.
bool TrimToPlainMask(const google::protobuf::FieldMask& mask, google::protobuf::Message& message);

}  // namespace remora::config
