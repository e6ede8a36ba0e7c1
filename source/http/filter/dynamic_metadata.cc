#include "source/http/filter/dynamic_metadata.h"

#include <utility>

namespace remora::http {

MetadataValue& DynamicMetadata::Open(StreamInfo& info, const std::string& name_space) {
  if (info.dynamic_metadata != &own_) {
    if (info.dynamic_metadata != nullptr) own_ = *info.dynamic_metadata;
    info.dynamic_metadata = &own_;
  }
  MetadataValue& space = own_[name_space];
  if (space.kind != MetadataValue::Kind::kStruct) {
    space = {};
    space.kind = MetadataValue::Kind::kStruct;
  }
  return space;
}

void DynamicMetadata::Merge(StreamInfo& info, const std::string& name_space, MetadataValue added) {
  MetadataValue& space = Open(info, name_space);
  for (auto& [name, value] : added.fields) space.fields[name] = std::move(value);
}

}  // namespace remora::http
