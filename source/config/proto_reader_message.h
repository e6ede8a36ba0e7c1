#pragma once

// MessageReader: the walk behind ReadMessage (source/config/proto_reader.h).
//
// proto_reader.cc has ordinary messages and fields, proto_reader_types.cc the messages that JSON
// writes in a way of their own (google.protobuf.Any, Duration, Struct, wrappers, ...).
// One reader reads one document; recursion is bounded by the document's depth.

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "source/config/config_error.h"
#include "source/config/document.h"
#include "source/config/proto_reader.h"

namespace google::protobuf {
class Any;
class ListValue;
class Struct;
class Value;
}  // namespace google::protobuf

namespace remora::config {

class MessageReader final {
 public:
  MessageReader(const Document& document, const ReadOptions& options, ReadReport& report)
      : document_(document), options_(options), report_(report) {}

  // Any message, whichever way JSON writes it.
  void Read(const Node& node, google::protobuf::Message& message, const FieldPath& path);

 private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  // A field seen in the message at hand, and the key that it was seen under.
  struct Seen {
    const Field* field;
    std::string_view key;
  };

  // A map of field names. Keys that `skip` names are left alone.
  void ReadFields(const Node& node, Message& message, const FieldPath& path,
                  std::string_view skip = {});
  void ReadEntry(const Node::Entry& entry, Message& message, const FieldPath& path,
                 std::vector<Seen>& seen);
  bool MayBeSet(const Node::Entry& entry, const Field& field, const FieldPath& path,
                std::vector<Seen>& seen);
  void ReadRepeated(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void ReadMap(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void ReadMapKey(const Node::Entry& entry, const Field& key_field, Message& pair,
                  const FieldPath& path);
  // One value: sets the field, or adds to it if it is repeated.
  void ReadValue(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void ReadNumber(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void ReadText(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void ReadEnum(const Node& node, const Field& field, Message& message, const FieldPath& path);
  void UnknownField(const Node::Entry& entry, const Message& message, const FieldPath& path);

  // True if `message` is of a type that JSON writes in its own way; it has then been read.
  bool ReadSpecial(const Node& node, Message& message, const FieldPath& path);
  void ReadAny(const Node& node, google::protobuf::Any& any, const FieldPath& path);
  void ReadTypedStruct(const Node& node, google::protobuf::Any& any, const FieldPath& path);
  void ReadPayload(const Node& fields, std::string_view type_url, Mark type_mark, bool is_struct,
                   google::protobuf::Any& any, const FieldPath& path);
  void ReadStruct(const Node& node, google::protobuf::Struct& out, const FieldPath& path);
  void ReadList(const Node& node, google::protobuf::ListValue& out, const FieldPath& path);
  void ReadDynamic(const Node& node, google::protobuf::Value& out, const FieldPath& path);
  void ReadTextual(const Node& node, Message& message, const FieldPath& path);
  std::string SuggestType(std::string_view name) const;

  void Error(Mark mark, const FieldPath& path, std::string_view message);
  // By the policy about unknown fields: an error, a warning or nothing.
  void Unknown(Mark mark, const FieldPath& path, const std::string& message);

  const Document& document_;
  const ReadOptions& options_;
  ReadReport& report_;
};

}  // namespace remora::config
