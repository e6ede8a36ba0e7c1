#include "source/config/runtime_config.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/text.h"
#include "source/runtime/value.h"

namespace remora::config {
namespace {

namespace bootstrap = envoy::config::bootstrap::v3;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr std::string_view kMaxRegexProgramSize = "re2.max_program_size.error_level";

// The value as a count; nullopt when it is none (Envoy then takes the default).
std::optional<uint32_t> ToCount(const Value& value) {
  double number = -1;
  if (value.kind_case() == Value::kNumberValue) {
    number = value.number_value();
  } else if (value.kind_case() == Value::kStringValue &&
             !absl::SimpleAtod(value.string_value(), &number)) {
    return std::nullopt;
  }
  if (!std::isfinite(number) || number < 0) return std::nullopt;
  constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
  return number >= kMost ? kMost : static_cast<uint32_t>(number);
}

// Keys that have a meaning in Envoy and none here.
bool IsEnvoysOwn(std::string_view key) {
  for (const std::string_view prefix :
       {"envoy.reloadable_features.", "envoy.restart_features.", "envoy.resource_limits.",
        "overload.", "re2.max_program_size.warn_level"}) {
    if (key.starts_with(prefix)) return true;
  }
  return false;
}

std::optional<uint64_t> ToNumerator(const Value& value) {
  uint64_t number = 0;
  if (value.kind_case() == Value::kNumberValue && value.number_value() >= 0) {
    return static_cast<uint64_t>(value.number_value());
  }
  if (value.kind_case() == Value::kStringValue && absl::SimpleAtoi(value.string_value(), &number)) {
    return number;
  }
  return std::nullopt;
}

// {numerator, denominator}; the denominator by name or by its enum's number.
std::optional<runtime::Fraction> ToFraction(const Struct& fields) {
  runtime::Fraction fraction;
  for (const auto& [key, value] : fields.fields()) {
    if (key == "numerator") {
      const std::optional<uint64_t> numerator = ToNumerator(value);
      if (!numerator.has_value()) return std::nullopt;
      fraction.numerator = *numerator;
    } else if (key == "denominator") {
      std::optional<uint32_t> denominator = runtime::ReadDenominator(value.string_value());
      if (value.kind_case() == Value::kNumberValue) {
        if (value.number_value() == 0) denominator = 100;
        if (value.number_value() == 1) denominator = 10'000;
        if (value.number_value() == 2) denominator = 1'000'000;
      }
      if (!denominator.has_value()) return std::nullopt;
      fraction.denominator = *denominator;
    } else {
      return std::nullopt;
    }
  }
  return fraction;
}

std::string DenominatorName(uint32_t denominator) {
  if (denominator == 100) return "HUNDRED";
  return denominator == 10'000 ? "TEN_THOUSAND" : "MILLION";
}

// The shortest text that reads back as the same number.
std::string ShortestText(double number) {
  char digits[32];
  return std::string(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

runtime::Value ToValue(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return runtime::ReadValue(ShortestText(value.number_value()));
    case Value::kBoolValue:
      return runtime::ReadValue(value.bool_value() ? "true" : "false");
    case Value::kStringValue:
      return runtime::ReadValue(value.string_value());
    default:
      break;
  }
  runtime::Value fraction;
  fraction.fraction = ToFraction(value.struct_value());
  fraction.text = "{}";
  if (fraction.fraction.has_value()) {
    fraction.text = Concat("{numerator: ", fraction.fraction->numerator,
                           ", denominator: ", DenominatorName(fraction.fraction->denominator), "}");
  }
  return fraction;
}

class RuntimeTranslator final {
 public:
  RuntimeTranslator(Translation& translation, runtime::Snapshot::Values& values)
      : translation_(translation), values_(values) {}

  void Walk(const Struct& fields, const std::string& prefix, const FieldPath& path) {
    std::map<std::string_view, const Value*> sorted;
    for (const auto& [key, value] : fields.fields()) sorted.emplace(key, &value);
    for (const auto& [key, value] : sorted) {
      const FieldPath key_path = path.Key(key);
      const std::string name = prefix.empty() ? std::string(key) : Concat(prefix, ".", key);
      Take(name, *value, key_path);
    }
  }

 private:
  void Take(const std::string& name, const Value& value, const FieldPath& path) {
    switch (value.kind_case()) {
      case Value::kNullValue:
      case Value::kListValue:
      case Value::KIND_NOT_SET:
        translation_.errors.Add(path, Concat("Invalid runtime entry value for ", name));
        return;
      case Value::kStructValue:
        if (IsMap(value.struct_value())) return Walk(value.struct_value(), name, path);
        break;
      default:
        break;
    }
    // A later layer replaces an earlier one even with a value that is no number.
    if (name == kMaxRegexProgramSize) translation_.max_regex_program_size = ToCount(value);
    if (IsEnvoysOwn(name)) {
      translation_.warnings.Add(
          path, Concat("accepted without effect: ", name, " switches behaviour of Envoy's own"));
    }
    values_[name] = ToValue(value);
  }

  // A fraction is a value of its own; everything else goes on level by level.
  static bool IsMap(const Struct& fields) {
    return !fields.fields().empty() && !fields.fields().contains("numerator") &&
           !fields.fields().contains("denominator");
  }

  Translation& translation_;
  runtime::Snapshot::Values& values_;
};

void ParseDiskLayer(const bootstrap::RuntimeLayer::DiskLayer& proto,
                    std::string_view service_cluster, const FieldPath& path,
                    Translation& translation, RuntimeLayerConfig& layer) {
  layer.kind = RuntimeLayerConfig::Kind::kDisk;
  layer.link = proto.symlink_root();
  while (layer.link.size() > 1 && layer.link.back() == '/') layer.link.pop_back();
  if (layer.link.empty()) translation.errors.Add(path.Field("symlink_root"), "must be set");
  layer.subdirectory = proto.subdirectory();
  if (!proto.append_service_cluster()) return;
  if (!layer.subdirectory.empty()) layer.subdirectory += "/";
  layer.subdirectory += service_cluster;
}

}  // namespace

std::vector<RuntimeLayerConfig> ParseRuntime(const bootstrap::LayeredRuntime& proto,
                                             std::string_view service_cluster,
                                             const FieldPath& path, Translation& translation) {
  std::vector<RuntimeLayerConfig> parsed;
  absl::flat_hash_set<std::string> names;
  bool has_admin_layer = false;
  const FieldPath layers = path.Field("layers");
  for (int i = 0; i < proto.layers_size(); ++i) {
    const bootstrap::RuntimeLayer& layer = proto.layers(i);
    const FieldPath layer_path = layers.Index(static_cast<size_t>(i));
    if (!names.insert(layer.name()).second) {
      translation.errors.Add(layer_path.Field("name"),
                             Concat("Duplicate layer name: ", layer.name()));
    }
    RuntimeLayerConfig& config = parsed.emplace_back();
    config.name = layer.name();
    if (layer.has_static_layer()) {
      RuntimeTranslator(translation, config.values)
          .Walk(layer.static_layer(), "", layer_path.Field("static_layer"));
    } else if (layer.has_disk_layer()) {
      ParseDiskLayer(layer.disk_layer(), service_cluster, layer_path.Field("disk_layer"),
                     translation, config);
    } else if (layer.has_admin_layer()) {
      if (has_admin_layer) {
        translation.errors.Add(
            layer_path.Field("admin_layer"),
            "Too many admin layers specified in LayeredRuntime, at most one may be specified");
      }
      has_admin_layer = true;
      config.kind = RuntimeLayerConfig::Kind::kAdmin;
    } else if (layer.has_rtds_layer()) {
      config.kind = RuntimeLayerConfig::Kind::kRtds;
      config.resource = layer.rtds_layer().name();
    }
  }
  return parsed;
}

void ParseRuntimeSources(const bootstrap::LayeredRuntime& proto, const FieldPath& path,
                         Translation& translation, std::vector<RuntimeLayerConfig>& layers) {
  const FieldPath layers_path = path.Field("layers");
  for (int i = 0; i < proto.layers_size(); ++i) {
    if (!proto.layers(i).has_rtds_layer()) continue;
    const auto index = static_cast<size_t>(i);
    const bootstrap::RuntimeLayer::RtdsLayer& layer = proto.layers(i).rtds_layer();
    const FieldPath layer_path = layers_path.Index(index);
    const FieldPath at = layer_path.Field("rtds_layer");
    if (layer.name().empty()) translation.errors.Add(at.Field("name"), "must be set");
    const FieldPath source_path = at.Field("rtds_config");
    if (!layer.has_rtds_config()) {
      translation.errors.Add(source_path, "must be set");
      continue;
    }
    std::optional<ConfigSource> source =
        ParseConfigSource(layer.rtds_config(), source_path, translation);
    if (source.has_value()) layers[index].source = *std::move(source);
  }
}

runtime::Snapshot::Values ParseRuntimeLayer(const envoy::service::runtime::v3::Runtime& proto,
                                            const FieldPath& path, Translation& translation) {
  runtime::Snapshot::Values values;
  const FieldPath layer = path.Field("layer");
  RuntimeTranslator(translation, values).Walk(proto.layer(), "", layer);
  if (values.contains(ToAbsl(kMaxRegexProgramSize))) {
    translation.warnings.Add(layer.Key(kMaxRegexProgramSize),
                             "accepted without effect: it is read from static layers");
  }
  return values;
}

}  // namespace remora::config
