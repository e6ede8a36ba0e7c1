#include "source/config/runtime_config.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/text.h"

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

class RuntimeTranslator final {
 public:
  explicit RuntimeTranslator(Translation& translation) : translation_(translation) {}

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
    if (name == kMaxRegexProgramSize) {
      // A later layer replaces an earlier one even with a value that is no number.
      translation_.max_regex_program_size = ToCount(value);
    } else if (name.starts_with("envoy.reloadable_features.") ||
               name.starts_with("envoy.restart_features.")) {
      translation_.warnings.Add(
          path, Concat("accepted without effect: ", name, " switches behaviour of Envoy's own"));
    } else {
      translation_.warnings.Add(
          path, Concat("accepted without effect: the runtime value ", name, " is not used"));
    }
  }

  // A fraction is a value of its own; everything else goes on level by level.
  static bool IsMap(const Struct& fields) {
    return !fields.fields().empty() && !fields.fields().contains("numerator") &&
           !fields.fields().contains("denominator");
  }

  Translation& translation_;
};

}  // namespace

void ParseRuntime(const bootstrap::LayeredRuntime& proto, const FieldPath& path,
                  Translation& translation) {
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
    if (layer.has_static_layer()) {
      RuntimeTranslator(translation)
          .Walk(layer.static_layer(), "", layer_path.Field("static_layer"));
    } else if (layer.has_admin_layer()) {
      if (has_admin_layer) {
        translation.errors.Add(
            layer_path.Field("admin_layer"),
            "Too many admin layers specified in LayeredRuntime, at most one may be specified");
      }
      has_admin_layer = true;
    }
  }
}

}  // namespace remora::config
