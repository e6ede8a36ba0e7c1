#pragma once

// What is inside an Any that holds a resource: the Resource around it and a TypedStruct in place of
// the message are taken off.
//
// For the .cc files of this folder, which alone see protobuf. Pure; any thread. The Any's bytes are
// taken, not copied. An error is text for a NACK. Every type of resource has its name in field 1,
// which is read without the rest. Source: Envoy source/common/config/{decoded_resource_impl,
// utility}.cc.

#include <string>
#include <string_view>

#include "source/xds/discovery.h"

namespace google::protobuf {
class Any;
}
namespace envoy::service::discovery::v3 {
class Resource;
}

namespace remora::xds {

// Adds the resource in `any` to the offers or to what is unreadable. `type_url` is the response's;
// `index` is the resource's place in it, for messages.
void AddOffer(google::protobuf::Any& any, size_t index, Response& response);
void AddOffer(envoy::service::discovery::v3::Resource& wrapped, size_t index, Response& response);

// The text in field 1 of a serialized message; empty: none. False: it is no message.
bool ReadName(std::string_view bytes, std::string& name);

}  // namespace remora::xds
