#include "source/tls/context_source.h"

namespace remora::tls {

absl::StatusOr<std::shared_ptr<const Context>> ContextSource::Build(
    const ContextSecrets& secrets) const {
  parts_->Sweep();
  if (const auto* settings = std::get_if<ServerSettings>(&settings_); settings != nullptr) {
    return BuildServerContext(*settings, secrets, *parts_);
  }
  return BuildClientContext(std::get<ClientSettings>(settings_), secrets, *parts_);
}

}  // namespace remora::tls
