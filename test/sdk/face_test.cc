// The C++ face of loadable filters with a host that is older than its header.

#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "remora_filter.h"

namespace remora::sdk {
namespace {

struct Plain {
  static constexpr std::string_view kName = "plain";
  struct Config {};
  static std::optional<Config> Parse(const Value&, ConfigContext&) { return Config{}; }
  class Filter final : public sdk::Filter {
   public:
    Filter(const Config&, FilterContext&) {}
    Answer OnRequestHead(RequestHead&) override { return Answer::kContinue; }
  };
};

int32_t Resume(remora_stream, uint32_t) { return REMORA_OK; }

TEST_CASE("sdk: what an older host does not have is absent, not called") {
  remora_host host{};
  host.size = offsetof(remora_host, local_reply);
  host.abi_version = 1;
  host.resume = &Resume;
  // Beyond the table's end there is anything.
  host.call_start = reinterpret_cast<decltype(host.call_start)>(uintptr_t{8});
  host.timer_start = reinterpret_cast<decltype(host.timer_start)>(uintptr_t{8});
  CHECK(REMORA_HAS(remora_host, &host, resume));
  CHECK_FALSE(REMORA_HAS(remora_host, &host, call_start));

  const remora_module* const module = ModuleTable<Plain>::Init(&host);
  CHECK(module->size == sizeof(remora_module));
  CHECK(module->abi_version == 1);
  FilterContext context(7, nullptr);
  AsyncCall call(context);
  Timer timer(context);
  context.ResumeRequest();
  context.SendLocalReply({});
  CHECK_FALSE(call.Start({.cluster = "a", .path = "/"}, [](const AsyncCall::Response&) {}));
  CHECK_FALSE(timer.Start(std::chrono::milliseconds(1), [] {}));
  CHECK_FALSE(call.running());
  CHECK(context.RouteConfig<int>() == nullptr);
  CHECK_FALSE(HostHas("calls"));
}

TEST_CASE("sdk: a filter has the hooks that it overrides") {
  remora_host host{};
  host.size = sizeof(host);
  const remora_module* const module = ModuleTable<Plain>::Init(&host);
  void* const config = module->create_config(1, {});
  REQUIRE(config != nullptr);
  CHECK(module->hooks(config) == REMORA_ON_REQUEST_HEAD);
  alignas(16) char memory[1024];
  REQUIRE(module->filter_size(config) <= sizeof(memory));
  void* const filter = module->create_filter(config, 7, memory);
  REQUIRE(filter != nullptr);
  CHECK(module->on_request_head(filter, 7) == REMORA_CONTINUE);
  module->destroy_filter(filter);
  module->destroy_config(config);
  const remora_bytes other = {"other", 5};
  CHECK(module->create_config(1, other) == nullptr);
}

}  // namespace
}  // namespace remora::sdk
