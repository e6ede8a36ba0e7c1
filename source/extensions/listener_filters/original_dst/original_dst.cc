#include "source/extensions/listener_filters/original_dst/original_dst.h"

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "source/net/socket.h"

namespace remora::extensions {
namespace {

class Restorer final : public net::ListenerFilter {
 public:
  Answer Inspect(std::string_view, bool, net::Findings& findings) override {
    net::Address restored = net::OriginalDestination(findings.accepted.socket.fd());
    if (restored.is_ip()) {
      findings.accepted.local = std::move(restored);
      findings.accepted.local_restored = true;
    }
    return Answer::kContinue;
  }
};

}  // namespace

std::optional<OriginalDst::Config> OriginalDst::Parse(const Proto&, config::ConfigContext&) {
  return Config{};
}

std::string OriginalDst::StatScope(const Config&) { return "original_dst"; }

std::unique_ptr<net::ListenerFilter> OriginalDst::Create(const Config&,
                                                         const net::ListenerFilterSetup&) {
  return std::make_unique<Restorer>();
}

}  // namespace remora::extensions
