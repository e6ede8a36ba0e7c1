// The HTTP API without HTTP.

#include <catch2/catch.hpp>
#include <vector>

#include "examples/control_plane/api.h"
#include "test/examples/control_plane/tables.h"

namespace remora::control_plane {
namespace {

struct World {
  ApiResponse Ask(std::string_view method, std::string_view path, const std::string& body = "") {
    return api.Handle(method, path, body);
  }

  absl::Status commit_status;
  std::vector<uint64_t> committed;  // versions
  Api api{TableOf(kTwoRoutes),
          [this](const RouteTable& table) {
            if (commit_status.ok()) committed.push_back(table.version());
            return commit_status;
          },
          [] {
            v1::Sidecars sidecars;
            sidecars.add_sidecars()->set_node_id("one");
            return sidecars;
          }};
};

bool Has(const ApiResponse& response, std::string_view text) {
  return response.body.find(text) != std::string::npos;
}

TEST_CASE("routes are created, read, replaced and deleted") {
  World w;
  CHECK(Has(w.Ask("GET", "/routes"), "\"name\": \"cart\""));
  ApiResponse response = w.Ask("PUT", "/routes/news", R"({"path": "/news"})");
  CHECK(response.status == 201);
  CHECK(Has(response, "\"host\": \"*\""));
  CHECK(Has(w.Ask("GET", "/routes/news?pretty"), "\"path\": \"/news\""));
  CHECK(w.Ask("PUT", "/routes/news", R"({"name": "news", "path": "/n"})").status == 200);
  response = w.Ask("DELETE", "/routes/news");
  CHECK(response.status == 204);
  CHECK(response.body.empty());
  CHECK(w.Ask("GET", "/routes/news").status == 404);
  CHECK(w.committed == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("instances are put and deleted") {
  World w;
  ApiResponse response = w.Ask("PUT", "/routes/shop/instances/[::1]:99", R"({"weight": 5})");
  CHECK(response.status == 200);
  CHECK(Has(response, "\"address\": \"::1\""));
  CHECK(Has(response, "\"weight\": 5"));
  CHECK(w.Ask("PUT", "/routes/shop/instances/127.0.0.2:99").status == 200);
  CHECK(w.api.table().Find("shop")->instances_size() == 4);
  CHECK(w.Ask("DELETE", "/routes/shop/instances/127.0.0.1:81").status == 204);
  CHECK(w.api.table().Find("shop")->instances_size() == 3);
}

TEST_CASE("what is wrong is refused and changes nothing") {
  World w;
  struct Case {
    const char* method;
    const char* path;
    const char* body;
    int status;
    const char* reason;
  };
  const Case cases[] = {
      {"PUT", "/routes/a", "{\"paht\": \"/\"}", 400, "did you mean \\\"path\\\"?"},
      {"PUT", "/routes/a", "{", 400, "body:1:"},
      {"PUT", "/routes/a", "{\"name\": \"b\"}", 400, "the body is about"},
      {"PUT", "/routes/a%20b", "{}", 400, "name: must match"},
      {"PUT", "/routes/", "{}", 400, "name: is required"},
      {"PUT", "/routes/a", "{\"host\": \"shop.example\"}", 400, "already"},
      {"PUT", "/routes/shop/instances/web:1", "", 400, "is no ADDRESS:PORT"},
      {"PUT", "/routes/shop/instances/1.1.1.1:1", "{\"weight\": 0}", 400, "weight"},
      {"PUT", "/routes/no/instances/1.1.1.1:1", "", 404, "there is no route"},
      {"DELETE", "/routes/shop/instances/1.1.1.1:1", "", 404, "has no instance"},
      {"DELETE", "/routes/no", "", 404, "there is no route"},
      {"POST", "/routes/shop", "", 405, "POST is not for this path"},
      {"DELETE", "/sidecars", "", 405, "DELETE is not"},
      {"GET", "/", "", 404, "there are /routes"},
      {"GET", "/routes/shop/other/x", "", 404, "there is no"},
  };
  for (const Case& c : cases) {
    const ApiResponse response = w.Ask(c.method, c.path, c.body);
    INFO(c.method << " " << c.path << " " << c.body << ": " << response.body);
    CHECK(response.status == c.status);
    CHECK(Has(response, c.reason));
    CHECK(Has(response, "\"reason\": "));
    CHECK(response.allow.empty() == (c.status != 405));
  }
  CHECK(w.committed.empty());
  CHECK(w.api.table().version() == 0);
}

TEST_CASE("a change that cannot be kept does not count") {
  World w;
  w.commit_status = absl::UnavailableError("the disk is full");
  const ApiResponse response = w.Ask("DELETE", "/routes/shop");
  CHECK(response.status == 500);
  CHECK(Has(response, "the disk is full"));
  CHECK(w.Ask("GET", "/routes/shop").status == 200);
}

TEST_CASE("sidecars are shown with what is false too") {
  World w;
  const ApiResponse response = w.Ask("GET", "/sidecars");
  CHECK(Has(response, "\"node_id\": \"one\""));
  CHECK(Has(response, "\"up_to_date\": false"));
}

}  // namespace
}  // namespace remora::control_plane
