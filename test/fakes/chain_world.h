#pragma once

// ChainWorld: a real FilterChain between recorders, with everything that it needs around it.
//
//   test --Request...()--> [filters] --> "up" (the terminal filter)
//   "down" recorder <---- [filters] <-- Response...() <-- test
//
// Filters are scripted (a lambda a hook) or factories of real extensions. Everything that happens
// is in one Journal. No sockets; time moves by hand; a turn is Turn().

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/filter/connection_states.h"
#include "source/http/filter/filter_chain.h"
#include "source/runtime/runtime.h"
#include "source/stats/store.h"
#include "test/fakes/recorder.h"
#include "test/fakes/simulated_clock.h"

namespace remora::fakes {

// What a scripted filter answers; a hook without a script answers kContinue.
struct Script {
  using Context = http::FilterContext;
  using Answer = http::Answer;
  std::function<Answer(Context&, http::RequestHead&)> request_head = {};
  std::function<Answer(Context&, buffer::Buffer&)> request_data = {};
  std::function<Answer(Context&, http::HeaderMap*)> request_end = {};
  std::function<Answer(Context&, http::ResponseHead&)> response_head = {};
  std::function<Answer(Context&, buffer::Buffer&)> response_data = {};
  std::function<Answer(Context&, http::HeaderMap*)> response_end = {};
  std::function<void(Context&)> created = {};
  std::function<void(Context&)> complete = {};
  http::Hooks hooks = {};  // the others are not called, and not in the journal
};

class ChainWorld {
 public:
  explicit ChainWorld(uint64_t buffer_limit = 1024 * 1024, uint64_t seed = 1);
  ~ChainWorld();

  // Before Start(), in list order. The terminal filter "up" is added by Start(), unless the last
  // factory given is terminal itself.
  void Add(std::string name, Script script);
  void AddFactory(http::FilterFactory factory, std::unique_ptr<http::FilterWorkerState> state = {});
  // With the worker state that the factory makes, in the scope `http.test.`.
  void AddWithState(http::FilterFactory factory);
  // The script of the terminal filter.
  Script& terminal() { return terminal_; }
  void UseRoutes(std::shared_ptr<const route::RouteTable> routes) { routes_ = std::move(routes); }
  // The request that the chain is created for; before Start(). Fields as "k: v" lines.
  http::RequestHead& MakeRequest(std::string_view method, std::string_view path,
                                 std::vector<std::pair<std::string, std::string>> fields = {});
  void Start();

  // The request, as a codec gives it.
  void RequestHead();
  void RequestData(std::string_view text);
  void RequestEnd(std::vector<std::pair<std::string, std::string>> trailers = {});
  void RequestReset();
  // All of it at once.
  void Request(std::string_view body = "");
  // The response, as the terminal filter gives it.
  http::ResponseHead& MakeResponse(uint16_t status,
                                   std::vector<std::pair<std::string, std::string>> fields = {});
  void ResponseHead(uint16_t status = 200);
  void ResponseHead(http::ResponseHead& head);
  void ResponseData(std::string_view text);
  void ResponseEnd(std::vector<std::pair<std::string, std::string>> trailers = {});
  void ResponseReset();
  void Response(uint16_t status, std::string_view body = "");
  // One turn of the event loop.
  void Turn();
  // Time passes, then what is due is done (timers are late by up to two ticks of the wheel).
  void Pass(event::Duration time);
  // The value of a counter or gauge; 0 when there is none.
  uint64_t Stat(std::string_view name);
  // The owner ends the exchange.
  void Complete();

  http::FilterChain& chain() { return *chain_; }
  // None at first.
  upstream::ClusterSet& clusters() { return clusters_; }
  // The context of a scripted filter, for calls from outside its hooks.
  http::FilterContext& context(std::string_view name);
  std::string Take() { return journal_.Take(); }

  SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  base::ArenaPool arenas;
  buffer::BlockPool blocks;
  base::Random random;
  runtime::View runtime;
  runtime::ProcessState process;
  stats::Store store;
  Recorder<http::ResponseHead> downstream;
  Recorder<http::RequestHead> upstream;
  FakeSource request_source;
  FakeSource response_source;
  http::StreamInfo info;
  http::ConnectionStates connection_states;

 private:
  struct Scripted {
    ChainWorld* world;
    std::string name;
    Script script;
    http::FilterContext* context = nullptr;
  };
  class ScriptedFilter;
  class TerminalFilter;

  http::HeaderMap* MakeTrailers(std::vector<std::pair<std::string, std::string>>& trailers);

  Journal& journal() { return journal_; }

  Journal journal_;
  base::Arena arena_;
  upstream::ClusterSet clusters_;
  std::shared_ptr<const route::RouteTable> routes_;
  uint64_t buffer_limit_;
  Script terminal_;
  http::FilterContext* terminal_context_ = nullptr;
  http::RequestHead* request_ = nullptr;
  std::vector<std::unique_ptr<Scripted>> scripted_;
  std::vector<http::FilterFactory> factories_;
  http::WorkerFilters filters_;
  std::optional<http::FilterChain> chain_;
};

}  // namespace remora::fakes
