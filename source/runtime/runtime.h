#pragma once

// Runtime: named values that an operator may change while the proxy runs (Envoy's runtime), and the
// settings that a configuration lets such a value override.
//
// Snapshot is an immutable value, built on main from the layers of the bootstrap and from
// /runtime_modify, and published to workers like any other configuration. View is the place a
// thread looks: one pointer, replaced between turns. Reading takes no lock and allocates nothing.
// A value that cannot be read as what a setting needs leaves that setting's default, as in Envoy.
// Source: Envoy source/common/runtime, envoy.config.core.v3.RuntimeFractionalPercent.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace remora::runtime {

// Matches `numerator` of `denominator` requests; a numerator above the denominator matches all.
struct Fraction {
  uint64_t numerator = 0;
  uint32_t denominator = 100;

  bool Matches(uint64_t random) const { return random % denominator < numerator; }
};

// One value of a layer: as it was written, and as what it can be read.
struct Value {
  std::string text;
  std::optional<double> number;      // of a number, or a text that is one
  std::optional<bool> boolean;       // of true and false
  std::optional<Fraction> fraction;  // of an object {numerator, denominator}
};

class Snapshot {
 public:
  using Values = absl::flat_hash_map<std::string, Value>;
  struct Layer {
    std::string name;
    Values values;
  };

  Snapshot() = default;
  // A later layer hides an earlier one's value of the same key.
  explicit Snapshot(std::vector<Layer> layers);

  const std::vector<Layer>& layers() const { return layers_; }
  // What counts, by key.
  const absl::flat_hash_map<std::string_view, const Value*>& values() const { return values_; }
  // Null when no layer has it.
  const Value* Find(std::string_view key) const;
  uint64_t Integer(std::string_view key, uint64_t otherwise) const;
  double Number(std::string_view key, double otherwise) const;
  bool Boolean(std::string_view key, bool otherwise) const;
  // An integer value counts as hundredths.
  Fraction FractionOf(std::string_view key, Fraction otherwise) const;

 private:
  std::vector<Layer> layers_;
  absl::flat_hash_map<std::string_view, const Value*> values_;  // what counts; views into layers_
};

// RuntimeFractionalPercent and RuntimeFeatureFlag: a default, and the key that overrides it (none
// when empty).
struct FractionSetting {
  std::string key;
  Fraction fallback;

  Fraction In(const Snapshot& snapshot) const {
    return key.empty() ? fallback : snapshot.FractionOf(key, fallback);
  }
  bool Matches(const Snapshot& snapshot, uint64_t random) const {
    return In(snapshot).Matches(random);
  }
};
struct FlagSetting {
  std::string key;
  bool fallback = false;

  bool In(const Snapshot& snapshot) const {
    return key.empty() ? fallback : snapshot.Boolean(key, fallback);
  }
};

// What one thread sees now. Owner: the worker; used by its thread alone.
class View {
 public:
  View() : snapshot_(std::make_shared<const Snapshot>()) {}
  const Snapshot& operator*() const { return *snapshot_; }
  const Snapshot* operator->() const { return snapshot_.get(); }
  void Set(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }

 private:
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace remora::runtime
