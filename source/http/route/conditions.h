#pragma once

// The conditions of a route besides a literal path, compiled: path regex, headers, query
// parameters, gRPC, runtime fraction.
//
// Owned by a Route, or (single matchers) by a filter's configuration; immutable. Nothing here
// allocates while it matches (but see regex.h). Semantics of Envoy 1.40, measured; see the comments
// at the functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/header_id.h"
#include "source/http/message.h"
#include "source/http/metadata.h"
#include "source/http/route/config.h"
#include "source/http/route/regex.h"
#include "source/runtime/runtime.h"

namespace remora::route {

// A request as the matchers see it.
struct RequestView {
  const http::RequestHead& head;
  std::string_view path;  // without query and fragment
  uint64_t random;
  const runtime::Snapshot* runtime = nullptr;  // null: the defaults of the configuration
  const http::Metadata* metadata = nullptr;    // what filters have left; null: nothing
};

class MetadataMatcher;

// A field of a request, or (":method", ":path", ":authority" or "host", ":scheme") a part of the
// request line.
class RequestField {
 public:
  explicit RequestField(std::string name);  // any case
  // The first value; empty when there is none.
  std::string_view First(const http::RequestHead& head) const;

 private:
  std::string name_;
  http::HeaderId id_;
};

// The first parameter of that name, as Envoy splits: at '&', then at the first '='; nothing is
// decoded, a fragment is not cut off. `path`: with its query.
std::optional<std::string_view> FindQueryParameter(std::string_view path, std::string_view name);

class StringMatcher {
 public:
  static absl::StatusOr<StringMatcher> Compile(StringMatch config, uint32_t max_program_size);

  bool Matches(std::string_view value) const;

 private:
  StringMatcher() = default;

  StringMatch::Kind kind_ = StringMatch::Kind::kExact;
  bool ignore_case_ = false;
  std::string text_;  // lower-case when ignore_case_; empty for a regex
  std::optional<Regex> regex_;
};

class HeaderMatcher {
 public:
  static absl::StatusOr<HeaderMatcher> Compile(HeaderMatch config, uint32_t max_program_size);

  bool Matches(const http::RequestHead& head) const;
  // Of the parts of a head only ":status" is there.
  bool Matches(const http::ResponseHead& head) const;
  const std::string& name() const { return name_; }

 private:
  // Where the values are.
  enum class Source : uint8_t { kField, kMethod, kPath, kAuthority, kScheme, kStatus, kNowhere };
  static Source SourceOf(std::string_view lower_case_name);

  HeaderMatcher() = default;
  bool MatchesValue(std::string_view value) const;
  template <class F>
  bool AnyValue(const http::RequestHead& head, F&& matches, bool& found) const;
  template <class F>
  bool AnyField(const http::HeaderMap& headers, F&& matches, bool& found) const;
  bool Decide(bool matches, bool found) const;

  Source source_ = Source::kField;
  http::HeaderId id_ = http::HeaderId::kOther;
  HeaderMatch::Kind kind_ = HeaderMatch::Kind::kPresent;
  bool present_ = true;
  bool invert_ = false;
  bool treat_missing_as_empty_ = false;
  int64_t range_start_ = 0;
  int64_t range_end_ = 0;
  std::string name_;  // lower-case
  std::optional<StringMatcher> string_;
};

class QueryParameterMatcher {
 public:
  static absl::StatusOr<QueryParameterMatcher> Compile(QueryParameterMatch config,
                                                       uint32_t max_program_size);

  // `path`: with its query.
  bool Matches(std::string_view path) const;
  const std::string& name() const { return name_; }

 private:
  QueryParameterMatcher() = default;

  std::string name_;
  bool present_ = true;
  std::optional<StringMatcher> string_;
};

class CookieMatcher {
 public:
  static absl::StatusOr<CookieMatcher> Compile(CookieMatch config, uint32_t max_program_size);

  bool Matches(const http::RequestHead& head) const;
  const std::string& name() const { return name_; }

 private:
  CookieMatcher(std::string name, StringMatcher string, bool invert)
      : name_(std::move(name)), string_(std::move(string)), invert_(invert) {}

  std::string name_;
  StringMatcher string_;
  bool invert_;
};

class RouteConditions {
 public:
  enum class Kind : uint8_t {
    kNone,
    kConnect,
    kRuntimeFraction,
    kGrpc,
    kHeader,
    kQueryParameter,
    kCookie,
    kDynamicMetadata,
    kPathRegex,
  };
  // A condition; `index`: among those of its kind.
  struct Condition {
    Kind kind = Kind::kNone;
    uint32_t index = 0;
  };

  RouteConditions();
  ~RouteConditions();
  // The first one that does not hold; kNone: all do.
  Condition FirstFailing(const RequestView& request) const;
  bool Hold(const RequestView& request) const { return FirstFailing(request).kind == Kind::kNone; }
  bool empty() const;

  std::optional<Regex> path_regex;
  std::optional<runtime::FractionSetting> runtime_fraction;
  bool grpc = false;
  bool connect = false;
  std::vector<HeaderMatcher> headers;
  std::vector<QueryParameterMatcher> query_parameters;
  std::vector<CookieMatcher> cookies;
  std::vector<MetadataMatcher> dynamic_metadata;
};

}  // namespace remora::route
