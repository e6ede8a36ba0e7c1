#pragma once

// KeyLog: appends the session keys of chosen connections to a file that Wireshark reads.
//
// Made on main with its context; any worker writes, one whole line a call. Open fails when the file
// cannot be written; a line that cannot is logged and lost. It blocks on the disk: it is for
// finding faults. Source: NSS key log format.

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "source/tls/settings.h"

namespace remora::tls {

class KeyLog {
 public:
  static absl::StatusOr<std::unique_ptr<const KeyLog>> Open(const KeyLogSettings& settings);
  ~KeyLog();
  KeyLog(const KeyLog&) = delete;
  KeyLog& operator=(const KeyLog&) = delete;

  // For the connection on `fd`.
  void Write(int fd, std::string_view line) const;

 private:
  KeyLog(int file, const KeyLogSettings& settings) : file_(file), settings_(settings) {}

  int file_;
  KeyLogSettings settings_;
};

}  // namespace remora::tls
