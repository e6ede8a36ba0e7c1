#include "source/extensions/listener_filters/http_inspector/http_inspector.h"

#include <algorithm>
#include <iterator>

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"

namespace remora::extensions {
namespace {

// Envoy's Config::MAX_INSPECT_SIZE.
constexpr size_t kMostBytes = 64 * 1024;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// The methods that Envoy's HTTP/1 parser knows.
constexpr std::string_view kMethods[] = {
    "ACL",       "BIND",    "CHECKOUT", "CONNECT", "COPY",       "DELETE",      "GET",
    "HEAD",      "LINK",    "LOCK",     "MERGE",   "MKACTIVITY", "MKCALENDAR",  "MKCOL",
    "MOVE",      "MSEARCH", "NOTIFY",   "OPTIONS", "PATCH",      "POST",        "PROPFIND",
    "PROPPATCH", "PURGE",   "PUT",      "REBIND",  "REPORT",     "SEARCH",      "SOURCE",
    "SUBSCRIBE", "TRACE",   "UNBIND",   "UNLINK",  "UNLOCK",     "UNSUBSCRIBE",
};

bool BeginsMethod(std::string_view text) {
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [text](std::string_view method) { return method.starts_with(text); });
}

bool IsMethod(std::string_view text) {
  return std::find(std::begin(kMethods), std::end(kMethods), text) != std::end(kMethods);
}

// `line` without its end.
HttpKind RecogniseLine(std::string_view line) {
  const size_t target = line.find(' ');
  const size_t version = line.rfind(' ');
  if (target == std::string_view::npos || version < target + 2) return HttpKind::kNone;
  if (!IsMethod(line.substr(0, target))) return HttpKind::kNone;
  if (line.substr(version + 1) == "HTTP/1.1") return HttpKind::kHttp11;
  if (line.substr(version + 1) == "HTTP/1.0") return HttpKind::kHttp10;
  return HttpKind::kNone;
}

// `http_inspector.`
struct HttpInspectorStats {
  stats::NamedCounter<"read_error"> read_error;
  stats::NamedCounter<"http10_found"> http10_found;
  stats::NamedCounter<"http11_found"> http11_found;
  stats::NamedCounter<"http2_found"> http2_found;
  stats::NamedCounter<"http_not_found"> http_not_found;
};

class Inspector final : public net::ListenerFilter {
 public:
  explicit Inspector(const net::ListenerFilterSetup& setup)
      : stats_(setup.scope.Make<HttpInspectorStats>(setup.shard)) {}

  size_t most_bytes() const override { return kMostBytes; }
  bool Skips(const net::Findings& findings) const override {
    return !findings.transport_protocol.empty() && findings.transport_protocol != "raw_buffer";
  }
  Answer Inspect(std::string_view bytes, bool ended, net::Findings& findings) override;

 private:
  HttpInspectorStats stats_;
};

net::ListenerFilter::Answer Inspector::Inspect(std::string_view bytes, bool,
                                               net::Findings& findings) {
  const auto found = [&findings](const char* protocol) {
    findings.application_protocols = {protocol};
  };
  switch (RecogniseHttp(bytes)) {
    case HttpKind::kUnclear:
      if (bytes.size() < kMostBytes) return Answer::kMore;
      stats_.http_not_found.Inc();
      break;
    case HttpKind::kNone:
      stats_.http_not_found.Inc();
      break;
    case HttpKind::kHttp10:
      stats_.http10_found.Inc();
      found("http/1.0");
      break;
    case HttpKind::kHttp11:
      stats_.http11_found.Inc();
      found("http/1.1");
      break;
    case HttpKind::kHttp2:
      stats_.http2_found.Inc();
      found("h2c");
      break;
  }
  return Answer::kContinue;
}

}  // namespace

HttpKind RecogniseHttp(std::string_view bytes) {
  const size_t shown = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, shown) == kPreface.substr(0, shown)) {
    return shown == kPreface.size() ? HttpKind::kHttp2 : HttpKind::kUnclear;
  }
  // A parser passes over empty lines in front of a request.
  while (bytes.starts_with('\r') || bytes.starts_with('\n')) bytes.remove_prefix(1);
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    // Nobody waits for the end of a line that begins with no method.
    const size_t space = bytes.find(' ');
    const bool hopeful =
        space == std::string_view::npos ? BeginsMethod(bytes) : IsMethod(bytes.substr(0, space));
    return hopeful ? HttpKind::kUnclear : HttpKind::kNone;
  }
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return RecogniseLine(line);
}

std::optional<HttpInspector::Config> HttpInspector::Parse(const Proto&, config::ConfigContext&) {
  return Config{};
}

std::string HttpInspector::StatScope(const Config&) { return "http_inspector"; }

std::unique_ptr<net::ListenerFilter> HttpInspector::Create(const Config&,
                                                           const net::ListenerFilterSetup& setup) {
  return std::make_unique<Inspector>(setup);
}

}  // namespace remora::extensions
