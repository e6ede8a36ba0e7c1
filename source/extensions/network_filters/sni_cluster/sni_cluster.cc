#include "source/extensions/network_filters/sni_cluster/sni_cluster.h"

#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"

namespace remora::extensions {
namespace {

class Guard final : public net::ConnectionGuard {
 public:
  net::Admission OnConnection(net::GuardedConnection& connection) override {
    connection.cluster = connection.server_name;
    return net::Admission::kAdmit;
  }
};

}  // namespace

std::optional<SniCluster::Config> SniCluster::Parse(const Proto&, config::ConfigContext&) {
  return Config{};
}

std::string SniCluster::StatScope(const Config&) { return "sni_cluster"; }

std::unique_ptr<net::ConnectionGuard> SniCluster::Create(const Config&, const net::ChainSetup&) {
  return std::make_unique<Guard>();
}

}  // namespace remora::extensions
