#include "source/http/route/metadata_matcher.h"

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

using http::MetadataValue;
using Kind = ValueMatch::Kind;

MetadataValue Text(std::string text) {
  MetadataValue value;
  value.kind = MetadataValue::Kind::kString;
  value.text = std::move(text);
  return value;
}
MetadataValue Number(double number) {
  MetadataValue value;
  value.kind = MetadataValue::Kind::kNumber;
  value.number = number;
  return value;
}

// {f: {k: value}}
http::Metadata Holding(MetadataValue value) {
  MetadataValue fields;
  fields.kind = MetadataValue::Kind::kStruct;
  fields.fields["k"] = std::move(value);
  return {{"f", std::move(fields)}};
}

bool Matches(ValueMatch match, const http::Metadata* metadata, bool invert = false) {
  auto matcher = MetadataMatcher::Compile({"f", {"k"}, std::move(match), invert}, 100);
  REQUIRE(matcher.ok());
  return matcher->Matches(metadata);
}

TEST_CASE("metadata: each kind of condition") {
  const http::Metadata text = Holding(Text("abc"));
  const http::Metadata number = Holding(Number(3));
  const http::Metadata null = Holding({});
  const ValueMatch is_text{.kind = Kind::kString, .string = {StringMatch::Kind::kPrefix, "ab"}};
  CHECK(Matches(is_text, &text));
  CHECK_FALSE(Matches(is_text, &number));
  CHECK(Matches({.kind = Kind::kNumber, .number = 3}, &number));
  CHECK_FALSE(Matches({.kind = Kind::kNumber, .number = 3}, &text));
  CHECK(Matches({.kind = Kind::kRange, .number = 3, .range_end = 4}, &number));
  CHECK_FALSE(Matches({.kind = Kind::kRange, .number = 2, .range_end = 3}, &number));
  CHECK(Matches({.kind = Kind::kNull}, &null));
  CHECK_FALSE(Matches({.kind = Kind::kNull}, &text));
  CHECK(Matches({.kind = Kind::kPresent, .boolean = true}, &null));
  CHECK_FALSE(Matches({.kind = Kind::kPresent, .boolean = false}, &text));

  MetadataValue yes;
  yes.kind = MetadataValue::Kind::kBoolean;
  yes.boolean = true;
  const http::Metadata boolean = Holding(yes);
  CHECK(Matches({.kind = Kind::kBoolean, .boolean = true}, &boolean));
  CHECK_FALSE(Matches({.kind = Kind::kBoolean, .boolean = false}, &boolean));

  MetadataValue items;
  items.kind = MetadataValue::Kind::kList;
  items.items = {Number(1), Text("abc")};
  const http::Metadata list = Holding(items);
  CHECK(Matches({.kind = Kind::kOneOf, .inner = {is_text}}, &list));
  CHECK_FALSE(Matches({.kind = Kind::kOneOf, .inner = {is_text}}, &text));
  const ValueMatch any{.kind = Kind::kAnyOf,
                       .inner = {is_text, {.kind = Kind::kNumber, .number = 3}}};
  CHECK(Matches(any, &number));
  CHECK_FALSE(Matches(any, &null));
}

TEST_CASE("metadata: what is not there matches only inverted") {
  const http::Metadata other = {{"g", {}}};
  for (const http::Metadata* metadata : {static_cast<const http::Metadata*>(nullptr), &other}) {
    CHECK_FALSE(Matches({.kind = Kind::kNull}, metadata));
    CHECK_FALSE(Matches({.kind = Kind::kPresent, .boolean = true}, metadata));
    CHECK(Matches({.kind = Kind::kPresent, .boolean = true}, metadata, true));
  }
}

TEST_CASE("metadata: a bad expression is an error") {
  ValueMatch match{.kind = Kind::kString, .string = {StringMatch::Kind::kSafeRegex, "("}};
  CHECK_FALSE(MetadataMatcher::Compile({"f", {"k"}, match, false}, 100).ok());
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.dynamic_metadata.push_back({"f", {"k"}, match, false});
  CHECK(Problems(OneHost({route}))
            .starts_with("virtual_hosts[0].routes[0].match.dynamic_metadata[0]: "));
}

TEST_CASE("metadata: a condition of a route") {
  RouteConfig first = MakeRoute("first", Prefix("/"));
  first.dynamic_metadata.push_back(
      {"f", {"k"}, {.kind = Kind::kString, .string = {StringMatch::Kind::kExact, "v"}}, false});
  const auto table = MustBuild(OneHost({first, MakeRoute("second", Prefix("/"))}));
  const Request request("a.com", "/");
  const http::Metadata metadata = Holding(Text("v"));
  CHECK(table->Match(request.head(), 0, nullptr, &metadata).route->name() == "first");
  CHECK(table->Match(request.head(), 0).route->name() == "second");
}

}  // namespace
}  // namespace remora::route
