#pragma once

// A service to be transcoded, made here: the descriptor set of package "shop".
//
//   message Item { string id; int64 count; Kind kind; Item part; repeated string tags;
//                  map<string,string> notes; bool sold; }
//   service Shop: Get  GET /v1/items/{id}   also GET /v1/{part.id=shelves/*}/items/{id}
//                 Put  PUT /v1/items/{id}   body: part
//                 Make POST /v1/items       body: *
//                 Tag  PATCH /v1/items/{id}/tags  body: tags  response_body: tags
//                 Part GET /v1/parts/{id}   response_body: part
//                 List GET /v1/items        server streaming
//                 Add  POST /v1/items:add   body: *  client streaming
//                 Find custom FIND /v1/find/{id=**}
//                 Raw  POST /v1/raw         body: *  google.api.HttpBody both ways
//                 Plain (without an option)

#include <string>

namespace remora::fakes {

// Serialized google.protobuf.FileDescriptorSet.
std::string ShopDescriptors();
// A serialized message from JSON, and back. `type` as "shop.Item".
std::string ShopMessage(const std::string& type, const std::string& json);
std::string ShopJson(const std::string& type, const std::string& message);

}  // namespace remora::fakes
