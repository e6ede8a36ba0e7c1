#include "source/extensions/listener_filters/original_src/original_src.h"

#include <utility>

#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "source/net/socket.h"

namespace remora::extensions {
namespace {

class Namer final : public net::ListenerFilter {
 public:
  explicit Namer(const OriginalSrc::Config& config) : config_(config) {}

  Answer Inspect(std::string_view, bool, net::Findings& findings) override {
    net::Accepted& accepted = findings.accepted;
    if (!accepted.remote.is_ip()) return Answer::kContinue;  // a Unix peer has no address to show
    net::Source source;
    source.address = config_.bind_port ? accepted.remote : accepted.remote.WithPort(0);
    source.transparent = true;
    source.mark = config_.mark;
    accepted.source = std::make_shared<const net::Source>(std::move(source));
    return Answer::kContinue;
  }

 private:
  const OriginalSrc::Config& config_;
};

}  // namespace

std::optional<OriginalSrc::Config> OriginalSrc::Parse(const Proto& proto, config::ConfigContext&) {
  return Config{proto.bind_port(), proto.mark()};
}

std::string OriginalSrc::StatScope(const Config&) { return "original_src"; }

std::unique_ptr<net::ListenerFilter> OriginalSrc::Create(const Config& config,
                                                         const net::ListenerFilterSetup&) {
  return std::make_unique<Namer>(config);
}

}  // namespace remora::extensions
