#include "source/upstream/found_hosts.h"

namespace remora::upstream {

std::shared_ptr<const Host> FoundHosts::Take(const net::Address& address, bool& made) {
  const std::lock_guard lock(mutex_);
  Entry& entry = hosts_[address];
  made = entry.host == nullptr;
  if (made) {
    HostConfig config;
    config.address = address;
    config.hostname = cluster_ + address.ToString();  // as Envoy
    entry.host = std::make_shared<const Host>(std::move(config), workers_);
  }
  ++entry.users;
  return entry.host;
}

bool FoundHosts::Give(const net::Address& address) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(address);
  if (--found->second.users > 0) return false;
  hosts_.erase(found);
  return true;
}

std::vector<std::shared_ptr<const Host>> FoundHosts::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Host>> all;
  for (const auto& [address, entry] : hosts_) all.push_back(entry.host);
  return all;
}

}  // namespace remora::upstream
