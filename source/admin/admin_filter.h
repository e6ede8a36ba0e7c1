#pragma once

// AdminFilter: the terminal filter of the admin listener. Reads the request, asks the
// EndpointTable, and sends the response as fast as the client takes it.
//
//   head, data (kept if it is a form), end -> Handle -> head -> pieces, some a turn -> end
//                                                               ^ stands still while paused
//
// Owner: the chain, in the stream's arena. Thread: main's (the admin listener is not on a worker).
// A form over kMaxForm is answered with 413. A body that is no form is read and dropped.

#include <optional>
#include <string>

#include "source/admin/endpoint_table.h"
#include "source/admin/environment.h"
#include "source/admin/response.h"
#include "source/event/dispatcher.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::admin {

class AdminFilter final : public http::Filter, private http::MessageSource {
 public:
  static constexpr size_t kMaxForm = 64 * 1024;
  // Pieces a turn: a connection notices at the end of a turn that its output is over the mark.
  static constexpr int kPiecesPerTurn = 4;

  AdminFilter(const EndpointTable& endpoints, http::FilterContext& context);

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

 private:
  // http::MessageSource: of the response.
  void Pause(http::PauseReason reason) override;
  void Resume(http::PauseReason reason) override;

  void Send(Response response);
  void SendHead();
  // Sends pieces until the turn's share, a pause or the end.
  void Produce();
  bool TakePiece(std::string& piece);
  static void RunProduce(void* self);

  const EndpointTable& endpoints_;
  http::FilterContext& context_;
  event::TurnTask produce_;
  http::PauseMask pause_;
  const http::RequestHead* request_ = nullptr;
  std::string form_;
  size_t body_sent_ = 0;              // of response_->body
  std::optional<Response> response_;  // what is left to send; none before and after
  std::shared_ptr<LaterResponse> later_;
  bool keeps_body_ = false;
  bool done_ = false;  // answered or over
};

// The terminal filter for the admin listener's connection manager. `environment` outlives it.
http::FilterFactory AdminFilterFactory(const Environment* environment);

}  // namespace remora::admin
