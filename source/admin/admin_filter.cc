#include "source/admin/admin_filter.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "source/base/log.h"

namespace remora::admin {

using http::Answer;
using http::HeaderId;

AdminFilter::AdminFilter(const EndpointTable& endpoints, http::FilterContext& context)
    : endpoints_(endpoints), context_(context), produce_(&RunProduce, this) {}

// --- the request ---

Answer AdminFilter::OnRequestHead(http::RequestHead& head) {
  request_ = &head;
  keeps_body_ = IsForm(head.headers.Get(HeaderId::kContentType));
  return Answer::kContinue;
}

Answer AdminFilter::OnRequestData(buffer::Buffer& data) {
  if (keeps_body_ && !done_) {
    if (form_.size() + data.length() > kMaxForm) {
      done_ = true;
      context_.SendLocalReply(
          http::ReplyTo({http::Side::kLocal, http::ErrorKind::kRequestTooLarge}));
    } else {
      form_ += data.ToString();
    }
  }
  data.Clear();
  return Answer::kContinue;
}

Answer AdminFilter::OnRequestEnd(http::HeaderMap*) {
  if (done_) return Answer::kContinue;
  const Request request = MakeRequest(request_->method, request_->path, form_);
  Response response = endpoints_.Handle(request);
  REMORA_LOG(kAdmin, kDebug, request.method, " ", request.path, ": ", response.status);
  context_.stream_info().response_code_details = "admin_filter_response";
  context_.SetResponseSource(this);
  later_ = response.later;
  if (later_ == nullptr || later_->response.has_value()) {
    Send(later_ == nullptr ? std::move(response) : *std::move(later_->response));
  } else {
    later_->take = [this](Response found) { Send(std::move(found)); };
  }
  return Answer::kContinue;
}

void AdminFilter::Send(Response response) {
  response_ = std::move(response);
  SendHead();
  Produce();
}

void AdminFilter::OnComplete() {
  done_ = true;
  if (later_ != nullptr) later_->take = nullptr;
  produce_.Unlink();
  response_.reset();
}

// --- the response ---

void AdminFilter::SendHead() {
  auto* head = context_.arena().New<http::ResponseHead>(context_.arena());
  head->status = response_->status;
  head->headers.SetReference(HeaderId::kContentType, response_->content_type);
  head->headers.SetReference(HeaderId::kCacheControl, "no-cache, max-age=0");
  head->headers.Set("x-content-type-options", "nosniff");
  const bool has_body = request_->method_id != http::Method::kHead;
  head->framing = has_body ? http::Framing::kStreamed : http::Framing::kNone;
  if (!has_body) {
    response_->body.clear();
    response_->more = nullptr;
  }
  context_.response_sink().OnHead(*head);
}

bool AdminFilter::TakePiece(std::string& piece) {
  if (body_sent_ < response_->body.size()) {
    piece = response_->body.substr(body_sent_, kPieceSize);
    body_sent_ += piece.size();
    return true;
  }
  return response_->more && response_->more(piece);
}

void AdminFilter::Produce() {
  std::string piece;
  for (int sent = 0; !done_ && !pause_.paused(); ++sent) {
    if (sent == kPiecesPerTurn) {
      context_.dispatcher().AtTurnEnd(produce_);
      return;
    }
    if (!TakePiece(piece)) {
      done_ = true;
      response_.reset();
      context_.response_sink().OnEnd(nullptr);
      return;
    }
    if (piece.empty()) continue;
    buffer::Buffer data(context_.blocks());
    data.Append(piece);
    context_.response_sink().OnData(data);
  }
}

void AdminFilter::RunProduce(void* self) { static_cast<AdminFilter*>(self)->Produce(); }

void AdminFilter::Pause(http::PauseReason reason) {
  if (pause_.Set(reason)) produce_.Unlink();
}

void AdminFilter::Resume(http::PauseReason reason) {
  // Not here: the caller is one of those that the next piece goes through.
  if (pause_.Clear(reason) && response_.has_value()) context_.dispatcher().AtTurnEnd(produce_);
}

http::FilterFactory AdminFilterFactory(const Environment* environment) {
  http::FilterFactory factory;
  factory.name = "admin";
  factory.config = std::make_shared<const EndpointTable>(*environment);
  factory.create = [](const void* config, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<AdminFilter>(*static_cast<const EndpointTable*>(config), context);
  };
  factory.terminal = true;
  return factory;
}

}  // namespace remora::admin
