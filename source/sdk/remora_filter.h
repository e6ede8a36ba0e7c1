#pragma once

// Filters that are loaded from a shared object, in C++: the contract of compiled-in filters
// (source/http/filter/filter.h) over remora_filter_abi.h. Header-only; needs C++20 and nothing
// else.
//
// clang-format off
//   struct KeyAuth {
//     static constexpr std::string_view kName = "key_auth";  // filter_name
//     struct Config {...};                                   // immutable, shared by threads
//     // Errors go to the context.
//     static std::optional<Config> Parse(const Value&, ConfigContext&);
//     struct RouteConfig {...};                              // optional, with ParseRoute
//     static std::optional<RouteConfig> ParseRoute(const Value&, ConfigContext&);
//     using Filter = KeyAuthFilter;  // an sdk::Filter, made from (const Config&, FilterContext&)
//   };
// clang-format on
//   REMORA_FILTER_MODULE(KeyAuth)       // or several; a configuration names one
//
// A filter has the hooks that it overrides; it is never called after OnComplete. Heads, fields and
// data are views of what the host has: valid until the hook returns or the same thing is changed.
// Calls and timers are members that cancel when they are destroyed. An exception that leaves a hook
// is logged, and the request answered with 500.
// Threads: Parse on the main thread, ParseRoute also on others; a filter on its stream's alone.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "remora_filter_abi.h"

// Hidden, so that no name of it keeps a module from being unloaded or meets that of another module.
namespace remora {
namespace sdk __attribute__((visibility("hidden"))) {

  enum class Answer : int32_t {
    kContinue = REMORA_CONTINUE,
    kHold = REMORA_HOLD,
    kPause = REMORA_PAUSE
  };
  enum class Framing : uint32_t {
    kNone = REMORA_NO_BODY,
    kLength = REMORA_LENGTH,
    kStreamed = REMORA_STREAMED,
    kTunnel = REMORA_TUNNEL
  };
  enum class LogLevel : uint32_t {
    kDebug = REMORA_LOG_DEBUG,
    kInfo = REMORA_LOG_INFO,
    kWarning = REMORA_LOG_WARNING,
    kError = REMORA_LOG_ERROR
  };

  namespace detail {

  // The host's table as far as this module knows it; what the host does not have is null.
  inline remora_host host{};

  // REMORA_NOT_NOW when the host does not have it.
  template <class... Parameters, class... Arguments>
  int32_t Ask(int32_t (*function)(Parameters...), Arguments... arguments) {
    return function == nullptr ? REMORA_NOT_NOW : function(arguments...);
  }

  inline remora_bytes Bytes(std::string_view text) { return {text.data(), text.size()}; }
  inline std::string_view Text(remora_bytes bytes) { return {bytes.data, bytes.size}; }

  }  // namespace detail

  // Whether the host can do that: "calls", "timers", "metrics", "metadata".
  inline bool HostHas(std::string_view capability) {
    return detail::host.has != nullptr && detail::host.has(detail::Bytes(capability)) == 1;
  }

  inline void Log(LogLevel level, std::string_view text) {
    const auto number = static_cast<uint32_t>(level);
    if (detail::Ask(detail::host.log_enabled, number) == 1) {
      detail::host.log(number, detail::Bytes(text));
    }
  }

  // The fields of a head, or trailers. Names are lower-case, always.
  class HeaderMap {
   public:
    HeaderMap(remora_stream stream, uint32_t map) : stream_(stream), map_(map) {}

    // The first value; nullopt when there is none.
    std::optional<std::string_view> Find(std::string_view name) const {
      remora_bytes value{};
      const int32_t result =
          detail::Ask(detail::host.header_get, stream_, map_, detail::Bytes(name), &value);
      if (result != REMORA_OK) return std::nullopt;
      return detail::Text(value);
    }
    std::string_view Get(std::string_view name) const { return Find(name).value_or(""); }
    bool Has(std::string_view name) const { return Find(name).has_value(); }
    // False, and nothing changed, when name or value cannot be sent.
    bool Add(std::string_view name, std::string_view value) {
      return detail::Ask(detail::host.header_add, stream_, map_, detail::Bytes(name),
                         detail::Bytes(value)) == REMORA_OK;
    }
    bool Set(std::string_view name, std::string_view value) {
      return detail::Ask(detail::host.header_set, stream_, map_, detail::Bytes(name),
                         detail::Bytes(value)) == REMORA_OK;
    }
    bool Remove(std::string_view name) {
      return detail::Ask(detail::host.header_remove, stream_, map_, detail::Bytes(name)) ==
             REMORA_OK;
    }
    // In order, as (name, value). `visit` must not change the map.
    template <class Visit>
    void ForEach(Visit&& visit) const {
      uint32_t cursor = 0;
      remora_field field{};
      while (detail::Ask(detail::host.header_next, stream_, map_, &cursor, &field) == REMORA_OK) {
        visit(detail::Text(field.name), detail::Text(field.value));
      }
    }

   private:
    remora_stream stream_;
    uint32_t map_;
  };

  namespace detail {

  // What both heads have.
  class Head {
   public:
    Head(remora_stream stream, uint32_t direction, uint32_t map)
        : headers(stream, map), stream_(stream), direction_(direction) {}

    HeaderMap headers;

    Framing framing() const { return ReadFraming().first; }
    // With Framing::kLength.
    uint64_t length() const { return ReadFraming().second; }
    bool SetFraming(Framing framing, uint64_t length = 0) {
      return Ask(host.set_framing, stream_, direction_, static_cast<uint32_t>(framing), length) ==
             REMORA_OK;
    }

   protected:
    remora_stream stream_;

   private:
    std::pair<Framing, uint64_t> ReadFraming() const {
      uint32_t framing = REMORA_NO_BODY;
      uint64_t length = 0;
      Ask(host.get_framing, stream_, direction_, &framing, &length);
      return {static_cast<Framing>(framing), length};
    }

    uint32_t direction_;
  };

  }  // namespace detail

  class RequestHead : public detail::Head {
   public:
    explicit RequestHead(remora_stream stream)
        : Head(stream, REMORA_REQUEST, REMORA_REQUEST_HEADERS) {}

    std::string_view method() const { return Part(REMORA_METHOD); }
    std::string_view scheme() const { return Part(REMORA_SCHEME); }
    std::string_view authority() const { return Part(REMORA_AUTHORITY); }
    std::string_view path() const { return Part(REMORA_PATH); }
    bool SetMethod(std::string_view value) { return SetPart(REMORA_METHOD, value); }
    bool SetAuthority(std::string_view value) { return SetPart(REMORA_AUTHORITY, value); }
    bool SetPath(std::string_view value) { return SetPart(REMORA_PATH, value); }

   private:
    std::string_view Part(uint32_t part) const {
      remora_bytes value{};
      detail::Ask(detail::host.get_part, stream_, part, &value);
      return detail::Text(value);
    }
    bool SetPart(uint32_t part, std::string_view value) {
      return detail::Ask(detail::host.set_part, stream_, part, detail::Bytes(value)) == REMORA_OK;
    }
  };

  class ResponseHead : public detail::Head {
   public:
    explicit ResponseHead(remora_stream stream)
        : Head(stream, REMORA_RESPONSE, REMORA_RESPONSE_HEADERS) {}

    uint32_t status() const {
      uint32_t status = 0;
      detail::Ask(detail::host.get_status, stream_, &status);
      return status;
    }
    bool SetStatus(uint32_t status) {
      return detail::Ask(detail::host.set_status, stream_, status) == REMORA_OK;
    }
  };

  // The piece of a body that a data hook is called for.
  class Buffer {
   public:
    explicit Buffer(remora_stream stream) : stream_(stream) {}

    size_t length() const {
      size_t size = 0;
      detail::Ask(detail::host.data_size, stream_, &size);
      return size;
    }
    bool empty() const { return length() == 0; }
    // As the pieces of memory in which it lies. `visit` must not change the buffer.
    template <class Visit>
    void ForEachPiece(Visit&& visit) const {
      constexpr size_t kAtOnce = 16;
      remora_bytes pieces[kAtOnce];
      size_t count = 0;
      for (size_t first = 0; detail::Ask(detail::host.data_pieces, stream_, first, pieces, kAtOnce,
                                         &count) == REMORA_OK &&
                             count > 0;
           first += count) {
        for (size_t i = 0; i < count; ++i) visit(detail::Text(pieces[i]));
      }
    }
    std::string ToString() const {
      std::string text;
      text.reserve(length());
      ForEachPiece([&](std::string_view piece) { text += piece; });
      return text;
    }
    void Drain(size_t size) { detail::Ask(detail::host.data_drain, stream_, size); }
    void Clear() { Drain(length()); }
    void Append(std::string_view bytes) {
      detail::Ask(detail::host.data_append, stream_, detail::Bytes(bytes));
    }

   private:
    remora_stream stream_;
  };

  // A value of a configuration: a view with the path to it. What is not there, or of another kind,
  // is nullopt.
  class Value {
   public:
    explicit Value(remora_config config, std::vector<std::string> path = {})
        : config_(config), path_(std::move(path)) {}

    Value operator[](std::string_view member) const {
      std::vector<std::string> path = path_;
      path.emplace_back(member);
      return Value(config_, std::move(path));
    }
    Value operator[](size_t index) const { return (*this)[std::to_string(index)]; }

    bool present() const { return Read().kind != REMORA_NULL; }
    std::optional<std::string> text() const {
      const remora_value value = Read();
      if (value.kind != REMORA_STRING) return std::nullopt;
      return std::string(detail::Text(value.text));
    }
    std::optional<double> number() const {
      const remora_value value = Read();
      if (value.kind != REMORA_NUMBER) return std::nullopt;
      return value.number;
    }
    std::optional<bool> boolean() const {
      const remora_value value = Read();
      if (value.kind != REMORA_BOOLEAN) return std::nullopt;
      return value.boolean != 0;
    }
    // Elements of a list, members of a struct.
    size_t size() const { return Read().count; }
    std::vector<std::string> members() const {
      std::vector<std::string> names;
      const std::vector<remora_bytes> path = Path();
      remora_bytes name{};
      while (detail::Ask(detail::host.config_member, config_, path.data(), path.size(),
                         names.size(), &name) == REMORA_OK) {
        names.emplace_back(detail::Text(name));
      }
      return names;
    }

   private:
    std::vector<remora_bytes> Path() const {
      std::vector<remora_bytes> path;
      for (const std::string& part : path_) path.push_back(detail::Bytes(part));
      return path;
    }
    remora_value Read() const {
      remora_value value{};
      value.size = sizeof(value);
      const std::vector<remora_bytes> path = Path();
      detail::Ask(detail::host.config_value, config_, path.data(), path.size(), &value);
      return value;
    }

    remora_config config_;
    std::vector<std::string> path_;
  };

  class FilterContext;

  // A number that only grows; http.<stat_prefix>.<name>. Made by ConfigContext, kept in a Config.
  class Counter {
   public:
    void Inc(const FilterContext& context) const { Add(context, 1); }
    void Add(const FilterContext& context, uint64_t n) const;

   private:
    friend class ConfigContext;
    uint32_t metric_ = UINT32_MAX;
  };

  class Gauge {
   public:
    void Add(const FilterContext& context, int64_t n) const;

   private:
    friend class ConfigContext;
    uint32_t metric_ = UINT32_MAX;
  };

  class Histogram {
   public:
    void Record(const FilterContext& context, uint64_t value) const;

   private:
    friend class ConfigContext;
    uint32_t metric_ = UINT32_MAX;
  };

  // What Parse and ParseRoute are given besides the value.
  class ConfigContext {
   public:
    explicit ConfigContext(remora_config config) : config_(config) {}

    // `field` is relative to the configuration: "keys[0]".
    void AddError(std::string_view field, std::string_view message) {
      detail::Ask(detail::host.config_error, config_, detail::Bytes(field), detail::Bytes(message));
    }
    // An error for every other member of `value`: misspelt ones are not passed over.
    void AllowOnly(const Value& value, std::initializer_list<std::string_view> names) {
      for (const std::string& member : value.members()) {
        if (std::find(names.begin(), names.end(), member) == names.end()) {
          AddError(member, "there is no such field");
        }
      }
    }
    // In Parse, not in ParseRoute.
    Counter MakeCounter(std::string_view name) { return Make<Counter>(REMORA_COUNTER, name); }
    Gauge MakeGauge(std::string_view name) { return Make<Gauge>(REMORA_GAUGE, name); }
    Histogram MakeHistogram(std::string_view name) {
      return Make<Histogram>(REMORA_HISTOGRAM, name);
    }

   private:
    template <class Metric>
    Metric Make(uint32_t kind, std::string_view name) {
      Metric metric;
      detail::Ask(detail::host.define_metric, config_, kind, detail::Bytes(name), &metric.metric_);
      return metric;
    }

    remora_config config_;
  };

  using Fields = std::vector<std::pair<std::string, std::string>>;

  // An answer in the upstream's place.
  struct LocalReply {
    uint32_t status = 503;
    std::string body = {};
    std::string details = {};  // %RESPONSE_CODE_DETAILS%
    std::optional<uint32_t> grpc_status = std::nullopt;
    Fields fields = {};
  };

  namespace detail {

  inline std::vector<remora_field> ToFields(const Fields& fields) {
    std::vector<remora_field> views;
    views.reserve(fields.size());
    for (const auto& [name, value] : fields) views.push_back({Bytes(name), Bytes(value)});
    return views;
  }

  // What the host calls back for, by the number that it gave: a link in a list of its context.
  class Awaited {
   public:
    explicit Awaited(Awaited*& first) : first_(first), next_(first) { first = this; }
    ~Awaited() {
      Awaited** place = &first_;
      while (*place != this) place = &(*place)->next_;
      *place = next_;
    }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;

    bool running() const { return number_ != 0; }
    static Awaited* Find(Awaited* first, uint64_t number) {
      while (first != nullptr && first->number_ != number) first = first->next_;
      return first;
    }

   protected:
    uint64_t number_ = 0;  // 0: nothing is to come

   private:
    Awaited*& first_;
    Awaited* next_;
  };

  }  // namespace detail

  class AsyncCall;
  class Timer;

  // Everything that a filter may ask of its stream and do to it.
  class FilterContext {
   public:
    FilterContext(remora_stream stream, const void* entry) : stream_(stream), entry_(entry) {}
    FilterContext(const FilterContext&) = delete;
    FilterContext& operator=(const FilterContext&) = delete;

    void ResumeRequest() { detail::Ask(detail::host.resume, stream_, uint32_t{REMORA_REQUEST}); }
    void ResumeResponse() { detail::Ask(detail::host.resume, stream_, uint32_t{REMORA_RESPONSE}); }
    void SendLocalReply(const LocalReply& reply) {
      const std::vector<remora_field> fields = detail::ToFields(reply.fields);
      remora_reply value{};
      value.size = sizeof(value);
      value.status = reply.status;
      value.grpc_status = reply.grpc_status ? static_cast<int32_t>(*reply.grpc_status) : -1;
      value.body = detail::Bytes(reply.body);
      value.details = detail::Bytes(reply.details);
      value.fields = fields.data();
      value.field_count = fields.size();
      detail::Ask(detail::host.local_reply, stream_, static_cast<const remora_reply*>(&value));
    }
    void AddRequestData(std::string_view bytes) { AddData(REMORA_REQUEST, bytes); }
    void AddResponseData(std::string_view bytes) { AddData(REMORA_RESPONSE, bytes); }
    void ResetStream() { detail::Ask(detail::host.reset, stream_); }
    void SetRequestBufferLimit(uint64_t bytes) { SetBufferLimit(REMORA_REQUEST, bytes); }
    void SetResponseBufferLimit(uint64_t bytes) { SetBufferLimit(REMORA_RESPONSE, bytes); }
    void Reroute() { detail::Ask(detail::host.reroute, stream_); }
    bool saw_request() const { return detail::Ask(detail::host.saw_request, stream_) == 1; }

    // What Parse made of the route's configuration of this filter; null: there is none.
    template <class T>
    const T* RouteConfig() const;

    RequestHead request_head() const { return RequestHead(stream_); }

    // Dynamic metadata.
    std::optional<std::string> MetadataText(std::string_view name_space,
                                            std::string_view key) const {
      const remora_value value = ReadMetadata(name_space, key);
      if (value.kind != REMORA_STRING) return std::nullopt;
      return std::string(detail::Text(value.text));
    }
    std::optional<double> MetadataNumber(std::string_view name_space, std::string_view key) const {
      const remora_value value = ReadMetadata(name_space, key);
      if (value.kind != REMORA_NUMBER) return std::nullopt;
      return value.number;
    }
    void SetMetadata(std::string_view name_space, std::string_view key, std::string_view text) {
      remora_value value{};
      value.kind = REMORA_STRING;
      value.text = detail::Bytes(text);
      WriteMetadata(name_space, key, value);
    }
    void SetMetadata(std::string_view name_space, std::string_view key, double number) {
      remora_value value{};
      value.kind = REMORA_NUMBER;
      value.number = number;
      WriteMetadata(name_space, key, value);
    }

    remora_stream stream() const { return stream_; }

   private:
    friend class AsyncCall;
    friend class Timer;
    template <class... Extensions>
    friend class ModuleTable;

    void AddData(uint32_t direction, std::string_view bytes) {
      detail::Ask(detail::host.add_data, stream_, direction, detail::Bytes(bytes));
    }
    void SetBufferLimit(uint32_t direction, uint64_t bytes) {
      detail::Ask(detail::host.set_buffer_limit, stream_, direction, bytes);
    }
    remora_value ReadMetadata(std::string_view name_space, std::string_view key) const {
      const remora_bytes path = detail::Bytes(key);
      remora_value value{};
      value.size = sizeof(value);
      detail::Ask(detail::host.metadata_get, stream_, detail::Bytes(name_space), &path, size_t{1},
                  &value);
      return value;
    }
    void WriteMetadata(std::string_view name_space, std::string_view key, remora_value& value) {
      value.size = sizeof(value);
      detail::Ask(detail::host.metadata_set, stream_, detail::Bytes(name_space), detail::Bytes(key),
                  static_cast<const remora_value*>(&value));
    }

    remora_stream stream_;
    const void* entry_;  // whose configuration is whose
    detail::Awaited* calls_ = nullptr;
    detail::Awaited* timers_ = nullptr;
  };

  inline void Counter::Add(const FilterContext& context, uint64_t n) const {
    detail::Ask(detail::host.counter_add, context.stream(), metric_, n);
  }
  inline void Gauge::Add(const FilterContext& context, int64_t n) const {
    detail::Ask(detail::host.gauge_add, context.stream(), metric_, n);
  }
  inline void Histogram::Record(const FilterContext& context, uint64_t value) const {
    detail::Ask(detail::host.histogram_record, context.stream(), metric_, value);
  }

  // A request of the filter to a cluster: a member of the filter, which cancels when it is
  // destroyed.
  class AsyncCall : public detail::Awaited {
   public:
    struct Request {
      std::string cluster;
      std::string path;
      std::string method = {};     // empty: GET
      std::string authority = {};  // empty: the cluster's name
      Fields fields = {};
      std::string body = {};
      std::chrono::milliseconds timeout{1000};
      uint64_t max_body = 65536;  // bytes of the answer
    };
    enum class Outcome : uint32_t {
      kAnswered = REMORA_CALL_ANSWERED,
      kFailed = REMORA_CALL_FAILED,
      kTimedOut = REMORA_CALL_TIMED_OUT,
      kTooLarge = REMORA_CALL_TOO_LARGE
    };
    // Views, valid during Done.
    struct Response {
      Outcome outcome = Outcome::kFailed;
      uint32_t status = 0;
      std::vector<std::pair<std::string_view, std::string_view>> fields;
      std::string_view body;
    };
    using Done = std::function<void(const Response&)>;

    explicit AsyncCall(FilterContext& context) : Awaited(context.calls_), context_(context) {}
    ~AsyncCall() { Cancel(); }

    // `done` is called once, never from within. False, and it is not: there is no such cluster, or
    // the call is under way already.
    bool Start(const Request& request, Done done) {
      if (running()) return false;
      const std::vector<remora_field> fields = detail::ToFields(request.fields);
      remora_call_request value{};
      value.size = sizeof(value);
      value.cluster = detail::Bytes(request.cluster);
      value.method = detail::Bytes(request.method);
      value.authority = detail::Bytes(request.authority);
      value.path = detail::Bytes(request.path);
      value.fields = fields.data();
      value.field_count = fields.size();
      value.body = detail::Bytes(request.body);
      value.timeout_milliseconds = static_cast<uint64_t>(request.timeout.count());
      value.max_body_bytes = request.max_body;
      if (detail::Ask(detail::host.call_start, context_.stream(),
                      static_cast<const remora_call_request*>(&value), &number_) != REMORA_OK) {
        number_ = 0;
        return false;
      }
      done_ = std::move(done);
      return true;
    }
    void Cancel() {
      if (running()) detail::Ask(detail::host.call_cancel, context_.stream(), number_);
      number_ = 0;
    }

   private:
    template <class... Extensions>
    friend class ModuleTable;

    void Finish(const remora_call_result& result) {
      Response response;
      response.outcome = static_cast<Outcome>(result.outcome);
      response.status = result.status;
      for (size_t i = 0; i < result.field_count; ++i) {
        response.fields.emplace_back(detail::Text(result.fields[i].name),
                                     detail::Text(result.fields[i].value));
      }
      response.body = detail::Text(result.body);
      number_ = 0;
      std::exchange(done_, nullptr)(response);
    }

    FilterContext& context_;
    Done done_;
  };

  // A timer of the filter: a member of it, which cancels when it is destroyed.
  class Timer : public detail::Awaited {
   public:
    explicit Timer(FilterContext& context) : Awaited(context.timers_), context_(context) {}
    ~Timer() { Cancel(); }

    // Calls `due` once, in the place of what was to come. False: the host cannot.
    bool Start(std::chrono::milliseconds after, std::function<void()> due) {
      Cancel();
      if (detail::Ask(detail::host.timer_start, context_.stream(),
                      static_cast<uint64_t>(after.count()), &number_) != REMORA_OK) {
        number_ = 0;
        return false;
      }
      due_ = std::move(due);
      return true;
    }
    void Cancel() {
      if (running()) detail::Ask(detail::host.timer_cancel, context_.stream(), number_);
      number_ = 0;
    }

   private:
    template <class... Extensions>
    friend class ModuleTable;

    void Fire() {
      number_ = 0;
      std::exchange(due_, nullptr)();
    }

    FilterContext& context_;
    std::function<void()> due_;
  };

  // One filter in one stream.
  class Filter {
   public:
    virtual ~Filter() = default;
    virtual Answer OnRequestHead(RequestHead&) { return Answer::kContinue; }
    virtual Answer OnRequestData(Buffer&) { return Answer::kContinue; }
    virtual Answer OnRequestEnd(HeaderMap* /*trailers*/) { return Answer::kContinue; }
    virtual Answer OnResponseHead(ResponseHead&) { return Answer::kContinue; }
    virtual Answer OnResponseData(Buffer&) { return Answer::kContinue; }
    virtual Answer OnResponseEnd(HeaderMap* /*trailers*/) { return Answer::kContinue; }
    virtual void OnComplete() {}
  };

  namespace detail {

  // Hooks that a class overrides: the address of one that it inherits is that of a member of
  // Filter.
  template <class F>
  constexpr uint32_t HooksOf() {
    uint32_t hooks = 0;
    const auto add = [&]<class Mine, class Inherited>(Mine, Inherited, uint32_t bit) {
      if (!std::is_same_v<Mine, Inherited>) hooks |= bit;
    };
    add(&F::OnRequestHead, &Filter::OnRequestHead, REMORA_ON_REQUEST_HEAD);
    add(&F::OnRequestData, &Filter::OnRequestData, REMORA_ON_REQUEST_DATA);
    add(&F::OnRequestEnd, &Filter::OnRequestEnd, REMORA_ON_REQUEST_END);
    add(&F::OnResponseHead, &Filter::OnResponseHead, REMORA_ON_RESPONSE_HEAD);
    add(&F::OnResponseData, &Filter::OnResponseData, REMORA_ON_RESPONSE_DATA);
    add(&F::OnResponseEnd, &Filter::OnResponseEnd, REMORA_ON_RESPONSE_END);
    return hooks;
  }

  // One extension behind function pointers.
  struct Entry {
    std::string_view name;
    uint32_t hooks;
    size_t filter_size;
    void* (*parse)(const Value& value, ConfigContext& context);
    void (*destroy)(void* config);
    void* (*parse_route)(const Value& value, ConfigContext& context);  // null: no route has one
    void (*destroy_route)(void* config);
    Filter* (*create)(const void* config, FilterContext& context, void* memory);
  };

  template <class T, class Parsed>
  void* Keep(std::optional<Parsed> parsed) {
    return parsed.has_value() ? new T(std::move(*parsed)) : nullptr;
  }

  template <class E>
  constexpr Entry EntryOf() {
    Entry entry{};
    entry.name = E::kName;
    entry.hooks = HooksOf<typename E::Filter>();
    entry.filter_size = sizeof(typename E::Filter);
    static_assert(alignof(typename E::Filter) <= 16);
    entry.parse = [](const Value& value, ConfigContext& context) {
      return Keep<typename E::Config>(E::Parse(value, context));
    };
    entry.destroy = [](void* config) { delete static_cast<typename E::Config*>(config); };
    if constexpr (requires { typename E::RouteConfig; }) {
      entry.parse_route = [](const Value& value, ConfigContext& context) {
        return Keep<typename E::RouteConfig>(E::ParseRoute(value, context));
      };
      entry.destroy_route = [](void* config) {
        delete static_cast<typename E::RouteConfig*>(config);
      };
    }
    entry.create = [](const void* config, FilterContext& context, void* memory) -> Filter* {
      return new (memory)
          typename E::Filter(*static_cast<const typename E::Config*>(config), context);
    };
    return entry;
  }

  // What the host holds for a configuration.
  struct Configured {
    const Entry* entry;
    void* value;
  };

  // What the host holds for a filter: the filter itself stands behind it.
  struct Live {
    Live(remora_stream stream, const Entry* entry) : context(stream, entry) {}
    FilterContext context;
    Filter* filter = nullptr;
  };
  constexpr size_t kLiveSize = (sizeof(Live) + 15) / 16 * 16;

  }  // namespace detail

  template <class T>
  const T* FilterContext::RouteConfig() const {
    if (detail::host.route_config == nullptr) return nullptr;
    const auto* const route =
        static_cast<const detail::Configured*>(detail::host.route_config(stream_));
    return route == nullptr || route->entry != entry_ ? nullptr
                                                      : static_cast<const T*>(route->value);
  }

  // The table that a module gives to the host.
  template <class... Extensions>
  class ModuleTable {
   public:
    static const remora_module* Init(const remora_host* host) {
      std::memcpy(&detail::host, host, std::min(host->size, sizeof(detail::host)));
      return &kTable;
    }

   private:
    using Configured = detail::Configured;
    using Live = detail::Live;

    static constexpr detail::Entry kEntries[] = {detail::EntryOf<Extensions>()...};

    // Carries out `body`; an exception is given to `failed` as a text.
    template <class Body, class Failed>
    static auto Guard(const Body& body, const Failed& failed) -> decltype(body()) {
#ifdef __cpp_exceptions
      try {
        return body();
      } catch (const std::exception& exception) {
        return failed(std::string_view(exception.what()));
      } catch (...) {
        return failed(std::string_view("an exception"));
      }
#else
      return body();
#endif
    }

    static const detail::Entry* Find(std::string_view name, ConfigContext& context) {
      if (name.empty() && std::size(kEntries) == 1) return kEntries;
      for (const detail::Entry& entry : kEntries) {
        if (entry.name == name) return &entry;
      }
      std::string known;
      for (const detail::Entry& entry : kEntries) {
        known += known.empty() ? "" : ", ";
        known += entry.name;
      }
      context.AddError("", "the module has no filter '" + std::string(name) + "'; it has " + known);
      return nullptr;
    }

    template <auto kParse>
    static void* Create(remora_config config, remora_bytes name) {
      ConfigContext context(config);
      const detail::Entry* const entry = Find(detail::Text(name), context);
      if (entry == nullptr) return nullptr;
      if (entry->*kParse == nullptr) {
        context.AddError("", "the filter has no per-route configuration");
        return nullptr;
      }
      void* const value = Guard([&] { return (entry->*kParse)(Value(config), context); },
                                [&](std::string_view what) -> void* {
                                  context.AddError("", what);
                                  return nullptr;
                                });
      return value == nullptr ? nullptr : new Configured{entry, value};
    }

    template <auto kDestroy>
    static void Destroy(void* config) {
      auto* const configured = static_cast<Configured*>(config);
      (configured->entry->*kDestroy)(configured->value);
      delete configured;
    }

    static uint32_t HooksOf(const void* config) {
      return static_cast<const Configured*>(config)->entry->hooks;
    }

    static size_t FilterSize(const void* config) {
      return detail::kLiveSize + static_cast<const Configured*>(config)->entry->filter_size;
    }

    static void* CreateFilter(const void* config, remora_stream stream, void* memory) {
      const auto* const configured = static_cast<const Configured*>(config);
      Live* const live = new (memory) Live(stream, configured->entry);
      live->filter = Guard(
          [&] {
            return configured->entry->create(configured->value, live->context,
                                             static_cast<char*>(memory) + detail::kLiveSize);
          },
          [](std::string_view what) -> Filter* {
            Log(LogLevel::kError, what);
            return nullptr;
          });
      if (live->filter != nullptr) return live;
      live->~Live();
      return nullptr;
    }

    static void DestroyFilter(void* filter) {
      auto* const live = static_cast<Live*>(filter);
      live->filter->~Filter();
      live->~Live();
    }

    // A hook as the host calls it.
    template <class Body>
    static Answer Hook(void* filter, const Body& body) {
      auto* const live = static_cast<Live*>(filter);
      return Guard([&] { return body(*live->filter); },
                   [&](std::string_view what) {
                     Log(LogLevel::kError, what);
                     live->context.SendLocalReply({500, "", "module_exception"});
                     return Answer::kContinue;
                   });
    }

    static int32_t OnRequestHead(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        RequestHead head(stream);
        return hooks.OnRequestHead(head);
      }));
    }
    static int32_t OnRequestData(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        Buffer data(stream);
        return hooks.OnRequestData(data);
      }));
    }
    static int32_t OnRequestEnd(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        HeaderMap trailers(stream, REMORA_REQUEST_TRAILERS);
        return hooks.OnRequestEnd(HasTrailers(stream, REMORA_REQUEST_TRAILERS) ? &trailers
                                                                               : nullptr);
      }));
    }
    static int32_t OnResponseHead(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        ResponseHead head(stream);
        return hooks.OnResponseHead(head);
      }));
    }
    static int32_t OnResponseData(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        Buffer data(stream);
        return hooks.OnResponseData(data);
      }));
    }
    static int32_t OnResponseEnd(void* filter, remora_stream stream) {
      return static_cast<int32_t>(Hook(filter, [&](Filter& hooks) {
        HeaderMap trailers(stream, REMORA_RESPONSE_TRAILERS);
        return hooks.OnResponseEnd(HasTrailers(stream, REMORA_RESPONSE_TRAILERS) ? &trailers
                                                                                 : nullptr);
      }));
    }
    static bool HasTrailers(remora_stream stream, uint32_t map) {
      remora_bytes value{};
      return detail::Ask(detail::host.header_get, stream, map, remora_bytes{}, &value) !=
             REMORA_NOT_NOW;
    }

    static void OnComplete(void* filter, remora_stream) {
      Hook(filter, [](Filter& hooks) {
        hooks.OnComplete();
        return Answer::kContinue;
      });
    }
    static void OnCallDone(void* filter, remora_stream, remora_call call,
                           const remora_call_result* result) {
      Hook(filter, [&](Filter&) {
        auto* const found = detail::Awaited::Find(static_cast<Live*>(filter)->context.calls_, call);
        if (found != nullptr) static_cast<AsyncCall*>(found)->Finish(*result);
        return Answer::kContinue;
      });
    }
    static void OnTimer(void* filter, remora_stream, remora_timer timer) {
      Hook(filter, [&](Filter&) {
        auto* const found =
            detail::Awaited::Find(static_cast<Live*>(filter)->context.timers_, timer);
        if (found != nullptr) static_cast<Timer*>(found)->Fire();
        return Answer::kContinue;
      });
    }

    static constexpr remora_module kTable = {
        .size = sizeof(remora_module),
        .abi_version = 1,
        .reserved = 0,
        .create_config = &Create<&detail::Entry::parse>,
        .destroy_config = &Destroy<&detail::Entry::destroy>,
        .hooks = &HooksOf,
        .filter_size = &FilterSize,
        .create_route_config = &Create<&detail::Entry::parse_route>,
        .destroy_route_config = &Destroy<&detail::Entry::destroy_route>,
        .create_filter = &CreateFilter,
        .destroy_filter = &DestroyFilter,
        .on_request_head = &OnRequestHead,
        .on_request_data = &OnRequestData,
        .on_request_end = &OnRequestEnd,
        .on_response_head = &OnResponseHead,
        .on_response_data = &OnResponseData,
        .on_response_end = &OnResponseEnd,
        .on_complete = &OnComplete,
        .on_call_done = &OnCallDone,
        .on_timer = &OnTimer,
    };
  };

}  // namespace sdk
}  // namespace remora

// Makes the shared object a module with these filters.
#define REMORA_FILTER_MODULE(...)                                                              \
  extern "C" const remora_module* remora_filter_init(const remora_host* host, remora_config) { \
    return ::remora::sdk::ModuleTable<__VA_ARGS__>::Init(host);                                \
  }
