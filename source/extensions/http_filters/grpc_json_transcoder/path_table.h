#pragma once

// PathTable: which method an HTTP method and path call, by the path templates of google.api.http,
// and what the template's variables are in it.
//
//   Template = "/" Segments [ ":" verb ]     Segments = Segment { "/" Segment }
//   Segment  = "*" | "**" | literal | "{" field.path [ "=" Segments ] "}"     "**" is the last one
//
// Where several templates match, a literal is preferred to `*` and that to `**`, segment by segment
// from the left. Immutable once built; any thread. Add says what is wrong with a template.
// Source: google/api/http.proto; Envoy's grpc-httpjson-transcoding, http_template.cc,
// path_matcher.h.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace remora::extensions {

struct PathOptions {
  // What stays encoded in variables of several segments.
  enum class Kept : uint8_t { kReserved, kSlash, kNothing };
  Kept kept = Kept::kReserved;
  bool any_verb = false;  // what stands behind the last colon is a verb, known or not
};

class PathTable {
 public:
  // A field path and its value.
  using Variables = std::vector<std::pair<std::string, std::string>>;

  explicit PathTable(PathOptions options) : options_(options) {}

  // `target` is what Find gives back.
  absl::Status Add(std::string_view http_method, std::string_view path, size_t target);
  // `path` may have a query. False: nothing matches.
  bool Find(std::string_view http_method, std::string_view path, size_t& target,
            Variables& variables) const;

 private:
  struct Variable {
    std::string field;
    size_t begin;  // segments; of one that ends with `**` the end is the path's
    size_t end;
    bool open;
  };
  struct Leaf {
    size_t target;
    std::vector<Variable> variables;
  };
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> one;                                   // *
    std::unique_ptr<Node> rest;                                  // **
    std::map<std::pair<std::string, std::string>, Leaf> leaves;  // by method and verb
  };
  struct Parsed;
  using Parts = std::vector<std::string_view>;
  using Key = std::pair<std::string, std::string>;

  static absl::Status Parse(std::string_view path, Parsed& parsed);
  const Leaf* Match(const Node& node, const Parts& parts, size_t at, const Key& key) const;
  std::string Value(const Variable& variable, const Parts& parts) const;

  PathOptions options_;
  Node root_;
  std::set<std::string, std::less<>> verbs_;
};

// %XX decoded, but for what `kept` names; `plus_is_space` for queries.
std::string DecodePercent(std::string_view text, PathOptions::Kept kept, bool plus_is_space);

}  // namespace remora::extensions
