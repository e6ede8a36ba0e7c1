#pragma once

// Meaning: what a message says, as a value to compare: two messages that say the same have the
// same, whatever the order in which maps and fields were written, also inside an Any.
//
// Pure; any thread. 128 bits of two hashes: not against an adversary, who as control plane could
// simply send another configuration. No protobuf in this header.

#include <cstdint>
#include <utility>

namespace google::protobuf {
class Message;
}

namespace remora::config {

using Meaning = std::pair<uint64_t, uint64_t>;

Meaning MeaningOf(const google::protobuf::Message& message);

}  // namespace remora::config
