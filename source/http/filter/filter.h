#pragma once

// Filter: the contract that every HTTP filter is written against (room 5). One page to learn.
//
// A filter sees the request in list order and the response in reverse order, as events: head, data
// any number of times, end. It answers each with one word:
//
//   kContinue  pass this on; whatever was held here before goes first, in order
//   kHold      keep it here and keep feeding me: the chain retains the head and appends the data,
//   up
//              to the stream's buffer limit (over it: 413 for a request, 500 for a response)
//   kPause     keep it here and send me nothing more in this direction, until ResumeRequest() or
//              ResumeResponse(): then the kept event goes to the next filter and what queued up
//              behind it is delivered here as usual
//
// A local reply is a value left with FilterContext::SendLocalReply, not a call that re-enters the
// chain: the answer of that hook does not matter then. A reply runs through the whole response
// chain; saw_request() tells a filter whether its request hooks had run.
//
// Owner: the chain; memory: the stream's arena (no heap). Thread: the stream's worker. A filter is
// never on the stack twice, and nothing is called after OnComplete. Heads, buffers and trailers are
// valid until OnComplete; data is only valid during the hook (move it to keep it).

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "source/base/arena.h"
#include "source/event/dispatcher.h"
#include "source/http/message.h"
#include "source/stats/scope.h"

namespace remora::access_log {
class WorkerFiles;
}

namespace remora::http {

enum class Answer : uint8_t { kContinue, kHold, kPause };

class Filter {
 public:
  virtual ~Filter() = default;
  virtual Answer OnRequestHead(RequestHead&) { return Answer::kContinue; }
  virtual Answer OnRequestData(buffer::Buffer&) { return Answer::kContinue; }
  virtual Answer OnRequestEnd(HeaderMap* /*trailers*/) { return Answer::kContinue; }
  virtual Answer OnResponseHead(ResponseHead&) { return Answer::kContinue; }
  virtual Answer OnResponseData(buffer::Buffer&) { return Answer::kContinue; }
  virtual Answer OnResponseEnd(HeaderMap* /*trailers*/) { return Answer::kContinue; }
  // The exchange is over, whatever way; cancel everything that was asked for.
  virtual void OnComplete() {}
};

using FilterPtr = base::ArenaPtr<Filter>;

// Hooks as bits: those of the request, those of the response, OnComplete.
struct Hooks {
  enum Bit : uint8_t { kHead = 1, kData = 2, kEnd = 4, kResponse = 3, kComplete = 1 << 6 };
  uint8_t bits = 0x7f;

  uint8_t request() const { return bits & (kHead | kData | kEnd); }
  uint8_t response() const { return (bits >> kResponse) & (kHead | kData | kEnd); }
  bool complete() const { return (bits & kComplete) != 0; }

  // Those that the class overrides: the address of one that it inherits is that of a member of
  // Filter.
  template <class F>
  static constexpr Hooks Of() {
    static_assert(std::is_base_of_v<Filter, F>);
    uint8_t bits = 0;
    if constexpr (!kInherited<&F::OnRequestHead, &Filter::OnRequestHead>) bits |= kHead;
    if constexpr (!kInherited<&F::OnRequestData, &Filter::OnRequestData>) bits |= kData;
    if constexpr (!kInherited<&F::OnRequestEnd, &Filter::OnRequestEnd>) bits |= kEnd;
    if constexpr (!kInherited<&F::OnResponseHead, &Filter::OnResponseHead>) {
      bits |= kHead << kResponse;
    }
    if constexpr (!kInherited<&F::OnResponseData, &Filter::OnResponseData>) {
      bits |= kData << kResponse;
    }
    if constexpr (!kInherited<&F::OnResponseEnd, &Filter::OnResponseEnd>) bits |= kEnd << kResponse;
    if constexpr (!kInherited<&F::OnComplete, &Filter::OnComplete>) bits |= kComplete;
    return {bits};
  }

 private:
  template <auto kOfClass, auto kOfFilter>
  static constexpr bool kInherited = std::is_same_v<decltype(kOfClass), decltype(kOfFilter)>;
};

class FilterContext;

// What one configured filter keeps once a worker (statistics handles, tables): made when the worker
// takes the configuration, shared by its streams.
class FilterWorkerState {
 public:
  virtual ~FilterWorkerState() = default;
};

struct WorkerSetup {
  stats::Scope& scope;  // `http.<stat_prefix>.`
  stats::Shard& shard;
  event::Dispatcher& dispatcher;
  access_log::WorkerFiles* log_files = nullptr;  // null: nothing can be logged
};

// One entry of a configured chain: what to create for each stream. Immutable, shared by workers.
struct FilterFactory {
  std::string name;  // HttpFilter.name: the key of per-route configuration
  std::string type_url;
  std::string route_type_url;  // type of its per-route configuration; empty when it has none
  std::shared_ptr<const void> config;
  FilterPtr (*create)(const void* config, FilterContext& context) = nullptr;
  std::unique_ptr<FilterWorkerState> (*create_worker_state)(const void* config,
                                                            const WorkerSetup& setup) = nullptr;
  bool terminal = false;
  Hooks hooks = {};       // the others are not called
  bool disabled = false;  // runs only where a per-route FilterConfig enables it
  // Files that it writes access logs to; they are opened before the configuration is applied.
  std::vector<std::string> log_files = {};
};

}  // namespace remora::http
