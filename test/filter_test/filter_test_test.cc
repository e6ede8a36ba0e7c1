// The cases of the example's modules, and what is said of cases that fail.

#include "source/filter_test/filter_test.h"

#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "test/fakes/folder.h"

namespace remora::filter_test {
namespace {

const std::string kExample = "examples/loadable_filter/";

Verdict Run(const std::string& module, const std::string& text) {
  fakes::Folder folder;
  return RunCases(kExample + "lib" + module + ".so", {folder.Write("case.yaml", text)});
}

TEST_CASE("filter-test: the cases of the examples") {
  for (const auto& [module, files, count] :
       {std::tuple("key_auth", std::vector<std::string>{"key_auth", "key_auth_refused"}, 6),
        std::tuple("replace_text", std::vector<std::string>{"replace_text"}, 3),
        std::tuple("tenant_lookup", std::vector<std::string>{"tenant_lookup"}, 7)}) {
    std::vector<std::string> paths;
    for (const std::string& file : files) paths.push_back(kExample + "cases/" + file + ".yaml");
    const Verdict verdict = RunCases(kExample + "lib" + module + ".so", paths);
    INFO(verdict.report);
    CHECK(verdict.passed);
    CHECK(verdict.report.find(std::to_string(count) + " passed, 0 failed\n") != std::string::npos);
  }
}

TEST_CASE("filter-test: what is not as expected is said, line by line") {
  const Verdict verdict = Run("key_auth", R"(
filter_config: { keys: [k] }
exchanges:
- name: all wrong
  request: { headers: [{ name: x-api-key, value: wrong }] }
  expect:
    request: { path: / }
    response:
      status: 200
      headers: [{ name: www-authenticate, value: Basic }, { name: x-y, value: z }]
      without: [content-type]
      body: ["let in\n"]
    details: via_upstream
    metadata: { a: { b: 1 } }
    stats: { key_auth.denied: 2, nothing: 1 }
)");
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.report ==
        "FAIL  all wrong\n"
        "      answered_by: expected UPSTREAM, was FILTER\n"
        "      request: expected a message, was none\n"
        "      response.status: expected 200, was 401\n"
        "      response.headers www-authenticate: expected \"Basic\", was \"Key\"\n"
        "      response.headers x-y: expected \"z\", was not there\n"
        "      response.headers content-type: expected nothing, was \"text/plain\"\n"
        "      response.body: expected \"let in\\n\", was \"a valid key is wanted\\n\"\n"
        "      details: expected \"via_upstream\", was \"key_auth_denied\"\n"
        "      metadata a b: expected 1, was not there\n"
        "      stats key_auth.denied: expected 2, was 1\n"
        "      stats nothing: expected 1, was not there\n"
        "0 passed, 1 failed\n");
}

TEST_CASE("filter-test: files that are none") {
  CHECK(Run("none", "{}").report.find("libnone.so: No such file or directory") !=
        std::string::npos);
  const Verdict empty = Run("key_auth", "filter_config: {}");
  CHECK_FALSE(empty.passed);
  CHECK(empty.report.find("there are no exchanges in it") != std::string::npos);
  const Verdict unknown = Run("key_auth", "exchanges: [{name: a, requset: {path: /x}}]");
  CHECK_FALSE(unknown.passed);
  CHECK(unknown.report.find("requset") != std::string::npos);
  // Fields as no filter would ever see them.
  const Verdict upper_case = Run("key_auth",
                                 "exchanges: [{name: a, request: {headers: [{name: X-A}]}, expect: "
                                 "{request: {without: [X-B]}}}]");
  CHECK(upper_case.report.find("exchanges[0].request.headers[0].name: ") != std::string::npos);
  CHECK(upper_case.report.find("exchanges[0].expect.request.without[0]: ") != std::string::npos);
  const Verdict late = Run("key_auth", "exchanges: [{name: a, calls: [{cluster: c, after: 2h}]}]");
  CHECK(late.report.find("exchanges[0].calls[0].after: ") != std::string::npos);
  const Verdict accepted = Run("key_auth", "{filter_config: {keys: [a]}, refused: keys}");
  CHECK(accepted.report.find("refused: expected \"keys\", was accepted") != std::string::npos);
  const Verdict refused = Run("key_auth", "{filter_config: {}, exchanges: [{name: a}]}");
  CHECK(refused.report.find("filter_config.keys: at least one is needed") != std::string::npos);
}

}  // namespace
}  // namespace remora::filter_test
