#pragma once

// GoogleLibrary, GoogleCall: what the gRPC library does for us, as the module that holds it
// (source/google_grpc) gives it.
//
//   GoogleClient --Open--> GoogleLibrary --Start--> GoogleCall: Read, Write, ... one of each at a
//   time
//   GoogleClient <--OnEvent: each of them ends with one-- the library's thread
//
// The module is a shared library that is built with this tree and loaded when a configuration wants
// it: nothing here may need another library, and what is thrown on either side does not cross.
// Owner: GoogleClient. Threads: its own calls these; OnEvent comes in the library's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace remora::grpc {

// envoy.config.core.v3.GrpcService.GoogleGrpc, as a value.
struct GoogleTarget {
  // Envoy's.
  static constexpr uint64_t kDefaultBufferLimit = 1024 * 1024;

  enum class Credentials : uint8_t { kNone, kTls, kGoogleDefault, kLocal };

  std::string uri;
  std::string stat_prefix;
  Credentials credentials = Credentials::kNone;
  // kTls, PEM; empty: the library's roots; no certificate of ours.
  std::string root_certs = {};
  std::string private_key = {};
  std::string cert_chain = {};
  std::vector<std::pair<std::string, std::variant<std::string, int64_t>>> channel_args = {};
  uint64_t buffer_limit = kDefaultBufferLimit;  // what a stream holds that is to be sent

  bool operator==(const GoogleTarget&) const = default;
};

enum class GoogleStep : uint8_t { kStart, kRead, kWrite, kEndWriting, kFinish };

// A step of a call has ended.
struct GoogleEvent {
  uint64_t call;
  GoogleStep step;
  // kStart: there is a connection; kRead: there is a message; kWrite: it is on its way.
  bool ok;
  int code;          // kFinish: the status
  std::string text;  // kRead: the message; kFinish: the status's
};

class GoogleEvents {
 public:
  virtual void OnEvent(GoogleEvent event) = 0;

 protected:
  ~GoogleEvents() = default;
};

class GoogleCall {
 public:
  virtual ~GoogleCall() = default;
  virtual void Read() = 0;
  virtual void Write(std::string_view message) = 0;
  virtual void EndWriting() = 0;
  // For the status, when nothing more can be read.
  virtual void Finish() = 0;
  // Cancels what goes on. Events may still come for it; it is gone when its steps have ended.
  virtual void LetGo() = 0;
};

struct GoogleLetGo {
  void operator()(GoogleCall* call) const { call->LetGo(); }
};
using GoogleCallPtr = std::unique_ptr<GoogleCall, GoogleLetGo>;

struct GoogleCallSetup {
  uint64_t call;  // in its events
  const GoogleTarget& target;
  std::string_view path;
  const std::vector<std::pair<std::string, std::string>>& metadata;
  int64_t timeout;  // ns; 0: none
};

class GoogleLibrary {
 public:
  // When all calls were let go of: waits for its thread.
  virtual ~GoogleLibrary() = default;
  // A call on a connection of its own, which is tried once.
  virtual GoogleCallPtr Start(const GoogleCallSetup& setup) = 0;
};

// The library's own log.
enum class GoogleSeverity : uint8_t { kDebug, kInfo, kError };
using GoogleLog = void (*)(GoogleSeverity severity, const char* text);

// What the module exports; the name changes with this file.
inline constexpr char kGoogleModule[] = "libremora_google_grpc.so";
inline constexpr char kGoogleOpen[] = "RemoraGoogleGrpc1";
using GoogleOpen = GoogleLibrary* (*)(GoogleEvents* events, GoogleLog log);

}  // namespace remora::grpc
