#pragma once

// HeaderChanges: what one level of a route table adds to and removes from a head, compiled.
// HeaderPlan: the levels that count for a route, in the order in which they are made.
//
// Owner: the RouteTable; immutable, any thread. Fields with constant values are lines written out
// beforehand, so a level that only appends them is pushed as one run that a serializer copies at
// once. Values that need the exchange are formatted into the message's arena; one that is not valid
// on the wire is left out. Nothing else can fail: names and texts are checked by Compile.
//
// Source: Envoy source/common/router/header_parser.cc. Removals come first; conditions and values
// are those of the head as it is then; replacements are made before what is appended.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/formatter/format.h"
#include "source/http/header_map.h"
#include "source/http/route/config.h"

namespace remora::route {

class HeaderChanges {
 public:
  // `field` is relative to "request_headers_to_" or "response_headers_to_": "add[0].header.key".
  using Report = std::function<void(std::string_view field, std::string_view message)>;

  // Null when there is nothing to change, or after a report.
  static std::unique_ptr<const HeaderChanges> Compile(HeaderChangesConfig config,
                                                      const Report& report);
  HeaderChanges(const HeaderChanges&) = delete;
  HeaderChanges& operator=(const HeaderChanges&) = delete;

  void Apply(http::HeaderMap& headers, const formatter::Exchange& exchange) const;

 private:
  using Action = HeaderAddition::Action;
  struct Name {
    std::string text;  // lower-case
    http::HeaderId id;
  };
  struct Addition {
    http::HeaderEntry entry;  // without a value when there is a format
    Action action;
    bool keep_empty;
    std::optional<formatter::Format> format;
  };

  HeaderChanges() = default;
  void AddOne(HeaderAddition config, std::string_view field, const Report& report);
  void WriteLines();
  void ApplyWithConditions(http::HeaderMap& headers, const formatter::Exchange& exchange) const;

  std::vector<Name> removals_;
  std::vector<Addition> additions_;
  std::string lines_;         // "name: value CR LF" of each addition
  bool only_appends_ = true;  // constants, whatever the head holds
};

class HeaderPlan {
 public:
  explicit HeaderPlan(std::vector<const HeaderChanges*> levels) : levels_(std::move(levels)) {}

  void Apply(http::HeaderMap& headers, const formatter::Exchange& exchange) const {
    for (const HeaderChanges* level : levels_) level->Apply(headers, exchange);
  }

 private:
  std::vector<const HeaderChanges*> levels_;
};

// Whether a configuration may change fields of that name (lower-case): not those with a colon and
// not host, which rewrites are for.
bool MayChangeHeader(std::string_view name);

}  // namespace remora::route
