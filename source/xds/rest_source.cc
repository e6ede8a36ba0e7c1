#include "source/xds/rest_source.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/util/json_util.h"
#include "source/base/check.h"
#include "source/base/log.h"
#include "source/config/document.h"
#include "source/config/text.h"
#include "source/xds/response_message.h"
#include "source/xds/sotw.h"

namespace remora::xds {

using config::Concat;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using http::HeaderId;

namespace {

constexpr uint16_t kOk = 200;
constexpr uint16_t kNotModified = 304;

// In the order of ResourceType.
constexpr std::string_view kPaths[kResourceTypes] = {
    "/v3/discovery:clusters",          "/v3/discovery:endpoints",
    "/v3/discovery:listeners",         "/v3/discovery:routes",
    "/v3/discovery:secrets",           "/v3/discovery:runtime",
    "/v3/discovery:extension_configs", "",
    "/v3/discovery:scoped-routes",
};

std::string ToJson(const Request& request, std::string_view node) {
  DiscoveryRequest message;
  // Our own bytes.
  CHECK(message.ParseFromString(EncodeSotw(request, node)));
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(message, &json, options).ok());
  return json;
}

}  // namespace

std::string_view RestSource::PathOf(ResourceType type) { return kPaths[static_cast<size_t>(type)]; }

RestSource::RestSource(config::ApiSource source, ResourceType type,
                       config::UnknownFieldPolicy unknown_fields, const SourceServices& services)
    : source_(std::move(source)),
      unknown_fields_(unknown_fields),
      services_(services),
      state_(type, Flavour::kSotw),
      task_(&OnTask, this),
      next_(services.dispatcher.timers(), &OnTimer, this),
      expiry_(services.dispatcher.timers(), &OnExpiry, this) {
  if (services_.on_taken) state_.KeepBytes();
  state_.OnStreamOpened();
}

TypeState& RestSource::State(ResourceType type) {
  CHECK(type == state_.type());
  return state_;
}

void RestSource::Close() {
  closed_ = true;
  next_.Disarm();
  expiry_.Disarm();
  request_.reset();
}

void RestSource::OnTask(void* self) {
  auto* const source = static_cast<RestSource*>(self);
  if (source->closed_) return;
  if (source->state_.HasLate()) source->state_.TellLate();
  if (!source->trouble_.empty()) {
    source->shelf_.Give(source->state_, config::Describe(source->source_),
                        source->services_.dispatcher.now());
  }
  // The answer to the last response waits for the next time.
  if (source->state_.HasNews()) source->Ask();
}

void RestSource::OnExpiry(void* self) {
  auto* const source = static_cast<RestSource*>(self);
  source->state_.Expire(source->services_.dispatcher.now());
  source->Settle();
}

void RestSource::Ask() {
  if (closed_ || request_ != nullptr || !state_.WantsAnything()) return;
  if (services_.pauses.paused(state_.type())) return;
  next_.Disarm();
  const std::string& cluster = source_.services.front().cluster;
  upstream::ClusterRuntime* const runtime = services_.clusters.Find(cluster);
  asks_anew_ = asks_anew_ || state_.HasNews();
  Request request = state_.TakeRequest();
  // The version was the answer to other names: nothing new would be said of these.
  if (asks_anew_) request.version.clear();
  const std::string json = ToJson(request, services_.node);
  if (runtime == nullptr) return Fail("there is no such cluster");
  upstream::AsyncRequest::Options options;
  options.timeout = source_.request_timeout;
  request_.reset(new upstream::AsyncRequest(*runtime, *this, options));
  http::RequestHead& head = request_->head();
  head.method = "POST";
  head.method_id = http::Method::kPost;
  head.scheme = request_->secure() ? "https" : "http";
  head.authority = head.arena().Copy(cluster);
  head.path = PathOf(state_.type());
  head.framing = http::Framing::kLength;
  head.length = json.size();
  head.headers.SetReference(HeaderId::kContentType, "application/json");
  status_ = 0;
  body_.clear();
  request_->Start();
  buffer::Buffer body(services_.clusters.worker().blocks);
  body.Append(json);
  request_->SendData(body);
  request_->SendEnd();
}

void RestSource::OnHead(http::ResponseHead& head) { status_ = head.status; }

void RestSource::OnData(buffer::Buffer& data) {
  const bool fits = body_.size() + data.length() <= kMaxBody;
  if (fits) body_ += data.ToString();
  data.Clear();
  if (fits) return;
  request_.reset();
  Fail("the response is longer than allowed");
}

void RestSource::OnEnd(http::HeaderMap*) {
  request_.reset();
  if (status_ == kOk) return Take();
  if (status_ != kNotModified) return Fail(Concat("status ", status_));
  trouble_.clear();
  heard_at_ = services_.dispatcher.wall_now();
  Settle();
}

void RestSource::OnReset(const http::ProxyError& error) {
  const std::string_view reason =
      error.detail.empty() ? http::ReplyFor(error.kind).reset_reason : error.detail;
  request_.reset();
  Fail(reason.empty() ? "the request failed" : std::string(reason));
}

void RestSource::Take() {
  config::ReadReport report;
  DiscoveryResponse message;
  const auto document = config::Document::ParseJson(body_, "response", report.errors);
  body_ = {};
  config::ReadOptions options;
  options.unknown_fields = unknown_fields_;
  if (document != nullptr) config::ReadMessage(*document, options, message, report);
  if (!report.errors.empty()) return Fail(report.errors.errors().front().ToString());
  trouble_.clear();
  heard_at_ = services_.dispatcher.wall_now();
  shelf_.Drop(state_.type());
  asks_anew_ = false;
  state_.OnResponse(TakeSotw(message, TypeUrl(state_.type())), services_.dispatcher.now());
  if (services_.on_taken) services_.on_taken();
  Settle();
}

void RestSource::Fail(const std::string& why) {
  const bool is_new = trouble_.empty();
  trouble_ = Concat("control plane in ", config::Describe(source_), ": ", why);
  const event::TimePoint now = services_.dispatcher.now();
  if (is_new || now - logged_at_ >= kLogEvery) {
    logged_at_ = now;
    REMORA_LOG(kUpstream, kWarning, std::string(PathOf(state_.type())), ": ", trouble_,
               "; it is tried again");
  }
  for (Watch* watch : state_.watches()) watch->OnSourceFailed();
  Wake();
  Settle();
}

void RestSource::Collect(std::vector<SnapshotPart>& parts) const {
  if (state_.type() == ResourceType::kSecret) return;
  SnapshotPart part = CollectPart(&state_, shelf_.Find(state_.type()));
  if (part.at == 0 && !state_.answered()) return;
  part.source = config::Describe(source_);
  part.type = state_.type();
  if (part.at == 0) part.at = heard_at_;
  parts.push_back(std::move(part));
}

// Until the next time.
void RestSource::Settle() {
  if (closed_) return;
  // Names that came while it was asked do not wait for the next time.
  if (state_.HasNews()) Wake();
  const event::TimePoint now = services_.dispatcher.now();
  if (request_ == nullptr) {
    const auto half = static_cast<uint64_t>(source_.refresh_delay / 2);
    next_.Arm(now + source_.refresh_delay +
              static_cast<event::Duration>(services_.random.Below(half + 1)));
  }
  if (state_.NextExpiry() == event::Timer::kNever) {
    expiry_.Disarm();
  } else {
    expiry_.Arm(state_.NextExpiry());
  }
}

}  // namespace remora::xds
