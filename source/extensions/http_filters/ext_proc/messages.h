#pragma once

// What a processor is sent of a message's fields, as envoy.service.ext_proc.v3 has them.
//
// Pure functions; any thread; `to` is the caller's. Nothing fails: values are bytes there, and what
// is no UTF-8 in a name has `!` for each wrong byte.
// Source: Envoy source/extensions/filters/http/ext_proc/mutation_utils.cc.

#include "source/extensions/http_filters/ext_proc/settings.h"
#include "source/http/message.h"

namespace envoy::config::core::v3 {
class HeaderMap;
}

namespace remora::extensions {

using FieldsProto = envoy::config::core::v3::HeaderMap;

void FillFields(const http::RequestHead& head, const ForwardRules& rules, FieldsProto& to);
void FillFields(const http::ResponseHead& head, const ForwardRules& rules, FieldsProto& to);
void FillFields(const http::HeaderMap& trailers, const ForwardRules& rules, FieldsProto& to);

}  // namespace remora::extensions
