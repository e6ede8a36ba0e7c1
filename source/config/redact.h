#pragma once

// Redact: keys and passwords of a message become `[redacted]`, for every place that shows
// configuration.
//
// Which fields those are is said beside them in api/, by (remora.annotations.v1.field).secret;
// everything below such a field is replaced: texts and bytes by the word, numbers by nothing.
// Messages in an Any are looked into. Pure; any thread. An Any that cannot be read is left out:
// what is in it is not known. Source: Envoy MessageUtil::redact.

#include <string>

namespace google::protobuf {
class Message;
}

namespace remora::config {

void Redact(google::protobuf::Message& message);

// As pages show it: pretty-printed, snake_case names, defaults left out; `{}`, and an error in the
// log, when an Any in it cannot be read.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace remora::config
