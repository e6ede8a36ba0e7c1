#pragma once

// Metadata: opaque values that a configuration gives to routes, clusters, hosts and listeners, for
// whoever reads them: formats (%METADATA(...)%), log filters, extensions.
//
// Immutable once made (by the configuration's translators); any thread. Nothing fails: what is not
// there is null. Source: envoy.config.core.v3.Metadata.filter_metadata, google.protobuf.Struct.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace remora::http {

struct MetadataValue {
  enum class Kind : uint8_t { kNull, kBoolean, kNumber, kString, kList, kStruct };

  // The value at the end of `path`, or null.
  const MetadataValue* Find(const std::vector<std::string>& path, size_t begin = 0) const;
  // As compact JSON, keys in order.
  void AppendJson(std::string& out) const;

  bool operator==(const MetadataValue&) const = default;

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<MetadataValue> items;
  std::map<std::string, MetadataValue, std::less<>> fields;
};

// By the reader's name in reverse-DNS form; every value is a struct.
using Metadata = std::map<std::string, MetadataValue, std::less<>>;

void PutText(Metadata& metadata, const std::string& name_space, const std::string& key,
             std::string text);

}  // namespace remora::http
