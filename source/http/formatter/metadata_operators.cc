#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/http/formatter/operator_table.h"
#include "source/http/metadata.h"

namespace remora::formatter {
namespace {

using http::MetadataValue;

enum Source : uint8_t {
  kDynamic,
  kCluster,
  kRoute,
  kUpstreamHost,
  kListener,
  kFilterChain,
  kVirtualHost,
};

constexpr std::pair<std::string_view, Source> kSources[] = {
    {"DYNAMIC", kDynamic},
    {"CLUSTER", kCluster},
    {"ROUTE", kRoute},
    {"UPSTREAM_HOST", kUpstreamHost},
    {"LISTENER", kListener},
    {"LISTENER_FILTER_CHAIN", kFilterChain},
    {"VIRTUAL_HOST", kVirtualHost},
};

const http::Metadata* MetadataOf(const http::StreamInfo& info, uint8_t source) {
  switch (source) {
    case kDynamic:
      return info.dynamic_metadata;
    case kCluster:
      return info.cluster_metadata;
    case kRoute:
      return info.route_metadata;
    case kUpstreamHost:
      return info.upstream_host_metadata;
    case kListener:
      return info.connection == nullptr ? nullptr : info.connection->listener_metadata;
    case kFilterChain:
      return info.connection == nullptr ? nullptr : info.connection->filter_chain_metadata;
    case kVirtualHost:
      return info.virtual_host_metadata;
  }
  return nullptr;
}

const MetadataValue* FindValue(const Operator& self, const Exchange& exchange) {
  const http::Metadata* metadata = MetadataOf(exchange.info, self.choice);
  if (metadata == nullptr) return nullptr;
  const std::vector<std::string>& path = self.rest->path;
  const auto found = metadata->find(path[0]);
  if (found == metadata->end()) return nullptr;
  const MetadataValue* value = found->second.Find(path, 1);
  return value == nullptr || value->kind == MetadataValue::Kind::kNull ? nullptr : value;
}

bool AppendMetadata(const Operator& self, const Exchange& exchange, std::string& out) {
  const MetadataValue* value = FindValue(self, exchange);
  if (value == nullptr) return false;
  if (value->kind == MetadataValue::Kind::kString) {
    out += value->text;
  } else {
    value->AppendJson(out);
  }
  return true;
}

bool AppendMetadataJson(const Operator& self, const Exchange& exchange, std::string& out) {
  const MetadataValue* value = FindValue(self, exchange);
  if (value == nullptr) return false;
  value->AppendJson(out);
  return true;
}

absl::Status PreparePath(std::string_view arguments, uint8_t source, Operator& self) {
  self.choice = source;
  self.append_json = &AppendMetadataJson;
  auto rest = std::make_unique<Operator::Rest>();
  rest->path = absl::StrSplit(std::string(arguments), ':');
  self.rest = std::move(rest);
  return absl::OkStatus();
}

template <Source kSource>
absl::Status PrepareFixed(std::string_view arguments, Operator& self) {
  return PreparePath(arguments, kSource, self);
}

absl::Status PrepareMetadata(std::string_view arguments, Operator& self) {
  const size_t colon = arguments.find(':');
  const std::string_view type = arguments.substr(0, colon);
  for (const auto& [name, source] : kSources) {
    if (type != name) continue;
    return PreparePath(
        colon == std::string_view::npos ? std::string_view() : arguments.substr(colon + 1), source,
        self);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(type), " is not supported type of metadata"));
}

}  // namespace

std::span<const OperatorEntry> MetadataOperators() {
  using enum Arguments;
  static constexpr OperatorEntry kTable[] = {
      {"METADATA", kRequiredOrLength, &AppendMetadata, false, true, &PrepareMetadata},
      {"DYNAMIC_METADATA", kRequiredOrLength, &AppendMetadata, false, true,
       &PrepareFixed<kDynamic>},
      {"CLUSTER_METADATA", kRequiredOrLength, &AppendMetadata, false, true,
       &PrepareFixed<kCluster>},
      {"UPSTREAM_METADATA", kRequiredOrLength, &AppendMetadata, false, true,
       &PrepareFixed<kUpstreamHost>},
  };
  return kTable;
}

}  // namespace remora::formatter
