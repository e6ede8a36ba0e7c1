// Which changes a processor may make, and what comes of them.

#include "source/extensions/http_filters/ext_proc/mutation.h"

#include <catch2/catch.hpp>

#include "envoy/config/common/mutation_rules/v3/header_mutation_rules.pb.h"
#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;
using RulesProto = envoy::config::common::mutation_rules::v3::HeaderMutationRules;
using MutationProto = envoy::service::ext_proc::v3::HeaderMutation;

MutationRules Rules(const std::string& text) {
  config::ErrorList errors;
  config::ConfigContext context(errors, "filter");
  MutationRules rules = ParseMutationRules(ProtoFromText<RulesProto>(text), "rules", context);
  CHECK(errors.ToString().empty());
  return rules;
}

std::string Set(const std::string& name, const std::string& value, const std::string& more = "") {
  return "set_headers { header { key: '" + name + "' raw_value: '" + value + "' } " + more + " } ";
}
std::string Remove(const std::string& name) { return "remove_headers: '" + name + "' "; }

// A request with x-a twice and x-b, behind a mutation: its line, its fields, or the error.
struct Request {
  explicit Request(const std::string& mutation, const std::string& rules = "",
                   bool replacing = false, bool keep_length = false, bool trailers = false)
      : head(arena) {
    head.method = "GET";
    head.scheme = "http";
    head.authority = "old";
    head.path = "/old";
    head.headers.Add("x-a", "1");
    head.headers.Add("x-a", "2");
    head.headers.Add("x-b", "3");
    MutationTarget target{head.headers};
    if (!trailers) target.request = &head;
    target.replacing = replacing;
    target.keep_length = keep_length;
    target.trailers = trailers;
    const absl::Status status =
        ApplyMutation(ProtoFromText<MutationProto>(mutation), Rules(rules), target, {});
    text = status.ok() ? Print() : std::string(status.message());
  }
  std::string Print() const {
    std::string out = std::string(head.method) + " " + std::string(head.scheme) + "://" +
                      std::string(head.authority) + std::string(head.path);
    head.headers.ForEach([&](const http::HeaderEntry& entry) {
      out += " " + std::string(entry.name()) + "=" + std::string(entry.value());
    });
    return out;
  }
  base::ArenaPool arenas;
  base::Arena arena{arenas};
  http::RequestHead head;
  std::string text;
};

TEST_CASE("ext_proc mutation: fields are set, added and removed") {
  CHECK(Request("").text == "GET http://old/old x-a=1 x-a=2 x-b=3");
  CHECK(Request(Set("X-A", "n")).text == "GET http://old/old x-a=n x-b=3");
  CHECK(Request(Set("x-c", "n")).text == "GET http://old/old x-a=1 x-a=2 x-b=3 x-c=n");
  CHECK(Request(Set("x-b", "n", "append { value: true }")).text ==
        "GET http://old/old x-a=1 x-a=2 x-b=3 x-b=n");
  // As in Envoy: what append_action says is not heard.
  CHECK(Request(Set("x-b", "n", "append_action: ADD_IF_ABSENT")).text ==
        "GET http://old/old x-a=1 x-a=2 x-b=n");
  // Removed first.
  CHECK(Request(Remove("X-a") + Set("x-a", "n")).text == "GET http://old/old x-b=3 x-a=n");
}

TEST_CASE("ext_proc mutation: parts of the request line, by the rules") {
  const std::string all = Set(":path", "/new") + Set(":method", "PUT") + Set(":scheme", "https") +
                          Set("host", "new") + Set("x-envoy-a", "1");
  CHECK(Request(all).text == "GET http://old/new x-a=1 x-a=2 x-b=3");
  CHECK(Request(all, "allow_all_routing { value: true } allow_envoy { value: true }").text ==
        "PUT https://new/new x-a=1 x-a=2 x-b=3 x-envoy-a=1");
  CHECK(Request(all, "allow_all_routing { value: true } disallow_system { value: true }").text ==
        "GET http://new/old x-a=1 x-a=2 x-b=3");
  CHECK(Request(all, "disallow_all { value: true }").text ==
        "GET http://old/old x-a=1 x-a=2 x-b=3");
  // A new message may have another method.
  CHECK(Request(Set(":method", "PUT"), "", true).text == "PUT http://old/old x-a=1 x-a=2 x-b=3");
  // There is one of each, always.
  CHECK(Request(Set(":path", "/new", "append { value: true }") + Remove(":path") + Remove("host"),
                "allow_all_routing { value: true }")
            .text == "GET http://old/old x-a=1 x-a=2 x-b=3");
}

TEST_CASE("ext_proc mutation: expressions come first") {
  const std::string both = Set("x-a", "n") + Set("x-b", "n");
  CHECK(Request(both, "disallow_expression { regex: 'x-a' }").text ==
        "GET http://old/old x-a=1 x-a=2 x-b=n");
  CHECK(Request(both, "disallow_all { value: true } allow_expression { regex: 'x-a' }").text ==
        "GET http://old/old x-a=n x-b=3");
  CHECK(Request(both,
                "disallow_expression { regex: 'x-.*' } allow_expression { regex: 'x-a' } "
                "disallow_is_error { value: true }")
            .text == "header_mutation_set_headers_failed");
  CHECK(Request(Remove("x-a"), "disallow_all { value: true } disallow_is_error { value: true }")
            .text == "header_mutation_remove_headers_failed");
}

TEST_CASE("ext_proc mutation: what is not valid reaches no wire") {
  const std::string rules = "allow_all_routing { value: true }";
  const std::string same = "GET http://old/old x-a=1 x-a=2 x-b=3";
  CHECK(Request(Set("x-a", "a\\r\\nb")).text == "header_mutation_set_contains_invalid_character");
  CHECK(Request(Set("x a", "b")).text == "header_mutation_set_contains_invalid_character");
  CHECK(Request(Remove("x a")).text == "header_mutation_remove_contains_invalid_character");
  for (const char* value : {"", "no-slash", "/a b", "/a#b"}) {
    CHECK(Request(Set(":path", value), rules).text == same);
  }
  CHECK(Request(Set(":method", "A B"), rules).text == same);
  CHECK(Request(Set(":scheme", "ftp"), rules).text == same);
  CHECK(Request(Set("host", "a b"), rules).text == same);
  CHECK(Request(Set(":status", "200") + Set(":x", "1"), rules).text == same);
  CHECK(Request(Set("content-length", "7"), "", false, true).text == same);
  CHECK(Request(Set("content-length", "7") + Set("transfer-encoding", "x") + Set("x-t", "1"), "",
                false, false, true)
            .text == same + " x-t=1");
}

TEST_CASE("ext_proc mutation: how many") {
  std::string many;
  for (int i = 0; i < 101; ++i) many += Set("x-" + std::to_string(i), "v");
  CHECK(Request(many).text == "header_mutation_operation_count_exceeds_limit");
  many.clear();
  for (int i = 0; i < 99; ++i) many += Set("x-" + std::to_string(i), "v");
  CHECK(Request(many).text == "header_mutation_result_exceeds_limit");
  CHECK(Request(Set("x-long", std::string(60 * 1024, 'v'))).text ==
        "header_mutation_result_exceeds_limit");
}

TEST_CASE("ext_proc mutation: the status of a response") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  const auto status_after = [&](const std::string& value, bool with_body = false) {
    http::ResponseHead head(arena);
    head.status = 200;
    MutationTarget target{head.headers};
    target.status = &head.status;
    target.with_body = with_body;
    CHECK(ApplyMutation(ProtoFromText<MutationProto>(Set(":status", value)), {}, target, {}).ok());
    return head.status;
  };
  CHECK(status_after("404") == 404);
  CHECK(status_after("204") == 204);
  CHECK(status_after("204", /*with_body=*/true) == 200);
  for (const char* value : {"", "x", "100", "600", "99999999999"})
    CHECK(status_after(value) == 200);
}

}  // namespace
}  // namespace remora::extensions
