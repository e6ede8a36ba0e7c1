#pragma once

// JsonFormat: a JSON object whose strings are formats: structured log lines and local replies.
//
// A string that is one operator alone becomes what the operator's value is: a number, a text, an
// object, or null without a value; any other string stays a string. Keys come out in order, as in
// Envoy. With omit_empty, members and items without a value are left out, and so are objects that
// this leaves empty. Made with the configuration, immutable then; any thread.
// Source: Envoy docs, "access logging, format dictionaries".

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/formatter/format.h"
#include "source/http/metadata.h"

namespace remora::formatter {

class JsonFormat {
 public:
  // `object` is a struct. The error names the member.
  static absl::StatusOr<JsonFormat> Parse(const http::MetadataValue& object,
                                          const Format::Options& options);
  JsonFormat(JsonFormat&&) noexcept;
  JsonFormat& operator=(JsonFormat&&) noexcept;
  ~JsonFormat();

  // One line of JSON, with its line end.
  void AppendTo(std::string& out, const Exchange& exchange) const;

 private:
  struct Node;
  JsonFormat();
  static absl::Status Compile(const http::MetadataValue& value, const Format::Options& options,
                              const std::string& path, Node& node);
  bool AppendNode(const Node& node, std::string& out, const Exchange& exchange) const;

  std::unique_ptr<Node> root_;
  bool omit_empty_ = false;
};

}  // namespace remora::formatter
