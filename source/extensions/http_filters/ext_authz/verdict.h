#pragma once

// Verdict: what the authorization service has decided about a request, read from its
// envoy.service.auth.v3.CheckResponse, and the changes of messages that it asks for.
//
// Plain values and pure functions; any thread. The service is trusted to decide, not to write valid
// fields: what is not valid on the wire is left out, or makes the whole verdict invalid where
// `validate` is asked for. Source: Envoy
// source/extensions/filters/common/ext_authz/ext_authz_grpc_impl.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/message.h"
#include "source/http/metadata.h"

namespace remora::extensions {

struct FieldChange {
  enum class Action : uint8_t {
    kAdd,
    kAddIfAbsent,
    kSet,
    kSetIfPresent,
    kJoin,  // to the value that there is, with a comma
  };
  std::string name;  // lower-case
  std::string value;
  Action action = Action::kAdd;
};

struct Verdict {
  enum class Kind : uint8_t { kAllowed, kDenied, kFailed };

  Kind kind = Kind::kFailed;
  uint16_t status = 0;     // of the answer to the client; 0: not said
  bool bad_value = false;  // an action or a status that there is none of
  std::string body;        // of that answer
  std::vector<std::pair<std::string, std::string>> reply_fields;  // http::LocalReply::fields
  // Of a request that is allowed.
  std::vector<FieldChange> request_fields;
  std::vector<std::string> remove_fields;  // lower-case
  std::vector<std::pair<std::string, std::string>> set_parameters;
  std::vector<std::string> remove_parameters;
  std::vector<FieldChange> response_fields;  // of its response
  http::MetadataValue metadata;              // a struct, or null
};

// nullopt: it is no CheckResponse.
std::optional<Verdict> ReadVerdict(std::string_view message);

// Everything in it is valid on the wire.
bool IsValid(const Verdict& verdict);
bool ChangesRequest(const Verdict& verdict);
// Changes that are not valid, or would leave the request without a part that it needs, are left
// out.
void ApplyToRequest(const Verdict& verdict, http::RequestHead& head);
void ApplyChanges(const std::vector<FieldChange>& changes, http::HeaderMap& headers);

}  // namespace remora::extensions
