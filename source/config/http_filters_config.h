#pragma once

// Translator of HttpConnectionManager.http_filters: the filter chain as a list of factories.
//
// Pure; the extension of each filter's type parses its configuration. The order is checked: the
// last filter, and only it, is terminal and it is not disabled. Filters of unknown type with
// is_optional are left out with a warning. Source: Envoy
// source/common/http/filter_chain_helper.{h,cc}, source/common/config/utility.cc.

#include <vector>

#include "source/config/core_config.h"
#include "source/http/filter/filter.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpFilter;
}
namespace google::protobuf {
class Any;
}

namespace remora::config {

// Holds those that could be parsed; after an error not all, and then only good for going on.
std::vector<http::FilterFactory> ParseHttpFilters(
    const google::protobuf::RepeatedPtrField<
        envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter>& protos,
    const FieldPath& path, Translation& translation);

// The factory of one filter whose type is known, from its configuration; its name is the caller's.
// After an error it knows its types, and no more.
void ParseTypedFilter(const HttpFilterEntry& entry, const google::protobuf::Any& any,
                      const FieldPath& path, Translation& translation,
                      http::FilterFactory& factory);

}  // namespace remora::config
