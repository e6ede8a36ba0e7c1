#include "source/extensions/http_filters/lua/script_stream.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/extensions/http_filters/lua/lua.h"
#include "source/http/codes.h"
#include "source/http/escape.h"
#include "source/http/request_part.h"
#include "source/net/address.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;
using http::HeaderId;
using http::RequestPart;

namespace {

constexpr const char* kMaxSteps = "lua.max_steps";
constexpr const char* kMaxMemory = "lua.max_memory_bytes";
// Of calls whose answer nobody waits for and that have no timeout.
constexpr int64_t kDetachedTimeout = 15'000;  // ms

// As fields, in Envoy's order.
struct NamedPart {
  std::string_view name;
  RequestPart part;
};
constexpr NamedPart kParts[] = {{":authority", RequestPart::kAuthority},
                                {":path", RequestPart::kPath},
                                {":method", RequestPart::kMethod},
                                {":scheme", RequestPart::kScheme}};
constexpr uint32_t kPartCount = std::size(kParts);
constexpr std::string_view kStatus = ":status";

// Of the connection and of how a message ends: the codec writes them.
constexpr http::HeaderIdSet kCodecFields = {HeaderId::kConnection, HeaderId::kContentLength,
                                            HeaderId::kTransferEncoding, HeaderId::kUpgrade};

bool MayBePart(std::string_view name) {
  return name.empty() || name.front() == ':' || name == "host";
}

bool HasBody(Framing framing, uint64_t length) {
  return framing != Framing::kNone && (framing != Framing::kLength || length > 0);
}

lua::Limits LimitsIn(const runtime::Snapshot& runtime) {
  return {.steps = runtime.Integer(kMaxSteps, lua::Limits::kSteps),
          .memory = runtime.Integer(kMaxMemory, lua::Limits::kMemory)};
}

std::string Text(std::string_view view) { return std::string(view); }

}  // namespace

ScriptStream::ScriptStream(LuaFilter& filter, lua::Script& script, lua::Function function)
    : filter_(filter),
      function_(function),
      body_(filter.context().blocks()),
      run_(script.Begin(function, LimitsIn(filter.context().runtime()), *this)) {}

// --- events

Answer ScriptStream::OnHead(http::RequestHead& head) {
  request_head_ = &head;
  return AnswerOf(run_->OnHead(HasBody(head.framing, head.length)));
}

Answer ScriptStream::OnHead(http::ResponseHead& head) {
  response_head_ = &head;
  return AnswerOf(run_->OnHead(HasBody(head.framing, head.length)));
}

Answer ScriptStream::OnData(buffer::Buffer& data) {
  if (run_ == nullptr) return Answer::kContinue;
  if (head_passed_) {
    piece_ = &data;
    const lua::Wait wait = run_->OnData();
    piece_ = nullptr;
    return AnswerOf(wait);
  }
  body_.MoveFrom(data);
  http::FilterContext& context = filter_.context();
  const uint64_t limit =
      is_request() ? context.request_buffer_limit() : context.response_buffer_limit();
  if (body_.length() > limit) {
    run_.reset();
    call_.reset();
    // The chain keeps it and is over its limit: it answers 413 or 500, or lets all of it go on
    // where an answer is on its way already.
    Add(body_);
    return Answer::kHold;
  }
  run_->OnData();
  return Answer::kHold;
}

Answer ScriptStream::OnEnd(http::HeaderMap* trailers) {
  trailers_ = trailers;
  if (run_ == nullptr) return Answer::kContinue;
  // The last piece of a body that passes by has no bytes, unless the script gives it some.
  buffer::Buffer last(filter_.context().blocks());
  if (head_passed_) piece_ = &last;
  const lua::Wait wait = run_->OnEnd(trailers != nullptr);
  piece_ = nullptr;
  if (!last.empty()) Add(last);
  return AnswerOf(wait);
}

Answer ScriptStream::AnswerOf(lua::Wait wait) {
  if (wait != lua::Wait::kAnswered) RerouteIfChanged();
  if (wait == lua::Wait::kBody) return Answer::kHold;
  if (wait == lua::Wait::kCall) return head_passed_ ? Answer::kPause : Answer::kHold;
  if (wait == lua::Wait::kAnswered) body_.Clear();
  if (!body_.empty()) Add(body_);
  head_passed_ = true;
  if (wait == lua::Wait::kNothing || wait == lua::Wait::kAnswered) run_.reset();
  return Answer::kContinue;
}

void ScriptStream::RerouteIfChanged() {
  if (!changed_ || head_passed_) return;
  changed_ = false;
  if (is_request()) filter_.Reroute();
}

void ScriptStream::Add(buffer::Buffer& data) {
  if (is_request()) {
    filter_.context().AddRequestData(data);
  } else {
    filter_.context().AddResponseData(data);
  }
}

void ScriptStream::OnCallResult(const upstream::CallResult& result) {
  // It holds the result; the script may make another call.
  const std::unique_ptr<upstream::WholeCall> ended = std::move(call_);
  using Outcome = upstream::CallResult::Outcome;
  std::vector<lua::Field> fields;
  http::LocalReply failure;
  std::string status = absl::StrCat(result.status);
  std::string length;
  lua::CallAnswer answer;
  answer.body = result.body;
  if (result.outcome == Outcome::kAnswered) {
    fields.push_back({kStatus, status});
    for (const auto& [name, value] : result.fields) fields.push_back({name, value});
  } else {
    // What Envoy's own client says in the place of an answer.
    failure = http::ReplyTo({http::Side::kUpstream, result.outcome == Outcome::kTooLarge
                                                        ? http::ErrorKind::kResponseTooLarge
                                                        : result.error});
    status = absl::StrCat(failure.status);
    length = absl::StrCat(failure.body.size());
    answer.body = failure.body;
    fields = {{kStatus, status}, {"content-length", length}, {"content-type", "text/plain"}};
  }
  answer.fields = fields.data();
  answer.field_count = fields.size();
  const lua::Wait wait = run_->OnCall(answer);
  if (AnswerOf(wait) != Answer::kContinue || wait == lua::Wait::kAnswered) return;
  if (is_request()) {
    filter_.context().ResumeRequest();
  } else {
    filter_.context().ResumeResponse();
  }
}

// --- fields

http::HeaderMap* ScriptStream::FieldsOf(lua::Fields of) const {
  if (of == lua::Fields::kTrailers) return trailers_;
  if (of == lua::Fields::kHeaders && !is_request()) return &response_head_->headers;
  http::RequestHead* const head = filter_.request_head();
  return head != nullptr ? &head->headers : nullptr;
}

bool ScriptStream::NextPart(lua::Fields of, std::string_view name, uint32_t& cursor,
                            lua::Field& field) {
  while (cursor < kPartCount) {
    const NamedPart& part = kParts[cursor++];
    if (of == lua::Fields::kHeaders && !is_request()) {
      cursor = kPartCount;
      if (!name.empty() && name != kStatus) return false;
      text_ = absl::StrCat(response_head_->status);
      field = {kStatus, text_};
      return true;
    }
    if (!name.empty() && http::FindRequestPart(name) != part.part) continue;
    field = {part.name, http::GetPart(*filter_.request_head(), part.part)};
    if (!field.value.empty()) return true;
  }
  return false;
}

bool ScriptStream::NextField(lua::Fields of, std::string_view name, uint32_t& cursor,
                             lua::Field& field) {
  const http::HeaderMap* const fields = FieldsOf(of);
  if (fields == nullptr) return false;
  if (of == lua::Fields::kTrailers || !MayBePart(name)) cursor = std::max(cursor, kPartCount);
  if (NextPart(of, name, cursor, field)) return true;
  while (cursor - kPartCount < fields->entry_count()) {
    const http::HeaderEntry& entry = fields->entries()[cursor++ - kPartCount];
    if (entry.removed() || (!name.empty() && entry.name() != name)) continue;
    field = {entry.name(), entry.value()};
    return true;
  }
  return false;
}

bool ScriptStream::ChangePart(lua::Change change, std::string_view name, std::string_view value,
                              const char*& error) {
  if (!MayBePart(name)) return false;
  if (change == lua::Change::kRemove) {
    error = "the parts of the request line and the status cannot be removed";
    return true;
  }
  error = "there is no such part, or it cannot have that value";
  if (!is_request()) {
    uint32_t status = 0;
    if (name == kStatus && change == lua::Change::kReplace &&
        absl::SimpleAtoi(absl::string_view(value.data(), value.size()), &status) && status >= 200 &&
        status <= 599) {
      response_head_->status = static_cast<uint16_t>(status);
      error = nullptr;
    }
    return true;
  }
  const std::optional<RequestPart> part = http::FindRequestPart(name);
  if (!part.has_value()) return true;
  const std::string_view before = http::GetPart(*request_head_, *part);
  // As Envoy: these are joined.
  const std::string joined = change == lua::Change::kAdd && !before.empty()
                                 ? absl::StrCat(Text(before), ",", Text(value))
                                 : Text(value);
  if (http::SetPart(*request_head_, *part, joined)) error = nullptr;
  return true;
}

const char* ScriptStream::ChangeField(lua::Fields of, lua::Change change, std::string_view name,
                                      std::string_view value) {
  http::HeaderMap* const fields = FieldsOf(of);
  const char* error = Write(sizeof(http::HeaderEntry) + name.size() + value.size());
  if (error != nullptr) return error;
  if (of == lua::Fields::kHeaders && ChangePart(change, name, value, error)) {
    if (error == nullptr) changed_ = filter_.reroutes();
    return error;
  }
  if (of == lua::Fields::kHeaders && name == "content-length") {
    if (change != lua::Change::kRemove) return "content-length is changed by setBytes() alone";
    SetLength(std::nullopt);
  } else if (change == lua::Change::kRemove) {
    fields->Remove(name);
  } else if (change == lua::Change::kAdd ? !fields->Add(name, value) : !fields->Set(name, value)) {
    return "the name or the value is not valid in a header field";
  }
  if (of == lua::Fields::kHeaders) changed_ = filter_.reroutes();
  return nullptr;
}

// --- bodies

void ScriptStream::SetLength(std::optional<uint64_t> length) {
  const auto set = [&](auto& head) {
    if (length.has_value()) {
      head.framing = Framing::kLength;
      head.length = *length;
      head.headers.Set(HeaderId::kContentLength, absl::StrCat(*length));
      return;
    }
    if (head.framing == Framing::kLength) head.framing = Framing::kStreamed;
    head.headers.Remove(HeaderId::kContentLength);
  };
  if (is_request()) {
    set(*request_head_);
  } else {
    set(*response_head_);
  }
}

std::string_view ScriptStream::BodyBytes(size_t from, size_t size) {
  const std::string_view front = body().Front();
  if (from + size <= front.size()) return front.substr(from, size);
  text_.resize(size);
  body().CopyOut(from, size, text_.data());
  return text_;
}

const char* ScriptStream::SetBody(std::string_view bytes) {
  const Framing framing = is_request() ? request_head_->framing : response_head_->framing;
  if (piece_ != nullptr) {
    if (framing != Framing::kStreamed && framing != Framing::kTunnel &&
        bytes.size() != piece_->length()) {
      return "the length of the body has been sent: remove content-length before bodyChunks()";
    }
    piece_->Clear();
    piece_->Append(bytes);
    return nullptr;
  }
  const http::RequestHead* const request = filter_.context().request_head();
  if (framing == Framing::kTunnel ||
      (!is_request() && (http::StatusForbidsBody(response_head_->status) ||
                         (request != nullptr && request->method_id == http::Method::kHead)))) {
    return "this message cannot have a body";
  }
  body_.Clear();
  body_.Append(bytes);
  SetLength(bytes.size());
  return nullptr;
}

// --- answers and calls

const char* ScriptStream::Respond(std::string_view body) {
  if (const char* const error = Write(0); error != nullptr) return error;
  http::LocalReply reply;
  uint32_t status = 0;
  for (auto& [name, value] : message_) {
    if (name == kStatus && !absl::SimpleAtoi(value, &status)) status = 0;
    if (MayBePart(name) || kCodecFields.Has(http::LookUpHeaderId(name))) continue;
    reply.fields.emplace_back(std::move(name), std::move(value));
  }
  if (status < 200 || status >= 600) return ":status must be between 200-599";
  reply.status = static_cast<uint16_t>(status);
  reply.body = body;
  reply.details = "lua_response";
  filter_.context().SendLocalReply(std::move(reply));
  return nullptr;
}

const char* ScriptStream::Call(const lua::CallSetup& setup) {
  // What is sent when nobody waits for it is kept beyond this stream.
  const char* const error = Write(setup.wants_answer ? 0 : setup.body.size());
  if (error != nullptr) return error;
  upstream::ClusterRuntime* const cluster = filter_.context().clusters().Find(setup.cluster);
  if (cluster == nullptr) return "http call cluster invalid. Must be configured";
  upstream::CallRequest request;
  for (auto& [name, value] : message_) {
    const std::optional<RequestPart> part = http::FindRequestPart(name);
    if (part == RequestPart::kAuthority) {
      request.authority = std::move(value);
    } else if (part == RequestPart::kPath) {
      request.path = std::move(value);
    } else if (part == RequestPart::kMethod) {
      request.method = std::move(value);
    } else if (!MayBePart(name) && !kCodecFields.Has(http::LookUpHeaderId(name))) {
      if (!http::IsValidHeaderName(name) || !http::IsValidHeaderValue(value)) {
        return "http call headers have a name or value that is not valid";
      }
      request.fields.emplace_back(std::move(name), std::move(value));
    }
  }
  if (request.path.empty() || request.method.empty() || request.authority.empty()) {
    return "http call headers must include ':path', ':method', and ':authority'";
  }
  if (!http::IsValidPart(RequestPart::kPath, request.path) ||
      !http::IsValidPart(RequestPart::kMethod, request.method) ||
      !http::IsValidPart(RequestPart::kAuthority, request.authority)) {
    return "http call headers have a ':path', ':method' or ':authority' that cannot be sent";
  }
  request.body = setup.body;
  if (setup.has_body && setup.body.empty()) request.fields.emplace_back("content-length", "0");
  const bool detached = !setup.wants_answer;
  request.timeout =
      (detached && setup.timeout == 0 ? kDetachedTimeout : setup.timeout) * event::kMillisecond;
  request.max_body = kMaxAnswer;
  if (detached) {
    return filter_.state().StartDetached(*cluster, request)
               ? nullptr
               : "too many http calls that nobody waits for";
  }
  upstream::CallUser& user = *this;
  call_ = std::make_unique<upstream::WholeCall>(*cluster, request, user);
  return nullptr;
}

// --- the rest

void ScriptStream::ClearRouteCache() {
  if (!is_request() || head_passed_) return;
  changed_ = false;
  filter_.Reroute();
}

const char* ScriptStream::SetOverrideHost(std::string_view host, bool strict) {
  if (!net::Address::IpPort(host).ok() && !net::Address::Ip(host, 0).ok()) {
    return "host is not a valid IP address";
  }
  http::OverrideHost wish;
  wish.name = filter_.context().arena().Copy(host);
  wish.strict = strict;
  filter_.Override(wish);
  return nullptr;
}

int64_t ScriptStream::WallTime() { return filter_.context().dispatcher().wall_now(); }

void ScriptStream::Log(lua::LogLevel level, std::string_view text) {
  const auto log_level = static_cast<base::LogLevel>(level);
  if (!base::LogEnabled(base::Logger::kFilter, log_level)) return;
  std::string line = "script log: ";
  line += text;
  // It may be what a client said.
  http::EscapeControls(line, 0);
  base::WriteLog(base::Logger::kFilter, log_level, line);
}
static_assert(static_cast<int>(lua::LogLevel::kTrace) == static_cast<int>(base::LogLevel::kTrace) &&
              static_cast<int>(lua::LogLevel::kCritical) ==
                  static_cast<int>(base::LogLevel::kCritical));

void ScriptStream::Failed(std::string_view why, bool limited) {
  filter_.state().errors.Inc();
  if (limited) filter_.state().limited.Inc();
  Log(lua::LogLevel::kError, why);
}

}  // namespace remora::extensions
