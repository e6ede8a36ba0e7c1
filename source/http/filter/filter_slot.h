#pragma once

// FilterSlot: where an HTTP filter's configuration is that comes from a source (ECDS): one place
// for each worker, so that each takes a new version over in its own time, between two streams.
//
//   factory of the chain --create--> version in the slot --create--> filter of that version
//
// Made by the translator, shared by the chain's factory and by whoever follows the source on main.
// Threads: Prepare by main before any worker has it; then each place belongs to its worker. A
// stream keeps the version that it began with. Where there is no version, requests are answered
// with 500 and the flag NFCF, as in Envoy. A chain without such a filter pays nothing for this.
// Source: Envoy source/common/http/filter_chain_helper.{h,cc} (MissingConfigFilter),
// source/common/filter/config_discovery_impl.h.

#include <memory>
#include <utility>
#include <vector>

#include "source/http/filter/filter.h"

namespace remora::http {

class FilterSlot {
 public:
  // One configuration of the filter; null: there is none (yet).
  using Version = std::shared_ptr<const FilterFactory>;

  void Prepare(size_t workers) const {
    if (places_.empty()) places_.resize(workers);
  }
  const Version& Get(size_t worker) const { return places_[worker].version; }
  void Put(size_t worker, Version version) const { places_[worker].version = std::move(version); }

 private:
  // A cache line each: workers read theirs for every request.
  struct alignas(64) Place {
    Version version;
  };
  mutable std::vector<Place> places_;
};

// Makes `factory` one whose filters are those of the version that `slot` has when their stream
// begins.
void CreateFrom(std::shared_ptr<const FilterSlot> slot, FilterFactory& factory);

}  // namespace remora::http
