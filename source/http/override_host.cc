#include "source/http/override_host.h"

namespace remora::http {

std::string_view HostIdentity::Of(const Metadata* endpoint, std::string_view address,
                                  std::string& made) const {
  if (endpoint != nullptr && !metadata.empty()) {
    const auto space = endpoint->find(metadata.front());
    const MetadataValue* value =
        space == endpoint->end() ? nullptr : space->second.Find(metadata, 1);
    if (value != nullptr && value->kind == MetadataValue::Kind::kString && !value->text.empty()) {
      return value->text;
    }
  }
  if (hash == nullptr) return {};
  made = hash(address);
  return made;
}

}  // namespace remora::http
