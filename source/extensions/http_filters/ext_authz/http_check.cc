#include "source/extensions/http_filters/ext_authz/http_check.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"

namespace remora::extensions {
namespace {

using http::HeaderId;

constexpr std::string_view kRemoved = "x-envoy-auth-headers-to-remove";

// They say how a message is sent, not what it says: each message has its own.
bool IsFraming(std::string_view name) {
  return name == "content-length" || name == "transfer-encoding" || name == "connection" ||
         name == "keep-alive" || name == "expect" || name == "upgrade";
}

void FillHead(const HttpService& service, const CheckContent& content, const CheckSubject& subject,
              http::RequestHead& head) {
  const http::RequestHead& from = subject.head;
  base::Arena& arena = head.arena();
  head.method = arena.Copy(from.method);
  head.method_id = from.method_id;
  head.authority = arena.Copy(from.authority);
  head.path = arena.Copy(!service.path.empty() ? service.path
                                               : service.path_prefix + std::string(from.path));
  // Several fields of a name become one with several values, unless they are wanted as they are.
  std::map<std::string_view, std::string> joined;
  from.headers.ForEach([&](const http::HeaderEntry& entry) {
    if (IsFraming(entry.name()) || !content.Tells(entry.name())) return;
    if (content.raw_fields) {
      head.headers.Add(entry.name(), entry.value());
      return;
    }
    const auto [place, is_new] = joined.try_emplace(entry.name(), entry.value());
    if (!is_new) place->second.append(",").append(entry.value());
  });
  for (const auto& [name, value] : joined) head.headers.Add(name, value);
  if (subject.body != nullptr) {
    head.headers.Add(kPartialBody, subject.partial() ? "true" : "false");
  }
  if (service.add_fields != nullptr) service.add_fields->Apply(head.headers, {subject.info, &from});
  head.framing = http::Framing::kLength;
  head.length = subject.body_size();
  head.headers.Set(HeaderId::kContentLength, std::to_string(head.length));
}

void ReadRemoved(std::string_view list, Verdict& verdict) {
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    const absl::string_view trimmed =
        absl::StripAsciiWhitespace(absl::string_view(name.data(), name.size()));
    if (!trimmed.empty()) verdict.remove_fields.push_back(absl::AsciiStrToLower(trimmed));
  }
}

void ReadAllowed(const HttpService& service, std::string_view name, std::string_view value,
                 std::vector<FieldChange>& appended, Verdict& verdict) {
  using Action = FieldChange::Action;
  const auto change = [&](Action action) {
    return FieldChange{std::string(name), std::string(value), action};
  };
  if (AnyMatches(service.upstream, name)) verdict.request_fields.push_back(change(Action::kSet));
  if (AnyMatches(service.upstream_append, name)) appended.push_back(change(Action::kAdd));
  if (AnyMatches(service.client_on_success, name)) {
    verdict.response_fields.push_back(change(Action::kAdd));
  }
}

// What a client has to know of a refusal is always told.
bool IsForClient(const HttpService& service, std::string_view name) {
  if (service.client.empty()) return name != "host";
  return name == "www-authenticate" || name == "location" || AnyMatches(service.client, name);
}

void KeepMetadata(std::string_view name, std::string_view value, http::MetadataValue& metadata) {
  metadata.kind = http::MetadataValue::Kind::kStruct;
  http::MetadataValue& field = metadata.fields[std::string(name)];
  field.kind = http::MetadataValue::Kind::kString;
  field.text = value;
}

}  // namespace

HttpCheck::HttpCheck(const HttpService& service, const CheckContent& content,
                     const CheckSubject& subject, upstream::ClusterSet& clusters, CheckUser& user)
    : service_(service),
      user_(user),
      dispatcher_(clusters.worker().dispatcher),
      turn_end_(&OnTurnEnd, this),
      begin_(dispatcher_.now()) {
  upstream::ClusterRuntime* const cluster = clusters.Find(service.cluster);
  if (cluster == nullptr) {
    dispatcher_.AtTurnEnd(turn_end_);
    return;
  }
  upstream::AsyncRequest::Options options;
  options.timeout = service.timeout;
  options.forwarded_for = false;
  request_.reset(new upstream::AsyncRequest(*cluster, *this, options));
  http::RequestHead& head = request_->head();
  FillHead(service, content, subject, head);
  head.scheme = request_->secure() ? "https" : "http";
  request_->Start();
  if (subject.body_size() > 0) {
    buffer::Buffer body(clusters.worker().blocks);
    body.Append(subject.BodyText());
    request_->SendData(body);
  }
  request_->SendEnd();
}

void HttpCheck::OnTurnEnd(void* self) { static_cast<HttpCheck*>(self)->user_.OnVerdict({}); }

Verdict ReadHttpVerdict(const HttpService& service, const http::ResponseHead& head) {
  constexpr uint16_t kOk = 200;
  Verdict verdict;
  if (head.status >= 500 && head.status <= 599) return verdict;
  const bool allowed = head.status == kOk;
  verdict.kind = allowed ? Verdict::Kind::kAllowed : Verdict::Kind::kDenied;
  verdict.bad_value = head.status < kOk || head.status > 599;
  if (!allowed && !verdict.bad_value) verdict.status = head.status;
  std::vector<FieldChange> appended;
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    const std::string_view name = entry.name();
    if (IsFraming(name)) return;
    if (name == kRemoved) {
      if (allowed) ReadRemoved(entry.value(), verdict);
      return;
    }
    if (allowed) {
      ReadAllowed(service, name, entry.value(), appended, verdict);
    } else if (IsForClient(service, name)) {
      verdict.reply_fields.emplace_back(name, entry.value());
    }
    if (AnyMatches(service.metadata, name)) KeepMetadata(name, entry.value(), verdict.metadata);
  });
  // What replaces comes first.
  std::move(appended.begin(), appended.end(), std::back_inserter(verdict.request_fields));
  return verdict;
}

void HttpCheck::OnHead(http::ResponseHead& head) {
  // As every response of an upstream has it, and it may be wanted as the others.
  head.headers.Set(HeaderId::kXEnvoyUpstreamServiceTime,
                   std::to_string((dispatcher_.now() - begin_) / event::kMillisecond));
  verdict_ = ReadHttpVerdict(service_, head);
  // The answer to a CONNECT, which has no end. This object is gone behind it.
  if (head.framing == http::Framing::kTunnel) user_.OnVerdict(std::move(verdict_));
}

// This object is gone behind OnVerdict.
void HttpCheck::OnData(buffer::Buffer& data) {
  if (verdict_.kind != Verdict::Kind::kDenied) return data.Clear();
  const bool fits = verdict_.body.size() + data.length() <= kMaxBody;
  if (fits) verdict_.body += data.ToString();
  data.Clear();
  if (!fits) user_.OnVerdict({});
}

void HttpCheck::OnEnd(http::HeaderMap*) { user_.OnVerdict(std::move(verdict_)); }

void HttpCheck::OnReset(const http::ProxyError&) { user_.OnVerdict({}); }

}  // namespace remora::extensions
