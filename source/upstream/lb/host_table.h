#pragma once

// HostTable: from a hash to a host, so that the same hash finds the same host and a change of the
// hosts moves few hashes: a ring (RING_HASH) or a table (MAGLEV).
//
// Built once from the hosts that take part and their weights, immutable then; any thread: all
// workers share one. Nothing fails. Places and order are Envoy's, so that proxies of both kinds
// agree. Sources: Envoy ring_hash_lb.cc and maglev_lb.cc; Karger et al. 1997 (libketama's form);
// Eisenbud et al., "Maglev", NSDI 2016.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "source/upstream/host.h"
#include "source/upstream/lb/balancing.h"
#include "source/upstream/lb/usable_hosts.h"

namespace remora::upstream {

class HostTable {
 public:
  virtual ~HostTable() = default;
  // The index of the host; `turned_down`: another one, differently for each number. Not for an
  // empty table.
  virtual uint32_t Find(uint64_t hash, uint32_t turned_down) const = 0;

  // Null for a policy that has none.
  static std::unique_ptr<const HostTable> Make(UsableHosts usable, const Balancing& balancing);

  const std::vector<const Host*>& hosts() const { return hosts_; }
  bool panic() const { return panic_; }
  // A host's share of all weights.
  double share(uint32_t host) const { return shares_[host]; }
  // How many places there are, and how many the hosts with the fewest and the most have.
  struct Size {
    uint64_t places = 0;
    uint64_t fewest = 0;
    uint64_t most = 0;
  };
  const Size& size() const { return size_; }

 protected:
  explicit HostTable(UsableHosts usable);
  // What stands for a host in the hash.
  std::string_view KeyOf(uint32_t host, bool hostname) const;
  void CountPlaces(const std::vector<uint64_t>& places_of_host);

 private:
  std::vector<const Host*> hosts_;
  std::vector<double> shares_;
  bool panic_;
  Size size_;
};

// Each host has places on a ring of all 64-bit numbers; a hash finds the next one.
class HashRing final : public HostTable {
 public:
  HashRing(UsableHosts usable, const Balancing& balancing);
  uint32_t Find(uint64_t hash, uint32_t turned_down) const override;

 private:
  struct Place {
    uint64_t hash;
    uint32_t host;
  };
  std::vector<Place> ring_;  // by hash
};

// The hosts fill a table in turn, each by its own permutation of the places.
class MaglevTable final : public HostTable {
 public:
  MaglevTable(UsableHosts usable, const Balancing& balancing);
  uint32_t Find(uint64_t hash, uint32_t turned_down) const override;

 private:
  std::vector<uint32_t> table_;
};

}  // namespace remora::upstream
