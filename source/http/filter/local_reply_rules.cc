#include "source/http/filter/local_reply_rules.h"

#include <utility>

namespace remora::http {

void LocalReplyRules::Apply(const RequestHead* request, const access_log::Surroundings& around,
                            StreamInfo& info, ResponseHead& head, LocalReply& reply) const {
  // Conditions and operators look at both.
  head.status = info.response_code = reply.status;
  formatter::Exchange exchange{.info = info, .request = request, .response = &head};
  const BodyFormat* chosen = format.has_value() ? &*format : nullptr;
  for (const LocalReplyMapper& mapper : mappers) {
    exchange.local_reply_body = reply.body;
    if (!mapper.filter.Passes(exchange, around)) continue;
    if (mapper.body.has_value()) reply.body = *mapper.body;
    exchange.local_reply_body = reply.body;
    if (mapper.headers != nullptr) mapper.headers->Apply(head.headers, exchange);
    if (mapper.status.has_value()) head.status = info.response_code = reply.status = *mapper.status;
    if (mapper.format.has_value()) chosen = &*mapper.format;
    break;
  }
  if (chosen == nullptr) return;
  exchange.local_reply_body = reply.body;
  std::string body;
  chosen->text.AppendTo(body, exchange);
  reply.body = std::move(body);
  reply.content_type = chosen->content_type;
}

}  // namespace remora::http
