#pragma once

// Script, Run, Stream: a Lua script, one run of one of its functions, and the stream that the run
// is about. What crosses between the binary and the module that holds LuaJIT (source/lua).
//
//   filter --Load--> Script (a worker's) --Begin--> Run: OnHead, OnData, OnEnd, OnCall
//   filter <--Stream: fields, body, facts, respond, call, log, failed-- the running script
//
// A Run answers each event with what the script waits for next. The module is built with this tree
// and loaded when a configuration wants it. Lua leaves functions without returning from them when
// an error is raised: no function of Stream is on the stack then, because each returns a value and
// the module raises afterwards. Texts that are given back are valid until the next call.
//
// Owners: the filter's worker state has Scripts, the filter the Runs, each with a Stream. Thread:
// the worker. A script that fails reports to Stream::Failed, once a run; its run is over then.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace remora::lua {

struct Field {
  std::string_view name;
  std::string_view value;
};

enum class Fields : uint8_t { kHeaders, kTrailers, kRequestHeaders };
enum class Change : uint8_t { kAdd, kReplace, kRemove };
enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kCritical };

// A value of a tree in pre-order: behind a list or struct come the `count` values in it.
struct Item {
  enum class Kind : uint8_t { kNull, kBoolean, kNumber, kString, kList, kStruct };
  std::string_view name = {};  // in a struct
  std::string_view text = {};
  double number = 0;
  uint32_t count = 0;
  Kind kind = Kind::kNull;
  bool boolean = false;
};
// None: there is no such value.
struct Items {
  const Item* data = nullptr;
  size_t size = 0;
};

// What a script may ask about its stream.
enum class Ask : uint8_t {
  // Trees; with a key, the member of that name.
  kMetadata,  // of the route, for this filter
  kRouteMetadata,
  kVirtualHostMetadata,
  kFilterContext,
  kDynamicMetadata,  // `name_space`; empty: all
  // Facts.
  kProtocol,
  kRouteName,
  kVirtualClusterName,
  kLocalAddress,
  kDirectLocalAddress,
  kRemoteAddress,
  kDirectRemoteAddress,
  kServerName,
  // Of the downstream TLS connection; nothing: it is plaintext.
  kTlsVersion,
  kTlsCipher,
  kTlsSessionId,
  kPeerPresented,
  kPeerValidated,
  kPeerDigest,
  kPeerSerial,
  kPeerIssuer,
  kPeerSubject,
  kPeerUriSans,
  kPeerDnsSans,
  kPeerPem,
  kPeerPemChain,
  kPeerNotBefore,
  kPeerNotAfter,
  kLocalSubject,
  kLocalUriSans,
  kLocalDnsSans,
};

struct CallSetup {
  std::string_view cluster;
  std::string_view body;
  bool has_body = false;
  int64_t timeout = 0;       // ms; 0: none
  bool wants_answer = true;  // false: the script goes on at once
};

struct CallAnswer {
  const Field* fields = nullptr;  // ":status" is one of them
  size_t field_count = 0;
  std::string_view body;
};

// Where a function gives back `const char*` it is what is wrong, or null.
class Stream {
 public:
  // The next field of that name (empty: of any) from `cursor`, 0 at first; false: no more.
  virtual bool NextField(Fields of, std::string_view name, uint32_t& cursor, Field& field) = 0;
  // `name` is lower-case.
  virtual const char* ChangeField(Fields of, Change change, std::string_view name,
                                  std::string_view value) = 0;
  // The whole body, or the piece that the running event is about.
  virtual size_t BodySize() = 0;
  virtual std::string_view BodyBytes(size_t from, size_t size) = 0;
  virtual const char* SetBody(std::string_view bytes) = 0;

  virtual Items Look(Ask what, std::string_view name_space, const std::string_view* key) = 0;
  virtual const char* SetMetadata(std::string_view name_space, std::string_view key,
                                  Items value) = 0;

  // A message in the making: AddField any number of times, then Respond or Call.
  virtual void BeginMessage() = 0;
  virtual void AddField(std::string_view name, std::string_view value) = 0;
  virtual const char* Respond(std::string_view body) = 0;
  virtual const char* Call(const CallSetup& setup) = 0;

  virtual void ClearRouteCache() = 0;
  virtual const char* SetOverrideHost(std::string_view host, bool strict) = 0;
  // "" when the signature is right.
  virtual std::string_view VerifySignature(std::string_view hash, std::string_view key,
                                           std::string_view signature, std::string_view text) = 0;
  virtual int64_t WallTime() = 0;  // ns since the Unix epoch
  virtual void Log(LogLevel level, std::string_view text) = 0;
  // The run is over. `limited`: by a limit.
  virtual void Failed(std::string_view why, bool limited) = 0;

 protected:
  ~Stream() = default;
};

// What a run waits for: kNothing is that it is over, kAnswered that it has responded.
enum class Wait : uint8_t { kNothing, kBody, kChunk, kTrailers, kCall, kAnswered };

class Run {
 public:
  // The stream has no use for it any more. Not while it is on the stack.
  virtual void End() = 0;
  virtual Wait OnHead(bool has_body) = 0;
  virtual Wait OnData() = 0;
  virtual Wait OnEnd(bool has_trailers) = 0;
  virtual Wait OnCall(const CallAnswer& answer) = 0;

 protected:
  ~Run() = default;
};
struct EndRun {
  void operator()(Run* run) const { run->End(); }
};
using RunPtr = std::unique_ptr<Run, EndRun>;

// One run of a script is ended by an error when it goes over one of these.
struct Limits {
  static constexpr uint64_t kSteps = 1'000'000;
  static constexpr uint64_t kMemory = 16 << 20;
  uint64_t steps = kSteps;    // instructions of Lua, and what its functions do, between two waits
  uint64_t memory = kMemory;  // bytes of all that the script keeps
};

enum class Function : uint8_t { kOnRequest, kOnResponse };

class Script {
 public:
  // After its runs.
  virtual ~Script() = default;
  virtual bool Has(Function function) const = 0;
  // Null: there is no memory for it; Failed has been called.
  virtual RunPtr Begin(Function function, const Limits& limits, Stream& stream) = 0;
};

class Library {
 public:
  // Compiles `text` and runs it once. `name` stands before line numbers. Null: `error` says why.
  virtual std::unique_ptr<Script> Load(std::string_view name, std::string_view text,
                                       const Limits& limits, std::string& error) = 0;

 protected:
  ~Library() = default;
};

// What the module exports; the name changes with this file.
inline constexpr char kModule[] = "libremora_lua.so";
inline constexpr char kOpen[] = "RemoraLua1";
using Open = Library* (*)();

}  // namespace remora::lua
