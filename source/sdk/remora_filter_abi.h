#pragma once

// The interface between Remora and a filter that is loaded from a shared object, in C.
//
// A module exports one function, remora_filter_init. It gets the host's table of functions and
// gives back its own. Everything else goes through the two tables. C++ modules take
// remora_filter.h, which is this interface with the names of compiled-in filters; this header needs
// nothing but C.
//
// How it grows: tables and structs begin with their size, and members are only ever added at the
// end. Each side fills in the size that it was compiled with, and takes what lies beyond the
// other's size for null or 0. So a module that was made for version 1 works with every later host,
// and one that looks at the size (REMORA_HAS) or asks has() works with an earlier one. remora_bytes
// and remora_field are elements of arrays: they never change.
//
// Threads: configurations are made on the main thread, and route configurations also on workers;
// everything of a stream happens on its worker, which calls one hook at a time. No function of the
// host calls a hook.
//
// Handles are numbers that the host checks: one of a stream that has ended, of another thread or of
// nothing is refused with REMORA_GONE and counted. What the host points at is valid until the hook
// that asked returns, and not beyond the next change of the same head or body. What the module
// points at is only read during the call, and never beyond the size that it says.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// NOLINTBEGIN(readability-identifier-naming): the names are C's.

#define REMORA_FILTER_ABI_VERSION 1

// Whether the table that `pointer` points at reaches to `member`.
#define REMORA_HAS(type, pointer, member) \
  ((pointer)->size >= offsetof(type, member) + sizeof((pointer)->member))

typedef uint64_t remora_stream;  // one filter in one stream; until on_complete has returned
typedef uint64_t remora_config;  // a configuration while it is read
typedef uint64_t remora_call;    // of one stream; 0 is none
typedef uint64_t remora_timer;   // of one stream; 0 is none

typedef struct remora_bytes {
  const char* data;
  size_t size;
} remora_bytes;

typedef struct remora_field {
  remora_bytes name;  // lower-case
  remora_bytes value;
} remora_field;

// What functions of the host give back.
enum remora_result {
  REMORA_OK = 0,
  REMORA_ABSENT = 1,   // there is no such field, value, cluster
  REMORA_INVALID = 2,  // an argument is wrong; counted
  REMORA_GONE = 3,     // the handle is of nothing; counted
  REMORA_NOT_NOW = 4   // the head is not here yet, the body is not in this hook
};

// What hooks answer.
enum remora_answer {
  REMORA_CONTINUE = 0,  // pass this on; what was held goes first
  REMORA_HOLD = 1,      // keep it, and go on calling
  REMORA_PAUSE = 2      // keep it, and call nothing in this direction until resume()
};

// Hooks that a filter has; the others are not called.
enum remora_hook {
  REMORA_ON_REQUEST_HEAD = 1,
  REMORA_ON_REQUEST_DATA = 2,
  REMORA_ON_REQUEST_END = 4,
  REMORA_ON_RESPONSE_HEAD = 8,
  REMORA_ON_RESPONSE_DATA = 16,
  REMORA_ON_RESPONSE_END = 32,
  REMORA_ALL_HOOKS = 63
};

enum remora_direction { REMORA_REQUEST = 0, REMORA_RESPONSE = 1 };

enum remora_map {
  REMORA_REQUEST_HEADERS = 0,
  REMORA_REQUEST_TRAILERS = 1,
  REMORA_RESPONSE_HEADERS = 2,
  REMORA_RESPONSE_TRAILERS = 3
};

// What every request has besides its fields.
enum remora_part { REMORA_METHOD = 0, REMORA_SCHEME = 1, REMORA_AUTHORITY = 2, REMORA_PATH = 3 };

enum remora_framing {
  REMORA_NO_BODY = 0,
  REMORA_LENGTH = 1,    // a body of a length that is known
  REMORA_STREAMED = 2,  // a body of any length
  REMORA_TUNNEL = 3     // no HTTP any more; cannot be set
};

enum remora_log_level {
  REMORA_LOG_DEBUG = 0,
  REMORA_LOG_INFO = 1,
  REMORA_LOG_WARNING = 2,
  REMORA_LOG_ERROR = 3
};

enum remora_metric_kind { REMORA_COUNTER = 0, REMORA_GAUGE = 1, REMORA_HISTOGRAM = 2 };

enum remora_value_kind {
  REMORA_NULL = 0,
  REMORA_BOOLEAN = 1,
  REMORA_NUMBER = 2,
  REMORA_STRING = 3,
  REMORA_LIST = 4,
  REMORA_STRUCT = 5
};

// A value of a configuration or of metadata. `size` is set by the module.
typedef struct remora_value {
  size_t size;
  uint32_t kind;
  uint32_t boolean;
  double number;
  remora_bytes text;
  size_t count;  // of a list's elements, of a struct's members
} remora_value;

// An answer in the upstream's place.
typedef struct remora_reply {
  size_t size;
  uint32_t status;      // 200 to 599
  int32_t grpc_status;  // below 0: made of `status`
  remora_bytes body;
  remora_bytes details;  // %RESPONSE_CODE_DETAILS%
  const remora_field* fields;
  size_t field_count;
} remora_reply;

// A request to a cluster.
typedef struct remora_call_request {
  size_t size;
  remora_bytes cluster;
  remora_bytes method;     // empty: GET
  remora_bytes authority;  // empty: the cluster's name
  remora_bytes path;
  const remora_field* fields;
  size_t field_count;
  remora_bytes body;
  uint64_t timeout_milliseconds;  // 0: 1000
  uint64_t max_body_bytes;        // of the answer; 0: 65536
} remora_call_request;

enum remora_call_outcome {
  REMORA_CALL_ANSWERED = 0,
  REMORA_CALL_FAILED = 1,  // no connection, a reset
  REMORA_CALL_TIMED_OUT = 2,
  REMORA_CALL_TOO_LARGE = 3
};

typedef struct remora_call_result {
  size_t size;
  uint32_t outcome;
  uint32_t status;
  const remora_field* fields;
  size_t field_count;
  remora_bytes body;
} remora_call_result;

// What the host can do for the module. Valid as long as the module is loaded.
typedef struct remora_host {
  size_t size;
  uint32_t abi_version;
  uint32_t reserved;

  // 1 if the host can do that: "calls", "timers", "metrics", "metadata".
  int32_t (*has)(remora_bytes capability);
  int32_t (*log_enabled)(uint32_t level);
  void (*log)(uint32_t level, remora_bytes text);

  // Configurations: only during remora_filter_init, create_config and create_route_config.
  // A path names members, and elements of lists by their number; of depth 0 it is the whole.
  int32_t (*config_value)(remora_config config, const remora_bytes* path, size_t depth,
                          remora_value* value);
  int32_t (*config_member)(remora_config config, const remora_bytes* path, size_t depth,
                           size_t index, remora_bytes* name);
  int32_t (*config_error)(remora_config config, remora_bytes field, remora_bytes message);
  // The same name is the same metric: http.<stat_prefix>.<name>. Only during create_config.
  int32_t (*define_metric)(remora_config config, uint32_t kind, remora_bytes name,
                           uint32_t* metric);

  // Heads and trailers: from their hook on, until on_complete; the request's can be read before.
  int32_t (*get_part)(remora_stream stream, uint32_t part, remora_bytes* value);
  int32_t (*set_part)(remora_stream stream, uint32_t part, remora_bytes value);
  int32_t (*get_status)(remora_stream stream, uint32_t* status);
  int32_t (*set_status)(remora_stream stream, uint32_t status);
  int32_t (*get_framing)(remora_stream stream, uint32_t direction, uint32_t* framing,
                         uint64_t* length);
  int32_t (*set_framing)(remora_stream stream, uint32_t direction, uint32_t framing,
                         uint64_t length);
  int32_t (*header_get)(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes* value);
  // From *cursor 0 on, until REMORA_ABSENT; the map must not be changed meanwhile.
  int32_t (*header_next)(remora_stream stream, uint32_t map, uint32_t* cursor, remora_field* field);
  int32_t (*header_add)(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes value);
  // Takes the place of all fields of that name.
  int32_t (*header_set)(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes value);
  int32_t (*header_remove)(remora_stream stream, uint32_t map, remora_bytes name);

  // The piece of a body that the running data hook was called for.
  int32_t (*data_size)(remora_stream stream, size_t* size);
  // Fills up to `max` of `pieces`, from piece number `first` on; *count: how many.
  int32_t (*data_pieces)(remora_stream stream, size_t first, remora_bytes* pieces, size_t max,
                         size_t* count);
  int32_t (*data_drain)(remora_stream stream, size_t size);
  int32_t (*data_append)(remora_stream stream, remora_bytes bytes);
  // Behind what the running hook is about, or between hooks.
  int32_t (*add_data)(remora_stream stream, uint32_t direction, remora_bytes bytes);

  // The stream. They take effect when the running hook has returned.
  int32_t (*resume)(remora_stream stream, uint32_t direction);
  int32_t (*local_reply)(remora_stream stream, const remora_reply* reply);
  int32_t (*reset)(remora_stream stream);
  int32_t (*reroute)(remora_stream stream);
  int32_t (*set_buffer_limit)(remora_stream stream, uint32_t direction, uint64_t bytes);
  // 1: the request's hooks have run; 0: an answer came before.
  int32_t (*saw_request)(remora_stream stream);
  // What create_route_config of this module made for the stream's route; null: nothing.
  const void* (*route_config)(remora_stream stream);

  int32_t (*counter_add)(remora_stream stream, uint32_t metric, uint64_t n);
  int32_t (*gauge_add)(remora_stream stream, uint32_t metric, int64_t n);
  int32_t (*histogram_record)(remora_stream stream, uint32_t metric, uint64_t value);

  // Dynamic metadata. What can be set is a boolean, a number or a text.
  int32_t (*metadata_get)(remora_stream stream, remora_bytes name_space, const remora_bytes* path,
                          size_t depth, remora_value* value);
  int32_t (*metadata_set)(remora_stream stream, remora_bytes name_space, remora_bytes key,
                          const remora_value* value);

  // on_call_done comes once, never from within; not after a cancel, nor after on_complete, which
  // cancels what is left. REMORA_ABSENT: there is no such cluster.
  int32_t (*call_start)(remora_stream stream, const remora_call_request* request,
                        remora_call* call);
  int32_t (*call_cancel)(remora_stream stream, remora_call call);
  // on_timer comes once.
  int32_t (*timer_start)(remora_stream stream, uint64_t milliseconds, remora_timer* timer);
  int32_t (*timer_cancel)(remora_stream stream, remora_timer timer);
} remora_host;

// What the module can do. Valid as long as the module is loaded.
typedef struct remora_module {
  size_t size;
  uint32_t abi_version;  // the host's version that the module needs at least
  uint32_t reserved;

  // A filter's configuration, shared by all threads and not changed any more; null: it is refused,
  // and config_error has said why.
  void* (*create_config)(remora_config config, remora_bytes filter_name);
  void (*destroy_config)(void* config);
  // Which hooks such a filter has: a set of remora_hook; and the bytes that one filter takes,
  // aligned to 16: the host gives memory of the stream. 0: none is wanted.
  uint32_t (*hooks)(const void* config);
  size_t (*filter_size)(const void* config);
  // May be null: there is no per-route configuration.
  void* (*create_route_config)(remora_config config, remora_bytes filter_name);
  void (*destroy_route_config)(void* config);

  // One for each stream. Null: the request is answered with 500.
  void* (*create_filter)(const void* config, remora_stream stream, void* memory);
  void (*destroy_filter)(void* filter);
  int32_t (*on_request_head)(void* filter, remora_stream stream);
  int32_t (*on_request_data)(void* filter, remora_stream stream);
  int32_t (*on_request_end)(void* filter, remora_stream stream);
  int32_t (*on_response_head)(void* filter, remora_stream stream);
  int32_t (*on_response_data)(void* filter, remora_stream stream);
  int32_t (*on_response_end)(void* filter, remora_stream stream);
  // The exchange is over; destroy_filter follows. May be null.
  void (*on_complete)(void* filter, remora_stream stream);

  void (*on_call_done)(void* filter, remora_stream stream, remora_call call,
                       const remora_call_result* result);
  void (*on_timer)(void* filter, remora_stream stream, remora_timer timer);
} remora_module;

// The one symbol of a module. Called once when the module is loaded. Null: it cannot be used, and
// config_error(loading, ...) has said why.
#define REMORA_FILTER_INIT_SYMBOL "remora_filter_init"
#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
const remora_module*
remora_filter_init(const remora_host* host, remora_config loading);

// NOLINTEND(readability-identifier-naming)

#ifdef __cplusplus
}  // extern "C"
#endif
