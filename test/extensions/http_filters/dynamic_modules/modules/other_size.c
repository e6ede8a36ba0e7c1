// A module whose table is of another version than the host's: OLD ends behind on_response_end, what
// later versions have is not there; without OLD it has more than the host knows. It answers every
// request with what it sees of the host.

#include <stddef.h>
#include <string.h>

#include "remora_filter_abi.h"

#ifdef OLD
// The table as it might have been first.
typedef struct table {
  size_t size;
  uint32_t abi_version;
  uint32_t reserved;
  void* (*create_config)(remora_config, remora_bytes);
  void (*destroy_config)(void*);
  uint32_t (*hooks)(const void*);
  size_t (*filter_size)(const void*);
  void* (*create_route_config)(remora_config, remora_bytes);
  void (*destroy_route_config)(void*);
  void* (*create_filter)(const void*, remora_stream, void*);
  void (*destroy_filter)(void*);
  int32_t (*on_request_head)(void*, remora_stream);
} table;
#else
typedef struct table {
  remora_module known;
  void (*later)(void);
} table;
#endif

static const remora_host* host;
static int lives;

static void* CreateConfig(remora_config config, remora_bytes name) {
  (void)config;
  (void)name;
  return &lives;
}
static void DestroyConfig(void* config) { (void)config; }
static uint32_t Hooks(const void* config) {
  (void)config;
  return REMORA_ON_REQUEST_HEAD;
}
static size_t FilterSize(const void* config) {
  (void)config;
  return 0;
}
static void* CreateFilter(const void* config, remora_stream stream, void* memory) {
  (void)config;
  (void)stream;
  ++lives;
  return memory == 0 ? &lives : 0;
}
static void DestroyFilter(void* filter) {
  (void)filter;
  --lives;
}

// As a module of version 1 would fill it in, if it had ended there.
typedef struct old_reply {
  size_t size;
  uint32_t status;
  int32_t grpc_status;
  remora_bytes body;
} old_reply;

static int32_t OnRequestHead(void* filter, remora_stream stream) {
  const char text[] = "seen";
  old_reply reply;
  memset(&reply, 0xff, sizeof(reply));
  (void)filter;
  reply.size = sizeof(reply);
  reply.status = REMORA_HAS(remora_host, host, header_get) ? 200 : 500;
  reply.grpc_status = -1;
  reply.body.data = text;
  reply.body.size = lives == 1 ? sizeof(text) - 1 : 0;
  host->local_reply(stream, (const remora_reply*)(const void*)&reply);
  return REMORA_CONTINUE;
}

#ifndef OLD
// Not for this host: it must not be called.
static void Later(void) { *(volatile int*)0 = 0; }
#endif

const remora_module* remora_filter_init(const remora_host* given, remora_config loading) {
  static table module;
#ifdef OLD
  table* const known = &module;
#else
  remora_module* const known = &module.known;
  module.later = Later;
#endif
  (void)loading;
  host = given;
  known->size = sizeof(module);
  known->abi_version = 1;
  known->create_config = CreateConfig;
  known->destroy_config = DestroyConfig;
  known->hooks = Hooks;
  known->filter_size = FilterSize;
  known->create_filter = CreateFilter;
  known->destroy_filter = DestroyFilter;
  known->on_request_head = OnRequestHead;
  return (const remora_module*)(const void*)&module;
}
