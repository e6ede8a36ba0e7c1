#pragma once

// ValueFormat: a header value with command operators, parsed once: `a-%REQ(x-user?x-id):8%`.
//
// Immutable value; any thread. `%%` is a percent sign. What a value can be made of here:
//   %REQ(NAME)%, %REQ(NAME?OTHER)%     request field, or :path :method :authority :scheme
//   %RESP(NAME)%                       response field, or :status
//   %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER%
// each with `:N` for its first N bytes. What is not known (yet) is empty. Any other operator is an
// error at load that names it. Source: Envoy docs, access log command operators.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"

namespace remora::extensions {

class ValueFormat {
 public:
  struct Facts {
    const http::RequestHead* request = nullptr;
    const http::ResponseHead* response = nullptr;
    const http::StreamInfo* info = nullptr;
    std::string_view cluster;
  };

  static absl::StatusOr<ValueFormat> Parse(std::string_view text);
  // Taken as it is.
  static ValueFormat Literal(std::string text);

  std::string Fill(const Facts& facts) const;

 private:
  enum class Kind : uint8_t {
    kLiteral,
    kRequestField,
    kResponseField,
    kProtocol,
    kResponseCode,
    kResponseCodeDetails,
    kRouteName,
    kUpstreamCluster,
  };
  struct Part {
    Kind kind = Kind::kLiteral;
    std::string text;         // the literal, or the field's name in lower case
    std::string alternative;  // another field's name
    std::optional<size_t> max_length;
  };

  static absl::StatusOr<Part> ParseOperator(std::string_view name, std::string_view parameters);
  static void AppendPart(const Part& part, const Facts& facts, std::string& out);

  std::vector<Part> parts_;
};

}  // namespace remora::extensions
