// Modules that cannot be used, one a KIND.

#include "remora_filter_abi.h"

#define NO_SYMBOL 1
#define ENVOYS 2
#define INIT_FAILS 3
#define NEWER 4
#define EMPTY 5
#define UNRESOLVED 6

#if KIND == NO_SYMBOL
int unrelated(void) { return 1; }
#elif KIND == ENVOYS
const char* envoy_dynamic_module_on_program_init(void) { return "hash"; }
#elif KIND == INIT_FAILS
const remora_module* remora_filter_init(const remora_host* host, remora_config loading) {
  const char why[] = "there is no licence";
  const remora_bytes field = {0, 0};
  const remora_bytes message = {why, sizeof(why) - 1};
  host->config_error(loading, field, message);
  return 0;
}
#elif KIND == NEWER
const remora_module* remora_filter_init(const remora_host* host, remora_config loading) {
  static remora_module module;
  (void)host;
  (void)loading;
  module.size = sizeof(module);
  module.abi_version = 9;
  return &module;
}
#elif KIND == EMPTY
const remora_module* remora_filter_init(const remora_host* host, remora_config loading) {
  static struct {
    size_t size;
    uint32_t abi_version;
    uint32_t reserved;
  } table = {sizeof(table), 1, 0};
  (void)host;
  (void)loading;
  return (const remora_module*)(const void*)&table;
}
#elif KIND == UNRESOLVED
int nobody_has_this(void);
const remora_module* remora_filter_init(const remora_host* host, remora_config loading) {
  (void)host;
  (void)loading;
  nobody_has_this();
  return 0;
}
#endif
