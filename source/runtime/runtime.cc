#include "source/runtime/runtime.h"

namespace remora::runtime {

Snapshot::Snapshot(std::vector<Layer> layers) : layers_(std::move(layers)) {
  for (const Layer& layer : layers_) {
    for (const auto& [key, value] : layer.values) values_[key] = &value;
  }
}

const Value* Snapshot::Find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : found->second;
}

uint64_t Snapshot::Integer(std::string_view key, uint64_t otherwise) const {
  const Value* value = Find(key);
  if (value == nullptr || !value->number.has_value() || *value->number < 0) return otherwise;
  return static_cast<uint64_t>(*value->number);
}

double Snapshot::Number(std::string_view key, double otherwise) const {
  const Value* value = Find(key);
  return value == nullptr ? otherwise : value->number.value_or(otherwise);
}

bool Snapshot::Boolean(std::string_view key, bool otherwise) const {
  const Value* value = Find(key);
  return value == nullptr ? otherwise : value->boolean.value_or(otherwise);
}

Fraction Snapshot::FractionOf(std::string_view key, Fraction otherwise) const {
  const Value* value = Find(key);
  if (value == nullptr) return otherwise;
  if (value->fraction.has_value()) return *value->fraction;
  if (!value->number.has_value() || *value->number < 0) return otherwise;
  return {static_cast<uint64_t>(*value->number), 100};
}

}  // namespace remora::runtime
