#include "test/fakes/recorder.h"

#include <utility>

namespace remora::fakes {
namespace {

std::string_view ReasonName(http::PauseReason reason) {
  switch (reason) {
    case http::PauseReason::kSinkFull:
      return "sink";
    case http::PauseReason::kFilterPaused:
      return "filter";
    case http::PauseReason::kConnectionFull:
      return "connection";
  }
  return "?";
}

std::string WithFields(std::string line, const http::HeaderMap& headers, bool fields) {
  if (fields && !headers.empty()) line += " " + ToText(headers);
  return line;
}

}  // namespace

std::string Journal::Take() {
  std::string text;
  for (const std::string& word : words_) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  words_.clear();
  return text;
}

std::string ToText(const http::HeaderMap& headers) {
  std::string text;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (!text.empty()) text += ' ';
    text += std::string(entry.name()) + "=" + std::string(entry.value());
  });
  return text;
}

std::string ToText(const http::RequestHead& head, bool fields) {
  return WithFields(std::string(head.method) + " " + std::string(head.path), head.headers, fields);
}

std::string ToText(const http::ResponseHead& head, bool fields) {
  return WithFields(std::to_string(head.status), head.headers, fields);
}

std::string_view ToText(http::ErrorKind kind) {
  switch (kind) {
    case http::ErrorKind::kLocalReset:
      return "local_reset";
    case http::ErrorKind::kRemoteReset:
      return "remote_reset";
    case http::ErrorKind::kConnectionTermination:
      return "connection_termination";
    case http::ErrorKind::kDownstreamClosed:
      return "downstream_closed";
    case http::ErrorKind::kDownstreamReset:
      return "downstream_reset";
    case http::ErrorKind::kDownstreamProtocolError:
      return "downstream_protocol_error";
    case http::ErrorKind::kRemoteRefused:
      return "remote_refused";
    case http::ErrorKind::kProtocolError:
      return "protocol_error";
    default:
      return "other";
  }
}

void FakeSource::Pause(http::PauseReason reason) {
  mask_.Set(reason);
  journal_.Add(name_ + ":pause(" + std::string(ReasonName(reason)) + ")");
}

void FakeSource::Resume(http::PauseReason reason) {
  mask_.Clear(reason);
  journal_.Add(name_ + ":resume(" + std::string(ReasonName(reason)) + ")");
}

}  // namespace remora::fakes
