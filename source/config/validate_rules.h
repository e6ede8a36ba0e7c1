#pragma once

// ValidateRules: checks a message against the rules that its own .proto files state.
//
// Rules are options of fields and oneofs (api/validate/validate.proto: required, ranges, lengths,
// patterns, ...) and what this version does with a field or an enum value
// (api/remora/annotations/v1/annotations.proto). Messages inside an Any are checked too. All faults
// are added, none stops the walk. `read` is what reading the message reported: a field whose value
// was refused then is not called missing now, and a oneof is not called missing that was set to
// something not supported. Pure; any thread.
//
// RulePlans: what the rules of each type of message say, read from its descriptor once. For who
// checks many messages; of one thread.

#include <memory>

#include "source/config/config_error.h"
#include "source/config/proto_reader.h"

namespace google::protobuf {
class Message;
}

namespace remora::config {

class RulePlans final {
 public:
  RulePlans();
  ~RulePlans();
  RulePlans(const RulePlans&) = delete;
  RulePlans& operator=(const RulePlans&) = delete;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

void ValidateRules(const google::protobuf::Message& message, const ReadReport& read,
                   ErrorList& errors, ErrorList& warnings, RulePlans& plans);
// For one message.
void ValidateRules(const google::protobuf::Message& message, const ReadReport& read,
                   ErrorList& errors, ErrorList& warnings);

}  // namespace remora::config
