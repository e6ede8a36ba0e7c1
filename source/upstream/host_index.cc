#include "source/upstream/host_index.h"

#include <utility>

#include "absl/strings/string_view.h"

namespace remora::upstream {

const Host* HostIndex::Find(const http::OverrideHost& wanted) {
  const Names& names = NamesBy(wanted.identity);
  const auto found = names.find(absl::string_view(wanted.name.data(), wanted.name.size()));
  return found == names.end() ? nullptr : found->second;
}

const HostIndex::Names& HostIndex::NamesBy(
    const std::shared_ptr<const http::HostIdentity>* identity) {
  for (const Named& named : named_) {
    if (named.identity.get() == (identity == nullptr ? nullptr : identity->get())) {
      return named.hosts;
    }
  }
  // Nobody else has those of configurations that have gone.
  std::erase_if(named_, [](const Named& named) { return named.identity.use_count() == 1; });
  Named named;
  if (identity != nullptr) named.identity = *identity;
  named.hosts.reserve(hosts_.size());
  std::string made;
  for (const std::shared_ptr<const Host>& host : hosts_) {
    std::string_view name = host->address_text();
    if (named.identity != nullptr) {
      name = named.identity->Of(host->config().metadata.get(), name, made);
    }
    if (!name.empty()) named.hosts.emplace(std::string(name), host.get());
  }
  return named_.emplace_back(std::move(named)).hosts;
}

}  // namespace remora::upstream
