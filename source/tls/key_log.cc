#include "source/tls/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/net/socket.h"

namespace remora::tls {
namespace {

net::Address PeerAddress(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return net::Address::FromSocket(storage, length);
}

bool Includes(const std::vector<net::CidrRange>& ranges, const net::Address& address) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(),
                                       [&](const auto& range) { return range.Contains(address); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<const KeyLog>> KeyLog::Open(const KeyLogSettings& settings) {
  const int file = open(settings.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("key log ", settings.path, " cannot be opened: ", strerror(errno)));
  }
  return std::unique_ptr<const KeyLog>(new KeyLog(file, settings));
}

KeyLog::~KeyLog() { close(file_); }

void KeyLog::Write(int fd, std::string_view line) const {
  if (!Includes(settings_.local_ranges, net::LocalAddress(fd)) ||
      !Includes(settings_.remote_ranges, PeerAddress(fd))) {
    return;
  }
  const std::string text = std::string(line) + "\n";
  if (write(file_, text.data(), text.size()) < 0) {
    REMORA_LOG(kConnection, kWarning, "key log ", settings_.path, ": ", strerror(errno));
  }
}

}  // namespace remora::tls
