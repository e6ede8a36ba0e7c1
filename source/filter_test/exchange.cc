#include "source/filter_test/exchange.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "remora/filter_test/v1/case.pb.h"
#include "source/base/check.h"
#include "source/extensions/http_filters/dynamic_modules/module_filter.h"
#include "source/http/filter/connection_states.h"
#include "source/http/filter/filter_chain.h"
#include "source/runtime/runtime.h"
#include "source/stats/store.h"

namespace remora::filter_test {
namespace {

using extensions::CallRequest;
using extensions::CallResult;
using extensions::CallUser;
using extensions::DynamicModules;

constexpr const char* kFilterName = "filter";
constexpr const char* kScope = "http.filter_test.";
constexpr uint64_t kBufferLimit = 1 << 20;
// Of an exchange, by its own clock: what is not due by then does not come.
constexpr event::Duration kLongest = 3600 * event::kSecond;

event::Duration ToDuration(const google::protobuf::Duration& proto) {
  return proto.seconds() * event::kSecond + proto.nanos();
}

// Time that passes when it is told to.
class StoppedClock final : public event::Clock {
 public:
  event::TimePoint Now() override { return now_; }
  int64_t WallNow() override { return now_; }
  void AdvanceTo(event::TimePoint time) { now_ = std::max(now_, time); }

 private:
  event::TimePoint now_ = event::kSecond;
};

// Whether the side behind it is to go on.
class Flow final : public http::MessageSource {
 public:
  void Pause(http::PauseReason reason) override { mask_.Set(reason); }
  void Resume(http::PauseReason reason) override { mask_.Clear(reason); }
  bool paused() const { return mask_.paused(); }

 private:
  http::PauseMask mask_;
};

Fields ToFields(const http::HeaderMap& map) {
  Fields fields;
  map.ForEach(
      [&](const http::HeaderEntry& entry) { fields.emplace_back(entry.name(), entry.value()); });
  return fields;
}

void Note(const http::RequestHead& head, Seen& seen) {
  seen.begun = true;
  seen.method = head.method;
  seen.path = head.path;
  seen.authority = head.authority;
  seen.headers = ToFields(head.headers);
}

void Note(buffer::Buffer& data, Seen& seen) {
  seen.body += data.ToString();
  data.Clear();
}

void Note(const http::HeaderMap* trailers, Seen& seen) {
  if (trailers != nullptr) seen.trailers = ToFields(*trailers);
  seen.ended = true;
}

class Client final : public http::ResponseSink {
 public:
  void OnHead(http::ResponseHead& head) override {
    seen.begun = true;
    seen.status = head.status;
    seen.headers = ToFields(head.headers);
  }
  void OnData(buffer::Buffer& data) override { Note(data, seen); }
  void OnEnd(http::HeaderMap* trailers) override { Note(trailers, seen); }
  void OnReset(const http::ProxyError&) override { seen.reset = true; }

  Seen seen;
};

// What the terminal filter has got, and by whom it answers.
struct UpstreamSide {
  Seen seen;
  Flow flow;
  http::FilterContext* context = nullptr;
};

class UpstreamFilter final : public http::Filter {
 public:
  UpstreamFilter(UpstreamSide& side, http::FilterContext& context) : side_(side) {
    side.context = &context;
    context.SetResponseSource(&side.flow);
  }
  http::Answer OnRequestHead(http::RequestHead& head) override {
    Note(head, side_.seen);
    return http::Answer::kContinue;
  }
  http::Answer OnRequestData(buffer::Buffer& data) override {
    Note(data, side_.seen);
    return http::Answer::kContinue;
  }
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override {
    Note(trailers, side_.seen);
    return http::Answer::kContinue;
  }

 private:
  UpstreamSide& side_;
};

// The clusters of the case.
class CaseCalls final : public extensions::CallTransport {
 public:
  CaseCalls(const v1::Exchange& exchange, event::Dispatcher& dispatcher)
      : exchange_(exchange), dispatcher_(dispatcher), taken_(exchange.calls_size()) {}

  std::unique_ptr<extensions::RunningCall> Start(const CallRequest& request,
                                                 CallUser& user) override {
    bool known = false;
    for (int i = 0; i < exchange_.calls_size(); ++i) {
      const v1::Call& call = exchange_.calls(i);
      if (call.cluster() != request.cluster) continue;
      known = true;
      if (taken_[i] || (!call.path().empty() && call.path() != request.path)) continue;
      taken_[i] = true;
      return std::make_unique<Answer>(dispatcher_, user, &call, request);
    }
    if (!known) return nullptr;
    return std::make_unique<Answer>(dispatcher_, user, nullptr, request);
  }

 private:
  // A result that comes when it is due.
  class Answer final : public extensions::RunningCall {
   public:
    // `call`: null when the case has none.
    Answer(event::Dispatcher& dispatcher, CallUser& user, const v1::Call* call,
           const CallRequest& request)
        : user_(user), timer_(dispatcher.timers(), &OnDue, this) {
      const event::Duration after = call == nullptr ? 0 : ToDuration(call->after());
      timer_.Arm(dispatcher.now() + std::min(after, request.timeout));
      if (call == nullptr || call->fails()) return;
      Fill(call->response(), request, after > request.timeout);
    }

   private:
    static void OnDue(void* self) {
      auto& answer = *static_cast<Answer*>(self);
      const CallResult result = std::move(answer.result_);
      answer.user_.OnCallResult(result);
    }
    void Fill(const v1::Message& response, const CallRequest& request, bool late) {
      if (late) {
        result_.outcome = CallResult::Outcome::kTimedOut;
        return;
      }
      result_.status = static_cast<uint16_t>(response.status() == 0 ? 200 : response.status());
      for (const v1::Field& field : response.headers()) {
        result_.fields.emplace_back(field.name(), field.value());
      }
      for (const std::string& piece : response.body()) result_.body += piece;
      result_.outcome = result_.body.size() > request.max_body ? CallResult::Outcome::kTooLarge
                                                               : CallResult::Outcome::kAnswered;
    }

    CallUser& user_;
    event::Timer timer_;
    CallResult result_;
  };

  const v1::Exchange& exchange_;
  event::Dispatcher& dispatcher_;
  std::vector<bool> taken_;
};

std::shared_ptr<const route::RouteTable> MakeRoutes(std::shared_ptr<const void> route_config) {
  route::WeightedCluster cluster;
  cluster.name = "upstream";
  cluster.weight = 1;
  route::ForwardAction action;
  action.weighted_clusters.push_back(std::move(cluster));
  route::RouteConfig route;
  route.name = "route";
  route.match.text = "/";
  route.action = std::move(action);
  if (route_config != nullptr) {
    route.overrides.push_back({kFilterName, "", std::move(route_config)});
  }
  route::VirtualHostConfig host;
  host.name = "host";
  host.domains = {"*"};
  host.routes.push_back(std::move(route));
  route::RouteTableConfig config;
  config.virtual_hosts.push_back(std::move(host));
  std::vector<route::RouteTableProblem> problems;
  auto table = route::RouteTable::Build(std::move(config), problems);
  CHECK(table.ok());
  return *table;
}

// The parts of a message that are still to be given.
class Script {
 public:
  Script(const v1::Message& message, base::Arena& arena, buffer::BlockPool& blocks)
      : message_(message), arena_(arena), blocks_(blocks) {}

  bool done() const { return ended_; }
  // Gives the next piece, or the end, to a chain or a sink.
  template <class Sink>
  void GiveNext(Sink& sink) {
    if (next_ < message_.body_size()) {
      buffer::Buffer data(blocks_);
      data.Append(message_.body(next_++));
      sink.OnData(data);
      return;
    }
    ended_ = true;
    http::HeaderMap* trailers = nullptr;
    if (message_.trailers_size() > 0) {
      trailers = arena_.New<http::HeaderMap>(arena_);
      AddFields(message_.trailers(), *trailers);
    }
    sink.OnEnd(trailers);
  }
  template <class Head>
  void FillHead(Head& head) const {
    AddFields(message_.headers(), head.headers);
    if (message_.body_size() == 0 && message_.trailers_size() == 0) return;
    uint64_t size = 0;
    for (const std::string& piece : message_.body()) size += piece.size();
    const bool has_length = head.headers.Get(http::HeaderId::kContentLength) == absl::StrCat(size);
    head.framing = has_length ? http::Framing::kLength : http::Framing::kStreamed;
    head.length = has_length ? size : 0;
  }

 private:
  template <class List>
  static void AddFields(const List& fields, http::HeaderMap& map) {
    for (const v1::Field& field : fields) map.Add(field.name(), field.value());
  }

  const v1::Message& message_;
  base::Arena& arena_;
  buffer::BlockPool& blocks_;
  int next_ = 0;
  bool ended_ = false;
};

// Everything around one chain.
class World {
 public:
  World(const v1::Exchange& exchange, std::shared_ptr<const DynamicModules::Config> config,
        std::shared_ptr<const DynamicModules::RouteConfig> route)
      : exchange_(exchange),
        routes_(MakeRoutes(std::move(route))),
        request_(exchange.request(), arena_, blocks_),
        response_(exchange.response(), arena_, blocks_),
        calls_(exchange, dispatcher_),
        hooks_(DynamicModules::HooksOf(*config)) {
    AddFilter(std::move(config));
    AddUpstream();
    filters_.factories = &factories_;
  }

  Outcome Run();

 private:
  void AddFilter(std::shared_ptr<const DynamicModules::Config> config);
  void AddUpstream();
  http::RequestHead& MakeRequest();
  bool GiveNext(http::FilterChain& chain);
  bool AdvanceTo(event::TimePoint limit);
  Outcome Collect(const http::FilterChain& chain);

  const v1::Exchange& exchange_;
  StoppedClock clock_;
  event::Dispatcher dispatcher_{clock_};
  base::ArenaPool arenas_;
  buffer::BlockPool blocks_;
  base::Random random_{1};
  runtime::View runtime_;
  runtime::ProcessState process_;
  stats::Store store_{1};
  base::Arena arena_{arenas_};
  upstream::ClusterSet clusters_{
      {dispatcher_, blocks_, random_, runtime_, store_.worker_shard(0), 0, process_}};
  http::StreamInfo info_;
  http::ConnectionStates connection_states_;
  std::shared_ptr<const route::RouteTable> routes_;
  Script request_;
  Script response_;
  CaseCalls calls_;
  const http::Hooks hooks_;
  bool response_begun_ = false;
  Flow request_flow_;
  Client client_;
  UpstreamSide upstream_;
  std::vector<http::FilterFactory> factories_;
  http::WorkerFilters filters_;
};

void World::AddFilter(std::shared_ptr<const DynamicModules::Config> config) {
  auto state = DynamicModules::CreateWorkerState(
      *config, {store_.AddScope(kScope), store_.worker_shard(0), dispatcher_});
  static_cast<extensions::ModuleState&>(*state).UseCalls(&calls_);
  http::FilterFactory factory;
  factory.name = kFilterName;
  factory.config = std::move(config);
  factory.hooks = hooks_;
  factory.create = [](const void* value, http::FilterContext& context) {
    return DynamicModules::Create(*static_cast<const DynamicModules::Config*>(value), context);
  };
  factories_.push_back(std::move(factory));
  filters_.worker_states.push_back(std::move(state));
}

void World::AddUpstream() {
  http::FilterFactory factory;
  factory.name = "upstream";
  factory.config = std::shared_ptr<const void>(&upstream_, [](const void*) {});
  factory.terminal = true;
  factory.create = [](const void* side, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<UpstreamFilter>(
        *static_cast<UpstreamSide*>(const_cast<void*>(side)), context);
  };
  factories_.push_back(std::move(factory));
  filters_.worker_states.push_back(nullptr);
}

http::RequestHead& World::MakeRequest() {
  const v1::Message& message = exchange_.request();
  const auto text = [&](const std::string& value, const char* otherwise) {
    return arena_.Copy(value.empty() ? otherwise : value);
  };
  auto& head = *arena_.New<http::RequestHead>(arena_);
  head.method = text(message.method(), "GET");
  head.method_id = http::ParseMethod(head.method);
  head.scheme = "http";
  head.authority = text(message.authority(), "example.com");
  head.path = text(message.path(), "/");
  request_.FillHead(head);
  return head;
}

// One part of a message, to whoever waits for one; false when nobody does.
bool World::GiveNext(http::FilterChain& chain) {
  if (!request_.done() && !request_flow_.paused()) {
    request_.GiveNext(chain);
    return true;
  }
  if (!upstream_.seen.ended || response_.done() || upstream_.flow.paused()) return false;
  http::ResponseSink& sink = upstream_.context->response_sink();
  if (response_begun_) {
    response_.GiveNext(sink);
    return true;
  }
  response_begun_ = true;
  auto& head = *arena_.New<http::ResponseHead>(arena_);
  const uint32_t status = exchange_.response().status();
  head.status = static_cast<uint16_t>(status == 0 ? 200 : status);
  response_.FillHead(head);
  sink.OnHead(head);
  return true;
}

// Until what is due next; false when that is not before `limit`.
bool World::AdvanceTo(event::TimePoint limit) {
  const event::TimePoint wake = dispatcher_.timers().NextWake();
  if (wake == event::Timer::kNever || wake >= limit) return false;
  clock_.AdvanceTo(std::max(wake, clock_.Now() + event::TimerWheel::kTick));
  return true;
}

Outcome World::Run() {
  const event::TimePoint limit = clock_.Now() + (exchange_.has_client_leaves_after()
                                                     ? ToDuration(exchange_.client_leaves_after())
                                                     : kLongest);
  http::RequestHead& request = MakeRequest();
  const http::FilterChain::Environment environment{
      dispatcher_,   arena_,  blocks_,       random_,      clusters_, info_,
      request_flow_, client_, routes_.get(), kBufferLimit, nullptr,   connection_states_};
  http::FilterChain chain(environment, filters_, &request);
  chain.OnHead(request);
  for (;;) {
    // What a turn leaves behind is done in the next one.
    dispatcher_.RunOnce(false);
    dispatcher_.RunOnce(false);
    if (client_.seen.ended || client_.seen.reset) break;
    if (!GiveNext(chain) && !AdvanceTo(limit)) break;
  }
  if (!client_.seen.ended && exchange_.has_client_leaves_after()) {
    chain.OnReset({http::Side::kDownstream, http::ErrorKind::kDownstreamClosed});
  }
  chain.Complete();
  dispatcher_.RunOnce(false);
  return Collect(chain);
}

Outcome World::Collect(const http::FilterChain& chain) {
  Outcome outcome{upstream_.seen, client_.seen, chain.replied(),
                  std::string(info_.response_code_details)};
  if (info_.dynamic_metadata != nullptr) outcome.metadata = *info_.dynamic_metadata;
  const stats::Snapshot snapshot = store_.TakeSnapshot();
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.name.starts_with(kScope)) {
      outcome.stats[std::string(metric.name.substr(std::string_view(kScope).size()))] =
          static_cast<int64_t>(metric.value);
    }
  }
  return outcome;
}

}  // namespace

Outcome RunExchange(const v1::Exchange& exchange,
                    std::shared_ptr<const DynamicModules::Config> config,
                    std::shared_ptr<const DynamicModules::RouteConfig> route) {
  World world(exchange, std::move(config), std::move(route));
  return world.Run();
}

}  // namespace remora::filter_test
