#pragma once

// DynamicRuntime: layers of the runtime that come from sources (RTDS).
//
//   resource --translate--> values --Put--> RuntimeLayers
//
// Owner: DynamicConfig. Thread: main. All of them are asked for at start, before clusters,
// endpoints and dynamic listeners, and kRuntimeTarget warms until each has come or is given up. A
// refused resource is a NACK and the values before it stay; one that the source takes away leaves
// its layer empty, as in Envoy. Source: Envoy source/common/runtime/runtime_impl.cc
// (RtdsSubscription).

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/config/bootstrap.h"
#include "source/config/resource_translator.h"
#include "source/server/followed_resource.h"
#include "source/server/warmer.h"
#include "source/xds/subscription.h"

namespace remora::server {

// As /init_dump shows it.
inline constexpr char kRuntimeTarget[] = "init manager RTDS";

class RuntimeSubscription;

class DynamicRuntime {
 public:
  // The values of the layer at that place among the bootstrap's.
  using Put = std::function<void(size_t layer, runtime::Snapshot::Values values)>;
  // All outlive it.
  struct Services {
    xds::Sources& sources;
    config::ResourceTranslator& translator;
    Warmer& warmer;
    ConfigJournal& journal;
    event::Dispatcher& dispatcher;
  };
  // `layers`: those of all kinds.
  DynamicRuntime(const Services& services, const std::vector<config::RuntimeLayerConfig>& layers,
                 Put put);
  ~DynamicRuntime();
  DynamicRuntime(const DynamicRuntime&) = delete;
  DynamicRuntime& operator=(const DynamicRuntime&) = delete;

  void Start();

 private:
  friend class RuntimeSubscription;

  Services services_;
  Put put_;
  std::vector<std::unique_ptr<RuntimeSubscription>> subscriptions_;
};

// One layer.
class RuntimeSubscription final : public xds::ResourceUser {
 public:
  RuntimeSubscription(const DynamicRuntime& runtime, size_t layer,
                      const config::RuntimeLayerConfig& config);
  RuntimeSubscription(const RuntimeSubscription&) = delete;
  RuntimeSubscription& operator=(const RuntimeSubscription&) = delete;
  void Start();

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

 private:
  absl::Status Take(std::string_view message) const;
  void Settle() const;

  const DynamicRuntime& runtime_;
  const size_t layer_;
  const std::string target_;
  FollowedResource resource_;
  std::unique_ptr<xds::Subscription> subscription_;
};

}  // namespace remora::server
