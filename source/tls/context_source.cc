#include "source/tls/context_source.h"

namespace remora::tls {

absl::StatusOr<std::shared_ptr<const Context>> ContextSource::Build(const ContextSecrets& secrets,
                                                                    PartCache& parts) const {
  parts.Sweep();
  if (const auto* settings = std::get_if<ServerSettings>(&settings_); settings != nullptr) {
    return BuildServerContext(*settings, secrets, parts);
  }
  return BuildClientContext(std::get<ClientSettings>(settings_), secrets, parts);
}

}  // namespace remora::tls
