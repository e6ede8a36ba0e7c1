#include "source/http/metadata.h"

#include <utility>

#include "source/http/escape.h"

namespace remora::http {

const MetadataValue* MetadataValue::Find(const std::vector<std::string>& path, size_t begin) const {
  const MetadataValue* value = this;
  for (size_t i = begin; i < path.size(); ++i) {
    if (value->kind != Kind::kStruct) return nullptr;
    const auto found = value->fields.find(path[i]);
    if (found == value->fields.end()) return nullptr;
    value = &found->second;
  }
  return value;
}

void MetadataValue::AppendJson(std::string& out) const {
  switch (kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kBoolean:
      out += boolean ? "true" : "false";
      return;
    case Kind::kNumber:
      AppendJsonNumber(number, out);
      return;
    case Kind::kString:
      AppendJsonString(text, out);
      return;
    case Kind::kList: {
      out += '[';
      bool first = true;
      for (const MetadataValue& item : items) {
        if (!first) out += ',';
        first = false;
        item.AppendJson(out);
      }
      out += ']';
      return;
    }
    case Kind::kStruct: {
      out += '{';
      bool first = true;
      for (const auto& [name, field] : fields) {
        if (!first) out += ',';
        first = false;
        AppendJsonString(name, out);
        out += ':';
        field.AppendJson(out);
      }
      out += '}';
      return;
    }
  }
}

void PutText(Metadata& metadata, const std::string& name_space, const std::string& key,
             std::string text) {
  MetadataValue& space = metadata[name_space];
  space.kind = MetadataValue::Kind::kStruct;
  MetadataValue& value = space.fields[key];
  value.kind = MetadataValue::Kind::kString;
  value.text = std::move(text);
}

}  // namespace remora::http
