#include "source/extensions/listener_filters/http_inspector/http_inspector.h"

#include <algorithm>

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"

namespace remora::extensions {
namespace {

// Envoy's Config::MAX_INSPECT_SIZE.
constexpr size_t kMostBytes = 64 * 1024;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What a method consists of (RFC 9110 section 5.6.2).
bool IsTokenCharacter(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != '\0' && kMarks.find(c) != std::string_view::npos);
}

// `line` without its end. As lenient as Envoy's parser, because a chain is chosen by the answer:
// any method, and every version that is not 1.1 is taken for 1.0.
HttpKind RecogniseLine(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return HttpKind::kNone;
  const std::string_view method = line.substr(0, space);
  if (!std::all_of(method.begin(), method.end(), IsTokenCharacter)) return HttpKind::kNone;
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  return version == "HTTP/1.1" ? HttpKind::kHttp11 : HttpKind::kHttp10;
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
  // Nobody waits for the end of a line that begins with no method.
  if (!bytes.empty() && !IsTokenCharacter(bytes[0])) return HttpKind::kNone;
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return HttpKind::kUnclear;
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
