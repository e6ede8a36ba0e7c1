#include "source/extensions/http_filters/ext_proc/messages.h"

#include <string>

#include "envoy/config/core/v3/http_service.pb.h"
#include "source/config/proto_values.h"

namespace remora::extensions {
namespace {

void AddField(std::string_view name, std::string_view value, const ForwardRules& rules,
              FieldsProto& to) {
  if (!rules.Forwards(name)) return;
  auto& field = *to.add_headers();
  field.set_key(config::ToUtf8(name));
  field.set_raw_value(std::string(value));
}

}  // namespace

void FillFields(const http::HeaderMap& trailers, const ForwardRules& rules, FieldsProto& to) {
  trailers.ForEach(
      [&](const http::HeaderEntry& entry) { AddField(entry.name(), entry.value(), rules, to); });
}

void FillFields(const http::RequestHead& head, const ForwardRules& rules, FieldsProto& to) {
  AddField(":authority", head.authority, rules, to);
  AddField(":path", head.path, rules, to);
  AddField(":method", head.method, rules, to);
  AddField(":scheme", head.scheme, rules, to);
  FillFields(head.headers, rules, to);
}

void FillFields(const http::ResponseHead& head, const ForwardRules& rules, FieldsProto& to) {
  AddField(":status", std::to_string(head.status), rules, to);
  FillFields(head.headers, rules, to);
}

}  // namespace remora::extensions
