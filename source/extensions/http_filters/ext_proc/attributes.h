#pragma once

// Attributes: facts of an exchange by the names that Envoy's attributes have, for what a processor
// is told.
//
// Those whose value is one text, number or truth value; each is made by the operator of the access
// log that means the same. Parsed at load, where an unknown name is an error; immutable then, any
// thread. What is not known yet is not there.
// Source: Envoy docs, "attributes"; source/extensions/filters/http/ext_proc/matching_utils.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/registry.h"
#include "source/http/formatter/format.h"

namespace google::protobuf {
class Struct;
}

namespace remora::extensions {

enum class AttributeKind : uint8_t { kText, kNumber };

struct Attribute {
  std::string name;
  AttributeKind kind;
  std::shared_ptr<const formatter::Format> format;
};
using AttributeList = std::vector<Attribute>;

AttributeList ParseAttributes(const std::vector<std::string>& names, std::string_view field,
                              config::ConfigContext& context);

void FillAttributes(const AttributeList& attributes, const formatter::Exchange& exchange,
                    google::protobuf::Struct& out);

}  // namespace remora::extensions
