#include "source/config/load_balancing_config.h"

#include <cmath>
#include <string>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/load_balancing_policies/common/v3/common.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/maglev/v3/maglev.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace cds = envoy::config::cluster::v3;
namespace policies = envoy::extensions::load_balancing_policies;
using upstream::Balancing;

bool IsPrime(uint64_t number) {
  if (number < 2) return false;
  for (uint64_t i = 2; i * i <= number; ++i) {
    if (number % i == 0) return false;
  }
  return true;
}

void ReadBias(const envoy::config::core::v3::RuntimeDouble& proto, Balancing& balancing) {
  balancing.active_request_bias = proto.default_value();
  balancing.active_request_bias_key = proto.runtime_key();
}

// What ring_hash and maglev have in common, in either form.
template <class Proto>
void ReadConsistentHashing(const Proto& proto, Balancing& balancing) {
  balancing.hash_hostname = proto.use_hostname_for_hashing();
  balancing.balance_factor = proto.hash_balance_factor().value();
}

// The ring's sizes, in either form.
template <class Proto>
void ReadRingSizes(const Proto& proto, const FieldPath& path, Translation& translation,
                   Balancing& balancing) {
  if (proto.has_minimum_ring_size()) {
    balancing.minimum_ring_size = proto.minimum_ring_size().value();
  }
  if (proto.has_maximum_ring_size()) {
    balancing.maximum_ring_size = proto.maximum_ring_size().value();
  }
  if (balancing.minimum_ring_size > balancing.maximum_ring_size) {
    translation.errors.Add(
        path, Concat("ring hash: minimum_ring_size (", std::to_string(balancing.minimum_ring_size),
                     ") > maximum_ring_size (", std::to_string(balancing.maximum_ring_size), ")"));
  }
}

template <class Proto>
void ReadTableSize(const Proto& proto, const FieldPath& path, Translation& translation,
                   Balancing& balancing) {
  if (proto.has_table_size()) balancing.table_size = proto.table_size().value();
  if (!IsPrime(balancing.table_size)) {
    translation.errors.Add(path.Field("table_size"),
                           "The table size of maglev must be prime number");
  }
}

// --- lb_policy

void ParseLegacy(const cds::Cluster& proto, const FieldPath& path, Translation& translation,
                 Balancing& balancing) {
  switch (proto.lb_policy()) {
    case cds::Cluster::LEAST_REQUEST:
      balancing.policy = Balancing::Policy::kLeastRequest;
      if (proto.least_request_lb_config().has_choice_count()) {
        balancing.choice_count = proto.least_request_lb_config().choice_count().value();
      }
      if (proto.least_request_lb_config().has_active_request_bias()) {
        ReadBias(proto.least_request_lb_config().active_request_bias(), balancing);
      }
      break;
    case cds::Cluster::RANDOM:
      balancing.policy = Balancing::Policy::kRandom;
      break;
    case cds::Cluster::RING_HASH:
      balancing.policy = Balancing::Policy::kRingHash;
      ReadRingSizes(proto.ring_hash_lb_config(), path.Field("ring_hash_lb_config"), translation,
                    balancing);
      if (proto.ring_hash_lb_config().hash_function() ==
          cds::Cluster::RingHashLbConfig::MURMUR_HASH_2) {
        balancing.hash_function = Balancing::HashFunction::kMurmur;
      }
      break;
    case cds::Cluster::MAGLEV:
      balancing.policy = Balancing::Policy::kMaglev;
      ReadTableSize(proto.maglev_lb_config(), path.Field("maglev_lb_config"), translation,
                    balancing);
      break;
    case cds::Cluster::ROUND_ROBIN:
      break;
    case cds::Cluster::CLUSTER_PROVIDED:
      // ORIGINAL_DST has no balancer.
      if (proto.type() != cds::Cluster::ORIGINAL_DST) {
        translation.errors.Add(
            path.Field("lb_policy"),
            Concat("cluster manager: cluster provided LB specified but cluster '", proto.name(),
                   "' did not provide one. Check cluster documentation."));
      }
      break;
    default:
      translation.errors.Add(
          path.Field("lb_policy"),
          Concat("policy ", cds::Cluster::LbPolicy_Name(proto.lb_policy()), " is not supported"));
  }
  const auto& hashing = proto.common_lb_config().consistent_hashing_lb_config();
  if (balancing.by_hash()) ReadConsistentHashing(hashing, balancing);
  if (hashing.use_hostname_for_hashing()) {
    const FieldPath common = path.Field("common_lb_config");
    const FieldPath field = common.Field("consistent_hashing_lb_config");
    translation.errors.Add(
        field.Field("use_hostname_for_hashing"),
        "Cannot use hostname for consistent hashing loadbalancing for cluster of "
        "type: 'envoy.cluster.static'");
  }
}

// Options for another policy than the one that is taken: Envoy passes them over.
void WarnOfUnused(const cds::Cluster& proto, const FieldPath& path, Translation& translation) {
  const auto warn = [&](bool set, cds::Cluster::LbPolicy policy, std::string_view field) {
    if (!set || proto.lb_policy() == policy) return;
    translation.warnings.Add(path.Field(field),
                             "options of another lb_policy: accepted without effect");
  };
  warn(proto.has_ring_hash_lb_config(), cds::Cluster::RING_HASH, "ring_hash_lb_config");
  warn(proto.has_maglev_lb_config(), cds::Cluster::MAGLEV, "maglev_lb_config");
  warn(proto.has_least_request_lb_config(), cds::Cluster::LEAST_REQUEST, "least_request_lb_config");
  warn(proto.has_round_robin_lb_config(), cds::Cluster::ROUND_ROBIN, "round_robin_lb_config");
}

// --- load_balancing_policy

void ReadLeastRequest(const policies::least_request::v3::LeastRequest& proto,
                      Balancing& balancing) {
  balancing.policy = Balancing::Policy::kLeastRequest;
  if (proto.has_choice_count()) balancing.choice_count = proto.choice_count().value();
  if (proto.has_active_request_bias()) ReadBias(proto.active_request_bias(), balancing);
  balancing.full_scan =
      proto.selection_method() == policies::least_request::v3::LeastRequest::FULL_SCAN ||
      proto.enable_full_scan().value();
}

void ReadRingHash(const policies::ring_hash::v3::RingHash& proto, const FieldPath& path,
                  Translation& translation, Balancing& balancing) {
  balancing.policy = Balancing::Policy::kRingHash;
  ReadRingSizes(proto, path, translation, balancing);
  if (proto.hash_function() == policies::ring_hash::v3::RingHash::MURMUR_HASH_2) {
    balancing.hash_function = Balancing::HashFunction::kMurmur;
  }
  if (proto.has_consistent_hashing_lb_config()) {
    ReadConsistentHashing(proto.consistent_hashing_lb_config(), balancing);
  } else {
    ReadConsistentHashing(proto, balancing);
  }
}

// False where this binary has no such policy.
bool ParseExtension(const google::protobuf::Any& any, const FieldPath& path,
                    Translation& translation, Balancing& balancing) {
  policies::round_robin::v3::RoundRobin round_robin;
  policies::random::v3::Random random;
  policies::least_request::v3::LeastRequest least_request;
  policies::ring_hash::v3::RingHash ring_hash;
  policies::maglev::v3::Maglev maglev;
  if (any.UnpackTo(&round_robin)) return true;
  if (any.UnpackTo(&random)) {
    balancing.policy = Balancing::Policy::kRandom;
  } else if (any.UnpackTo(&least_request)) {
    ReadLeastRequest(least_request, balancing);
  } else if (any.UnpackTo(&ring_hash)) {
    ReadRingHash(ring_hash, path, translation, balancing);
  } else if (any.UnpackTo(&maglev)) {
    balancing.policy = Balancing::Policy::kMaglev;
    ReadTableSize(maglev, path, translation, balancing);
    ReadConsistentHashing(maglev.consistent_hashing_lb_config(), balancing);
  } else {
    return false;
  }
  return true;
}

void ParsePolicies(const cds::Cluster& proto, const FieldPath& path, Translation& translation,
                   Balancing& balancing) {
  const FieldPath field = path.Field("load_balancing_policy");
  if (proto.common_lb_config().has_consistent_hashing_lb_config()) {
    translation.errors.Add(
        field,
        "cluster: load_balancing_policy cannot be combined with partial fields "
        "(zone_aware_lb_config, locality_weighted_lb_config, consistent_hashing_lb_config) of "
        "common_lb_config");
  }
  const FieldPath list = field.Field("policies");
  std::string names;
  for (int i = 0; i < proto.load_balancing_policy().policies_size(); ++i) {
    const envoy::config::core::v3::TypedExtensionConfig& extension =
        proto.load_balancing_policy().policies(i).typed_extension_config();
    const FieldPath at = list.Index(static_cast<size_t>(i));
    const FieldPath config = at.Field("typed_extension_config");
    if (ParseExtension(extension.typed_config(), config.Field("typed_config"), translation,
                       balancing)) {
      return;
    }
    if (!names.empty()) names += ", ";
    names += extension.name();
  }
  translation.errors.Add(
      field, Concat("cluster: didn't find a registered load balancer factory for cluster: '",
                    proto.name(), "' with names from [", names, "]"));
}

}  // namespace

Balancing ParseBalancing(const cds::Cluster& proto, const FieldPath& path,
                         Translation& translation) {
  Balancing balancing;
  if (proto.common_lb_config().has_override_host_status()) {
    balancing.override_statuses = 0;
    for (const int status : proto.common_lb_config().override_host_status().statuses()) {
      balancing.override_statuses |= Balancing::Bit(static_cast<upstream::HealthStatus>(status));
    }
  }
  if (proto.common_lb_config().has_healthy_panic_threshold()) {
    balancing.panic_threshold_percent = static_cast<uint32_t>(
        std::lround(proto.common_lb_config().healthy_panic_threshold().value()));
  }
  if (proto.has_load_balancing_policy()) {
    ParsePolicies(proto, path, translation, balancing);
  } else {
    ParseLegacy(proto, path, translation, balancing);
    WarnOfUnused(proto, path, translation);
  }
  return balancing;
}

}  // namespace remora::config
