#include "test/fakes/chain_world.h"

#include <stdexcept>
#include <utility>

namespace remora::fakes {

using http::Answer;
using http::FilterContext;

// Writes each hook into the journal, then asks its script.
class ChainWorld::ScriptedFilter final : public http::Filter {
 public:
  ScriptedFilter(Scripted& scripted, FilterContext& context)
      : scripted_(scripted), context_(context) {}

  Answer OnRequestHead(http::RequestHead& head) override {
    Write(":>head");
    return Ask(scripted_.script.request_head, head);
  }
  Answer OnRequestData(buffer::Buffer& data) override {
    Write(":>data(" + data.ToString() + ")");
    return Ask(scripted_.script.request_data, data);
  }
  Answer OnRequestEnd(http::HeaderMap* trailers) override {
    Write(trailers == nullptr ? ":>end" : ":>end(" + ToText(*trailers) + ")");
    return Ask(scripted_.script.request_end, trailers);
  }
  Answer OnResponseHead(http::ResponseHead& head) override {
    Write(":<head");
    return Ask(scripted_.script.response_head, head);
  }
  Answer OnResponseData(buffer::Buffer& data) override {
    Write(":<data(" + data.ToString() + ")");
    return Ask(scripted_.script.response_data, data);
  }
  Answer OnResponseEnd(http::HeaderMap* trailers) override {
    Write(trailers == nullptr ? ":<end" : ":<end(" + ToText(*trailers) + ")");
    return Ask(scripted_.script.response_end, trailers);
  }
  void OnComplete() override {
    Write(":complete");
    if (scripted_.script.complete) scripted_.script.complete(context_);
  }

 private:
  void Write(std::string_view what) {
    scripted_.world->journal().Add(scripted_.name + std::string(what));
  }
  template <class Hook, class Event>
  Answer Ask(const Hook& hook, Event&& event) {
    if (!hook) return Answer::kContinue;
    return hook(context_, std::forward<Event>(event));
  }

  Scripted& scripted_;
  FilterContext& context_;
};

// Writes what reaches it as a recorder does, and lets the test answer.
class ChainWorld::TerminalFilter final : public http::Filter {
 public:
  TerminalFilter(ChainWorld& world, FilterContext& context) : world_(world), context_(context) {
    context.SetResponseSource(&world.response_source);
  }

  Answer OnRequestHead(http::RequestHead& head) override {
    world_.upstream.OnHead(head);
    const auto& hook = world_.terminal_.request_head;
    return hook ? hook(context_, head) : Answer::kContinue;
  }
  Answer OnRequestData(buffer::Buffer& data) override {
    const auto& hook = world_.terminal_.request_data;
    if (!hook) {
      world_.upstream.OnData(data);
      return Answer::kContinue;
    }
    buffer::Buffer copy(data.pool());
    copy.Append(data.ToString());
    world_.upstream.OnData(copy);
    return hook(context_, data);
  }
  Answer OnRequestEnd(http::HeaderMap* trailers) override {
    world_.upstream.OnEnd(trailers);
    const auto& hook = world_.terminal_.request_end;
    return hook ? hook(context_, trailers) : Answer::kContinue;
  }
  void OnComplete() override {
    world_.journal().Add("up:complete");
    if (world_.terminal_.complete) world_.terminal_.complete(context_);
  }

 private:
  ChainWorld& world_;
  FilterContext& context_;
};

ChainWorld::ChainWorld(uint64_t buffer_limit, uint64_t seed)
    : random(seed),
      store(1),
      downstream(journal_, "down"),
      upstream(journal_, "up"),
      request_source(journal_, "codec"),
      response_source(journal_, "server"),
      arena_(arenas),
      clusters_({dispatcher, blocks, random, runtime, store.worker_shard(0), 0, process}),
      buffer_limit_(buffer_limit) {}

ChainWorld::~ChainWorld() = default;

void ChainWorld::Add(std::string name, Script script) {
  http::FilterFactory factory;
  factory.hooks = script.hooks;
  scripted_.push_back(std::make_unique<Scripted>(Scripted{this, name, std::move(script)}));
  factory.name = std::move(name);
  factory.type_url = "test.Scripted";
  factory.config = std::shared_ptr<const void>(scripted_.back().get(), [](const void*) {});
  factory.create = [](const void* config, FilterContext& context) {
    auto& scripted = *static_cast<Scripted*>(const_cast<void*>(config));
    scripted.context = &context;
    http::FilterPtr filter = context.arena().Make<ScriptedFilter>(scripted, context);
    if (scripted.script.created) scripted.script.created(context);
    return filter;
  };
  AddFactory(std::move(factory));
}

void ChainWorld::AddFactory(http::FilterFactory factory,
                            std::unique_ptr<http::FilterWorkerState> state) {
  factories_.push_back(std::move(factory));
  filters_.worker_states.push_back(std::move(state));
}

void ChainWorld::AddWithState(http::FilterFactory factory) {
  stats::Scope& scope = store.AddScope("http.test.");
  std::unique_ptr<http::FilterWorkerState> state;
  if (factory.create_worker_state != nullptr) {
    state = factory.create_worker_state(factory.config.get(),
                                        {scope, store.worker_shard(0), dispatcher});
  }
  AddFactory(std::move(factory), std::move(state));
}

http::RequestHead& ChainWorld::MakeRequest(
    std::string_view method, std::string_view path,
    std::vector<std::pair<std::string, std::string>> fields) {
  request_ = arena_.New<http::RequestHead>(arena_);
  request_->method = arena_.Copy(method);
  request_->method_id = http::ParseMethod(method);
  request_->scheme = "http";
  request_->authority = "example.com";
  request_->path = arena_.Copy(path);
  for (const auto& [name, value] : fields) {
    if (!request_->headers.Add(name, value)) throw std::invalid_argument(name);
  }
  return *request_;
}

void ChainWorld::Start() {
  if (request_ == nullptr) MakeRequest("GET", "/");
  if (factories_.empty() || !factories_.back().terminal) {
    http::FilterFactory factory;
    factory.name = "up";
    factory.type_url = "test.Terminal";
    factory.config = std::shared_ptr<const void>(this, [](const void*) {});
    factory.terminal = true;
    factory.create = [](const void* config, FilterContext& context) -> http::FilterPtr {
      auto& world = *static_cast<ChainWorld*>(const_cast<void*>(config));
      world.terminal_context_ = &context;
      return context.arena().Make<TerminalFilter>(world, context);
    };
    AddFactory(std::move(factory));
  }
  filters_.factories = &factories_;
  const http::FilterChain::Environment environment{
      dispatcher,     arena_,     blocks,        random,        clusters_, info,
      request_source, downstream, routes_.get(), buffer_limit_, nullptr,   connection_states};
  chain_.emplace(environment, filters_, request_);
}

http::HeaderMap* ChainWorld::MakeTrailers(
    std::vector<std::pair<std::string, std::string>>& trailers) {
  if (trailers.empty()) return nullptr;
  auto* map = arena_.New<http::HeaderMap>(arena_);
  for (const auto& [name, value] : trailers) {
    if (!map->Add(name, value)) throw std::invalid_argument(name);
  }
  return map;
}

void ChainWorld::RequestHead() { chain_->OnHead(*request_); }

void ChainWorld::RequestData(std::string_view text) {
  buffer::Buffer data(blocks);
  data.Append(text);
  chain_->OnData(data);
}

void ChainWorld::RequestEnd(std::vector<std::pair<std::string, std::string>> trailers) {
  chain_->OnEnd(MakeTrailers(trailers));
}

void ChainWorld::RequestReset() {
  chain_->OnReset({http::Side::kDownstream, http::ErrorKind::kDownstreamClosed});
}

void ChainWorld::Request(std::string_view body) {
  RequestHead();
  if (!body.empty()) RequestData(body);
  RequestEnd();
}

http::ResponseHead& ChainWorld::MakeResponse(
    uint16_t status, std::vector<std::pair<std::string, std::string>> fields) {
  auto* head = arena_.New<http::ResponseHead>(arena_);
  head->status = status;
  head->framing = http::Framing::kStreamed;
  for (const auto& [name, value] : fields) {
    if (!head->headers.Add(name, value)) throw std::invalid_argument(name);
  }
  return *head;
}

void ChainWorld::ResponseHead(uint16_t status) { ResponseHead(MakeResponse(status)); }

void ChainWorld::ResponseHead(http::ResponseHead& head) {
  terminal_context_->response_sink().OnHead(head);
}

void ChainWorld::ResponseData(std::string_view text) {
  buffer::Buffer data(blocks);
  data.Append(text);
  terminal_context_->response_sink().OnData(data);
}

void ChainWorld::ResponseEnd(std::vector<std::pair<std::string, std::string>> trailers) {
  terminal_context_->response_sink().OnEnd(MakeTrailers(trailers));
}

void ChainWorld::ResponseReset() {
  terminal_context_->response_sink().OnReset(
      {http::Side::kUpstream, http::ErrorKind::kRemoteReset});
}

void ChainWorld::Response(uint16_t status, std::string_view body) {
  ResponseHead(status);
  if (!body.empty()) ResponseData(body);
  ResponseEnd();
}

void ChainWorld::Turn() { dispatcher.RunOnce(false); }

void ChainWorld::Pass(event::Duration time) {
  clock.Advance(time);
  // Timers come behind the tasks of a turn; what they leave behind is done in the next one.
  Turn();
  Turn();
}

uint64_t ChainWorld::Stat(std::string_view name) {
  const stats::Snapshot snapshot = store.TakeSnapshot();
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name == name) return metric.value;
  }
  return 0;
}

void ChainWorld::Complete() { chain_->Complete(); }

http::FilterContext& ChainWorld::context(std::string_view name) {
  for (const auto& scripted : scripted_) {
    if (scripted->name == name && scripted->context != nullptr) return *scripted->context;
  }
  if (name == "up" && terminal_context_ != nullptr) return *terminal_context_;
  throw std::invalid_argument(std::string(name));
}

}  // namespace remora::fakes
