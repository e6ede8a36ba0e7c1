// A module that does what it must not; `mode` of its configuration says what. It answers each
// request with the results of what it has tried, in the order in which it did.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "remora_filter_abi.h"

namespace {

const remora_host* host = nullptr;
remora_stream ended = 0;     // a stream that is over
remora_config finished = 0;  // a configuration that has been read
int filters = 0;

struct Config {
  std::string mode;
};

remora_bytes Bytes(std::string_view text) { return {text.data(), text.size()}; }
remora_bytes Huge() { return {"x", SIZE_MAX / 2}; }
remora_bytes Null() { return {nullptr, 5}; }

void* CreateConfig(remora_config config, remora_bytes) {
  remora_value value{};
  value.size = sizeof(value);
  const remora_bytes path = Bytes("mode");
  host->config_value(config, &path, 1, &value);
  finished = config;
  const std::string mode(value.text.data == nullptr ? "" : value.text.data, value.text.size);
  if (mode == "says_nothing") return nullptr;
  uint32_t metric = 0;
  if (mode == "wrong_metric") host->define_metric(config, REMORA_COUNTER, Bytes("a b"), &metric);
  return new Config{mode};
}
void DestroyConfig(void* config) { delete static_cast<Config*>(config); }
uint32_t Hooks(const void* config) {
  const std::string& mode = static_cast<const Config*>(config)->mode;
  return mode == "wrong_hooks" ? 1 << 20 : mode == "no_hook" ? REMORA_ALL_HOOKS : 1;
}
void* CreateFilter(const void* config, remora_stream, void*) {
  if (static_cast<const Config*>(config)->mode == "no_filter") return nullptr;
  ++filters;
  return const_cast<void*>(config);
}
void DestroyFilter(void*) { --filters; }

class Results {
 public:
  void Add(int32_t result) { text_ += static_cast<char>('0' + result); }
  void Reply(remora_stream stream) {
    remora_reply reply{};
    reply.size = sizeof(reply);
    reply.status = 200;
    reply.grpc_status = -1;
    reply.body = Bytes(text_);
    host->local_reply(stream, &reply);
  }

 private:
  std::string text_;
};

// What a handle of nothing may be asked.
void TryHandle(remora_stream stream, Results& results) {
  remora_bytes value{};
  size_t size = 0;
  results.Add(host->header_get(stream, REMORA_REQUEST_HEADERS, Bytes("a"), &value));
  results.Add(host->header_set(stream, REMORA_REQUEST_HEADERS, Bytes("a"), Bytes("b")));
  results.Add(host->data_size(stream, &size));
  results.Add(host->resume(stream, REMORA_REQUEST));
  results.Add(host->reset(stream));
  results.Add(host->route_config(stream) == nullptr ? 3 : 0);
}

void TrySizes(remora_stream stream, Results& results) {
  remora_bytes value{};
  results.Add(host->header_set(stream, REMORA_REQUEST_HEADERS, Huge(), Bytes("b")));
  results.Add(host->header_set(stream, REMORA_REQUEST_HEADERS, Bytes("a"), Huge()));
  results.Add(host->header_add(stream, REMORA_REQUEST_HEADERS, Bytes("a"), Null()));
  results.Add(host->header_add(stream, REMORA_REQUEST_HEADERS, Bytes("a b"), Bytes("c")));
  results.Add(host->header_add(stream, REMORA_REQUEST_HEADERS, Bytes("a"), Bytes("c\r\nd: e")));
  results.Add(host->header_get(stream, 77, Bytes("a"), &value));
  results.Add(host->header_get(stream, REMORA_REQUEST_HEADERS, Bytes("a"), nullptr));
  results.Add(host->set_part(stream, REMORA_PATH, Bytes("no path")));
  results.Add(host->set_part(stream, REMORA_METHOD, Bytes("CONNECT")));
  results.Add(host->set_part(stream, 9, Bytes("x")));
  results.Add(host->set_framing(stream, REMORA_REQUEST, REMORA_TUNNEL, 0));
  results.Add(host->add_data(stream, REMORA_REQUEST, Huge()));
  results.Add(host->data_append(stream, Huge()));
  results.Add(host->counter_add(stream, UINT32_MAX, 1));
  results.Add(host->timer_start(stream, UINT64_MAX, nullptr));
  results.Add(host->timer_cancel(stream, 12345));
  results.Add(host->call_cancel(stream, 0));
  remora_call call = 0;
  remora_call_request request{};
  request.size = sizeof(request);
  request.cluster = Bytes("up");
  request.path = Bytes("no path");
  results.Add(host->call_start(stream, &request, &call));
  request.path = Bytes("/");
  request.field_count = SIZE_MAX;
  results.Add(host->call_start(stream, &request, &call));
  const remora_field length = {Bytes("content-length"), Bytes("7")};
  request.fields = &length;
  request.field_count = 1;
  results.Add(host->call_start(stream, &request, &call));
  remora_reply reply{};
  reply.size = sizeof(reply);
  reply.status = 99;
  results.Add(host->local_reply(stream, &reply));
  results.Add(host->local_reply(stream, nullptr));
  remora_value metadata{};
  metadata.size = sizeof(metadata);
  metadata.kind = REMORA_LIST;
  results.Add(host->metadata_set(stream, Bytes("n"), Bytes("k"), &metadata));
}

// As many as there may be, and one more.
void TryMany(remora_stream stream, Results& results) {
  remora_timer timer = 0;
  for (int i = 0; i < 17; ++i) results.Add(host->timer_start(stream, 1000, &timer));
}

int32_t OnRequestHead(void* filter, remora_stream stream) {
  const std::string& mode = static_cast<Config*>(filter)->mode;
  Results results;
  if (mode == "wrong_answer") return 7;
  if (mode == "ended") {
    TryHandle(ended, results);
  } else if (mode == "made_up") {
    TryHandle(stream ^ 1, results);
    TryHandle(stream + (uint64_t{1} << 32), results);
    TryHandle(UINT64_MAX, results);
    TryHandle(0, results);
  } else if (mode == "config") {
    remora_value value{};
    value.size = sizeof(value);
    results.Add(host->config_value(finished, nullptr, 0, &value));
    results.Add(host->config_error(finished, Bytes("a"), Bytes("b")));
    results.Add(host->config_value(stream, nullptr, 0, &value));
  } else if (mode == "thread") {
    std::thread([&] { TryHandle(stream, results); }).join();
  } else if (mode == "sizes") {
    TrySizes(stream, results);
  } else if (mode == "many") {
    TryMany(stream, results);
  } else if (mode == "lives") {
    results.Add(filters);
  }
  results.Reply(stream);
  return REMORA_CONTINUE;
}

void OnComplete(void*, remora_stream stream) { ended = stream; }

constexpr remora_module kModule = {.size = sizeof(remora_module),
                                   .abi_version = 1,
                                   .reserved = 0,
                                   .create_config = &CreateConfig,
                                   .destroy_config = &DestroyConfig,
                                   .hooks = &Hooks,
                                   .filter_size = nullptr,
                                   .create_route_config = nullptr,
                                   .destroy_route_config = nullptr,
                                   .create_filter = &CreateFilter,
                                   .destroy_filter = &DestroyFilter,
                                   .on_request_head = &OnRequestHead,
                                   .on_request_data = nullptr,
                                   .on_request_end = nullptr,
                                   .on_response_head = nullptr,
                                   .on_response_data = nullptr,
                                   .on_response_end = nullptr,
                                   .on_complete = &OnComplete,
                                   .on_call_done = nullptr,
                                   .on_timer = nullptr};

}  // namespace

extern "C" const remora_module* remora_filter_init(const remora_host* given, remora_config) {
  host = given;
  return &kModule;
}
