#include "source/access_log/logger.h"

namespace remora::access_log {

const char kDefaultFormat[] =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

WorkerLoggers::WorkerLoggers(const LoggerList& loggers, WorkerFiles& files) {
  for (const auto& logger : loggers) {
    Sink& sink =
        logger->service != nullptr ? files.Find(logger->service) : files.Find(logger->path);
    loggers_.push_back({logger, &sink});
  }
}

void WorkerLoggers::Log(const formatter::Exchange& exchange, const Surroundings& around) const {
  for (const Bound& bound : loggers_) {
    if (bound.logger->filter.has_value() && !bound.logger->filter->Passes(exchange, around)) {
      continue;
    }
    std::string& record = bound.sink->Begin();
    if (bound.logger->service != nullptr) {
      bound.logger->service->Append(exchange, record);
    } else {
      bound.logger->text.AppendTo(record, exchange);
    }
    bound.sink->End();
  }
}

}  // namespace remora::access_log
