#include "source/xds/any.h"

#include <utility>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/util/time_util.h"
#include "google/protobuf/wire_format_lite.h"
#include "source/config/text.h"
#include "source/config/typed_struct.h"

namespace remora::xds {

using config::Concat;
using ResourceProto = envoy::service::discovery::v3::Resource;
using google::protobuf::internal::WireFormatLite;

namespace {

constexpr std::string_view kResourceUrl = "type.googleapis.com/envoy.service.discovery.v3.Resource";

std::string NameAt(size_t index) { return Concat("resources[", index, "]"); }

void Refuse(std::string name, size_t index, std::string message, Response& response) {
  if (name.empty()) name = NameAt(index);
  response.unreadable.push_back({std::move(name), std::move(message)});
}

// The message itself. `offer` has what a Resource around it says.
void AddMessage(google::protobuf::Any& any, size_t index, Offer offer, Response& response) {
  config::ErrorList errors;
  config::UnwrapTypedStructs(any, {}, errors);
  if (!errors.empty()) {
    const config::ConfigError& first = errors.errors().front();
    return Refuse(std::move(offer.name), index,
                  Concat(first.path, first.path.empty() ? "" : ": ", first.message), response);
  }
  if (any.type_url() != response.type_url) {
    return Refuse(
        std::move(offer.name), index,
        Concat("is of type ", any.type_url(), ", and the response of type ", response.type_url),
        response);
  }
  std::string name;
  if (!ReadName(any.value(), name)) {
    return Refuse(std::move(offer.name), index, Concat("Unable to unpack as ", any.type_url()),
                  response);
  }
  // What a Resource says goes first: virtual hosts have another name there.
  if (offer.name.empty()) offer.name = std::move(name);
  if (offer.name.empty()) return Refuse("", index, "has no name", response);
  offer.bytes = std::move(*any.mutable_value());
  response.offers.push_back(std::move(offer));
}

}  // namespace

bool ReadName(std::string_view bytes, std::string& name) {
  constexpr int kNameField = 1;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  while (const uint32_t tag = input.ReadTag()) {
    const bool is_name =
        WireFormatLite::GetTagFieldNumber(tag) == kNameField &&
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (is_name ? !WireFormatLite::ReadString(&input, &name)
                : !WireFormatLite::SkipField(&input, tag)) {
      return false;
    }
  }
  return input.ConsumedEntireMessage();
}

void AddOffer(ResourceProto& wrapped, size_t index, Response& response) {
  Offer offer;
  offer.name = std::move(*wrapped.mutable_name());
  offer.version = std::move(*wrapped.mutable_version());
  if (wrapped.has_ttl()) {
    offer.ttl = google::protobuf::util::TimeUtil::DurationToNanoseconds(wrapped.ttl());
  }
  offer.aliases.assign(wrapped.aliases().begin(), wrapped.aliases().end());
  if (wrapped.has_resource()) {
    return AddMessage(*wrapped.mutable_resource(), index, std::move(offer), response);
  }
  // There is none of that host.
  if (!wrapped.has_ttl() && response.type_url == TypeUrl(ResourceType::kVirtualHosts)) {
    response.removed.push_back(std::move(offer.name));
    for (std::string& alias : offer.aliases) response.removed.push_back(std::move(alias));
    return;
  }
  if (offer.name.empty() || !wrapped.has_ttl()) {
    return Refuse(std::move(offer.name), index, "has neither a resource nor a ttl", response);
  }
  offer.heartbeat = true;
  response.offers.push_back(std::move(offer));
}

void AddOffer(google::protobuf::Any& any, size_t index, Response& response) {
  if (any.type_url() == kResourceUrl) {
    ResourceProto wrapped;
    if (!wrapped.ParseFromString(any.value())) {
      return Refuse("", index, "Unable to unpack as envoy.service.discovery.v3.Resource", response);
    }
    return AddOffer(wrapped, index, response);
  }
  Offer offer;
  offer.version = response.version;
  AddMessage(any, index, std::move(offer), response);
}

}  // namespace remora::xds
