#include "test/harness/exchange_log.h"

#include <memory>

#include "source/http/filter/filter_context.h"
#include "source/http/stream_info.h"
#include "test/harness/wire.h"

namespace remora::harness {
namespace {

struct LogFilterConfig {
  ExchangeLog* log;
};

class LogFilter final : public http::Filter {
 public:
  LogFilter(const LogFilterConfig& config, http::FilterContext& context)
      : log_(*config.log), context_(context) {}

  void OnComplete() override {
    const http::StreamInfo& info = context_.stream_info();
    log_.Add({info.response_code, info.flags.ToString(), std::string(info.response_code_details),
              std::string(info.cluster_name), std::string(info.upstream_host)});
  }

 private:
  ExchangeLog& log_;
  http::FilterContext& context_;
};

}  // namespace

void ExchangeLog::Add(Exchange exchange) {
  const std::lock_guard lock(mutex_);
  exchanges_.push_back(std::move(exchange));
  added_.notify_all();
}

Exchange ExchangeLog::Take() {
  std::unique_lock lock(mutex_);
  if (!added_.wait_for(lock, kPatience, [this] { return !exchanges_.empty(); })) {
    throw WireError("no exchange has ended");
  }
  Exchange first = std::move(exchanges_.front());
  exchanges_.pop_front();
  return first;
}

http::FilterFactory ExchangeLogFilter(ExchangeLog* log) {
  http::FilterFactory factory;
  factory.name = "exchange_log";
  factory.config = std::make_shared<const LogFilterConfig>(LogFilterConfig{log});
  factory.create = [](const void* config, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<LogFilter>(*static_cast<const LogFilterConfig*>(config), context);
  };
  return factory;
}

}  // namespace remora::harness
