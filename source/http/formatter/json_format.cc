#include "source/http/formatter/json_format.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/http/escape.h"
#include "source/http/formatter/operator.h"

namespace remora::formatter {

using http::MetadataValue;

struct JsonFormat::Node {
  enum class Kind : uint8_t { kConstant, kFormat, kObject, kList };
  Kind kind = Kind::kConstant;
  std::string text;               // the constant, as JSON
  bool empty = false;             // it is null
  std::optional<Format> format;   // a string with operators
  std::vector<std::string> keys;  // of the object: `"key":`
  std::vector<Node> children;
};

JsonFormat::JsonFormat() : root_(std::make_unique<Node>()) {}
JsonFormat::JsonFormat(JsonFormat&&) noexcept = default;
JsonFormat& JsonFormat::operator=(JsonFormat&&) noexcept = default;
JsonFormat::~JsonFormat() = default;

absl::StatusOr<JsonFormat> JsonFormat::Parse(const MetadataValue& object,
                                             const Format::Options& options) {
  JsonFormat made;
  made.omit_empty_ = options.omit_empty;
  if (absl::Status status = Compile(object, options, "", *made.root_); !status.ok()) return status;
  return made;
}

absl::Status JsonFormat::Compile(const MetadataValue& value, const Format::Options& options,
                                 const std::string& path, Node& node) {
  switch (value.kind) {
    case MetadataValue::Kind::kString: {
      absl::StatusOr<Format> format = Format::Parse(value.text, options);
      if (!format.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": ", format.status().message()));
      }
      if (const std::string* text = format->constant(); text != nullptr) {
        http::AppendJsonString(*text, node.text);
        return absl::OkStatus();
      }
      node.kind = Node::Kind::kFormat;
      node.format.emplace(*std::move(format));
      return absl::OkStatus();
    }
    case MetadataValue::Kind::kNumber:
      http::AppendJsonNumber(value.number, node.text);
      return absl::OkStatus();
    case MetadataValue::Kind::kBoolean:
      node.text = value.boolean ? "true" : "false";
      return absl::OkStatus();
    case MetadataValue::Kind::kNull:
      node.text = "null";
      node.empty = true;
      return absl::OkStatus();
    case MetadataValue::Kind::kList:
      node.kind = Node::Kind::kList;
      for (size_t i = 0; i < value.items.size(); ++i) {
        node.children.emplace_back();
        absl::Status status =
            Compile(value.items[i], options, absl::StrCat(path, "[", i, "]"), node.children.back());
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    case MetadataValue::Kind::kStruct:
      node.kind = Node::Kind::kObject;
      for (const auto& [name, field] : value.fields) {
        node.keys.emplace_back();
        http::AppendJsonString(name, node.keys.back());
        node.keys.back() += ':';
        node.children.emplace_back();
        absl::Status status =
            Compile(field, options, path.empty() ? name : absl::StrCat(path, ".", name),
                    node.children.back());
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

bool JsonFormat::AppendNode(const Node& node, std::string& out, const Exchange& exchange) const {
  switch (node.kind) {
    case Node::Kind::kConstant:
      out += node.text;
      return !node.empty;
    case Node::Kind::kFormat:
      return node.format->AppendJsonTo(out, exchange);
    case Node::Kind::kObject:
    case Node::Kind::kList:
      break;
  }
  const bool object = node.kind == Node::Kind::kObject;
  out += object ? '{' : '[';
  bool first = true;
  for (size_t i = 0; i < node.children.size(); ++i) {
    const size_t begin = out.size();
    if (!first) out += ',';
    if (object) out += node.keys[i];
    if (!AppendNode(node.children[i], out, exchange) && omit_empty_) {
      out.resize(begin);
      continue;
    }
    first = false;
  }
  out += object ? '}' : ']';
  // What was empty from the start stays.
  return !first || node.children.empty();
}

void JsonFormat::AppendTo(std::string& out, const Exchange& exchange) const {
  AppendNode(*root_, out, exchange);
  out += '\n';
}

}  // namespace remora::formatter
