#pragma once

// Writes a net::Address as envoy.config.core.v3.Address: {"socket_address": {..}} or
// {"pipe": {..}}. Pure; an address of no kind is an empty object.
// Owner: nobody, it is a pure function over a value; main thread, where all of admin runs. It
// cannot fail: an address of no kind prints as an empty object. Format:
// envoy.config.core.v3.Address.

#include "source/admin/json_writer.h"
#include "source/net/address.h"

namespace remora::admin {

void WriteAddress(const net::Address& address, JsonWriter& json);

}  // namespace remora::admin
