#include "source/server/log_files.h"

#include <utility>

#include "source/tcp/config.h"

namespace remora::server {

absl::Status LogFiles::Open(const access_log::LoggerList& loggers) {
  absl::Status status;
  for (const auto& logger : loggers) {
    if (logger->service == nullptr) status.Update(writer_.Open(logger->path).status());
  }
  return status;
}

absl::Status LogFiles::OpenFilters(const std::vector<http::FilterFactory>& filters) {
  absl::Status status;
  for (const http::FilterFactory& filter : filters) status.Update(Open(filter));
  return status;
}

absl::Status LogFiles::Open(const http::FilterFactory& filter) {
  absl::Status status;
  for (const std::string& path : filter.log_files) status.Update(writer_.Open(path).status());
  return status;
}

absl::Status LogFiles::Open(const config::ListenerConfig& listener) {
  absl::Status status = Open(listener.access_log);
  for (const auto& chain : listener.AllChains()) {
    if (chain->tcp != nullptr) status.Update(Open(chain->tcp->access_log));
    if (chain->http == nullptr) continue;
    status.Update(Open(chain->http->access_log));
    status.Update(OpenFilters(chain->http->filters));
    for (const auto& upgrade : chain->http->upgrade_filters) {
      status.Update(OpenFilters(upgrade.filters));
    }
  }
  return status;
}

void LogFiles::Refresh() {
  const access_log::LogTotals& totals = writer_.totals();
  const auto grown = [this](int index, const std::atomic<uint64_t>& total) {
    const uint64_t now = total.load(std::memory_order_relaxed);
    return now - std::exchange(seen_[index], now);
  };
  stats_.write_completed.Add(grown(0, totals.writes_completed));
  stats_.write_failed.Add(grown(1, totals.writes_failed));
  stats_.reopen_failed.Add(grown(2, totals.reopens_failed));
  stats_.write_dropped.Add(grown(3, totals.records_dropped));
  stats_.write_total_buffered.Sub(grown(4, totals.bytes_gone));
}

}  // namespace remora::server
