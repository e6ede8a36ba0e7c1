#pragma once

// DynamicMetadata: what one filter adds to its stream's dynamic metadata.
//
// The metadata of a stream are values that nobody changes any more; whoever adds some makes a copy
// with its own in it and puts that in their place. Owner: the filter, which lives until the log has
// been written. Thread: its worker. Nothing fails.
// Source: Envoy StreamInfo::setDynamicMetadata.

#include <string>

#include "source/http/stream_info.h"

namespace remora::http {

class DynamicMetadata {
 public:
  DynamicMetadata() = default;
  DynamicMetadata(const DynamicMetadata&) = delete;
  DynamicMetadata& operator=(const DynamicMetadata&) = delete;

  // A struct of this stream's metadata, to be changed; made where there is none. Valid until the
  // next call.
  MetadataValue& Open(StreamInfo& info, const std::string& name_space);
  // The fields of `added`, a struct, take the place of those of the same names.
  void Merge(StreamInfo& info, const std::string& name_space, MetadataValue added);

 private:
  Metadata own_;
};

}  // namespace remora::http
