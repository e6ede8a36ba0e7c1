#pragma once

// How an owner declares its statistics: a struct of named handles, each stat once, with its
// meaning beside it. No macro and no list of names:
//
//   // `cluster.<name>.`
//   struct ClusterTraffic {
//     NamedCounter<"upstream_rq_total"> upstream_rq_total;    // Requests given to a connection.
//     NamedGauge<"upstream_rq_active"> upstream_rq_active;    // Requests without an end yet.
//     // Start of the request to the end of the response.
//     NamedHistogram<"upstream_rq_time", Unit::kMilliseconds> upstream_rq_time;
//   };
//
//   scope.Declare<ClusterTraffic>();                            // main: the names exist, value 0
//   const ClusterTraffic traffic = scope.Make<ClusterTraffic>(shard);       // a worker: its cells
//   traffic.upstream_rq_total.Inc();
//
// The name may hold dots (`http1.response_flood`). A struct holds nothing but named handles. The
// names and kinds are read off the struct at compile time: its aggregate initialisation asks
// DeclaredFields for a value of each field in order, and the type of the field tells the rest.
// Cost: no string is stored per scope; one GroupSpec per struct, in read-only memory.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "source/stats/handles.h"

namespace remora::stats {

// A string as a template argument.
template <size_t N>
struct FixedName {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is to become a template argument.
  consteval FixedName(const char (&text)[N]) { std::copy_n(text, N, characters); }
  constexpr std::string_view view() const { return {characters, N - 1}; }

  char characters[N]{};
};

template <FixedName kText>
struct NamedCounter : Counter {
  static constexpr std::string_view kName = kText.view();
  static constexpr Kind kKind = Kind::kCounter;
  static constexpr Unit kUnit = Unit::kNone;
};

template <FixedName kText>
struct NamedGauge : Gauge {
  static constexpr std::string_view kName = kText.view();
  static constexpr Kind kKind = Kind::kGauge;
  static constexpr Unit kUnit = Unit::kNone;
};

template <FixedName kText, Unit kOf>
struct NamedHistogram : Histogram {
  static constexpr std::string_view kName = kText.view();
  static constexpr Kind kKind = Kind::kHistogram;
  static constexpr Unit kUnit = kOf;
};

// One field of such a struct.
struct MetricSpec {
  std::string_view name;  // without the scope's prefix
  Kind kind = Kind::kCounter;
  Unit unit = Unit::kNone;
  uint16_t index = 0;  // first cell (counter, gauge) or slot (histogram) within the group's
};

// One such struct. Its address is its identity.
struct GroupSpec {
  std::span<const MetricSpec> metrics;
  uint16_t cells = 0;
  uint16_t slots = 0;
};

constexpr uint16_t CellsOf(Kind kind) {
  return kind == Kind::kCounter ? 1 : kind == Kind::kGauge ? 2 : 0;
}

namespace detail {

template <typename Group>
inline constexpr size_t kFieldCount = sizeof(Group) / sizeof(void*);

// Initialises any field, noting the type it was asked for.
template <size_t N>
struct DeclaredFields {
  template <typename Field>
  constexpr operator Field() const {  // NOLINT(google-explicit-constructor)
    (*metrics)[(*next)++] = {Field::kName, Field::kKind, Field::kUnit, 0};
    return Field{};
  }

  std::array<MetricSpec, N>* metrics;
  size_t* next;
};

// Initialises any field from the next of the pointers that a scope made.
struct MadeFields {
  template <typename Field>
  operator Field() const {  // NOLINT(google-explicit-constructor)
    void* target = *(*next)++;
    if constexpr (Field::kKind == Kind::kHistogram) {
      return Field{Histogram(static_cast<HistogramSlot*>(target))};
    } else if constexpr (Field::kKind == Kind::kGauge) {
      return Field{Gauge(static_cast<Cell*>(target))};
    } else {
      return Field{Counter(static_cast<Cell*>(target))};
    }
  }

  void* const** next;
};

template <typename Group, typename Source>
constexpr Group Initialise(Source source) {
  static_assert(std::is_aggregate_v<Group> && std::is_trivially_copyable_v<Group>,
                "a group is a plain struct of named handles");
  return [source]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    // Braces evaluate in order; each element converts to the type of its own field.
    return Group{((void)kIndex, source)...};
  }(std::make_index_sequence<kFieldCount<Group>>());
}

template <typename Group>
constexpr auto DescribeMetrics() {
  std::array<MetricSpec, kFieldCount<Group>> metrics{};
  size_t next = 0;
  (void)Initialise<Group>(DeclaredFields<kFieldCount<Group>>{&metrics, &next});
  uint16_t cells = 0;
  uint16_t slots = 0;
  for (MetricSpec& metric : metrics) {
    metric.index = metric.kind == Kind::kHistogram ? slots++ : cells;
    cells = static_cast<uint16_t>(cells + CellsOf(metric.kind));
  }
  return metrics;
}

template <typename Group>
inline constexpr auto kMetrics = DescribeMetrics<Group>();

constexpr GroupSpec DescribeGroup(std::span<const MetricSpec> metrics) {
  GroupSpec spec{metrics};
  for (const MetricSpec& metric : metrics) {
    spec.cells = static_cast<uint16_t>(spec.cells + CellsOf(metric.kind));
    if (metric.kind == Kind::kHistogram) ++spec.slots;
  }
  return spec;
}

}  // namespace detail

template <typename Group>
inline constexpr GroupSpec kGroup = detail::DescribeGroup(detail::kMetrics<Group>);

}  // namespace remora::stats
