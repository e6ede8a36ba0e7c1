#pragma once

// Sink: the door behind which log records go: a file, a stream, a service.
//
// One object a worker and destination; used by that worker alone. A record is appended to the text
// that Begin gives and ended by End; nothing else happens in between, and neither blocks nor fails:
// a sink that cannot take a record counts it as dropped.

#include <string>

namespace remora::access_log {

class Sink {
 public:
  virtual std::string& Begin() = 0;
  virtual void End() = 0;

 protected:
  ~Sink() = default;
};

}  // namespace remora::access_log
