#include "source/extensions/http_filters/header_mutation/value_format.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::extensions {
namespace {

struct World {
  World() : request(arena), response(arena) {
    request.method = "GET";
    request.path = "/p?q=1";
    request.authority = "example.com";
    request.scheme = "http";
    CHECK(request.headers.Add("x-user", "anna"));
    CHECK(request.headers.Add("x-user", "ben"));
    response.status = 204;
    CHECK(response.headers.Add("server", "up"));
    info.route_name = "route";
    info.response_code_details = "via_upstream";
    facts = {&request, &response, &info, "cluster"};
  }
  std::string Fill(std::string_view text) const {
    const auto format = ValueFormat::Parse(text);
    return format.ok() ? format->Fill(facts) : "error: " + std::string(format.status().message());
  }

  base::ArenaPool pool;
  base::Arena arena{pool};
  http::RequestHead request;
  http::ResponseHead response;
  http::StreamInfo info;
  ValueFormat::Facts facts;
};

TEST_CASE("value format: literals and percent signs") {
  const World world;
  CHECK(world.Fill("").empty());
  CHECK(world.Fill("plain text") == "plain text");
  CHECK(world.Fill("100%% of %%") == "100% of %");
  CHECK(ValueFormat::Literal("%REQ(a)%").Fill(world.facts) == "%REQ(a)%");
}

TEST_CASE("value format: fields of the request") {
  const World world;
  CHECK(world.Fill("<%REQ(x-user)%>") == "<anna>");
  CHECK(world.Fill("%REQ(X-User)%") == "anna");
  CHECK(world.Fill("<%REQ(x-none)%>") == "<>");
  CHECK(world.Fill("%REQ(x-none?x-user)%") == "anna");
  CHECK(world.Fill("%REQ(x-user?x-none):2%") == "an");
  CHECK(world.Fill("%REQ(x-user):99%%REQ(x-user):0%") == "anna");
  CHECK(world.Fill("%REQ(:method)% %REQ(:scheme)%://%REQ(:authority)%%REQ(:path)%") ==
        "GET http://example.com/p?q=1");
  CHECK(world.Fill("%REQ(Host)%") == "example.com");
}

TEST_CASE("value format: fields of the response, and facts") {
  World world;
  CHECK(world.Fill("%RESP(server)% %RESP(x?server)% %RESP(:status)%") == "up up 204");
  CHECK(world.Fill("%PROTOCOL% %RESPONSE_CODE% %ROUTE_NAME% %UPSTREAM_CLUSTER%") ==
        "HTTP/1.1 204 route cluster");
  CHECK(world.Fill("%RESPONSE_CODE_DETAILS:3%") == "via");
  // On the way of the request there is no response yet.
  world.facts.response = nullptr;
  CHECK(world.Fill("%RESPONSE_CODE%[%RESP(server)%]") == "0[]");
  world.facts.request = nullptr;
  CHECK(world.Fill("[%REQ(x-user)%]") == "[]");
}

TEST_CASE("value format: what is wrong is named") {
  const World world;
  const auto position = [](std::string_view text, int at) {
    return "error: Incorrect configuration: " + std::string(text) +
           ". Couldn't find valid command at position " + std::to_string(at);
  };
  CHECK(world.Fill("50%") == position("50%", 2));
  CHECK(world.Fill("%REQ(a)") == position("%REQ(a)", 0));
  CHECK(world.Fill("%REQ(a%") == position("%REQ(a%", 0));
  CHECK(world.Fill("%REQ(a):x%") == position("%REQ(a):x%", 0));
  CHECK(world.Fill("%req(a)%") == position("%req(a)%", 0));
  CHECK(world.Fill("%REQ()%") == "error: REQ requires parameters");
  CHECK(world.Fill("%RESP%") == "error: RESP requires parameters");
  CHECK(world.Fill("%PROTOCOL(x)%") == "error: PROTOCOL takes no parameters");
  CHECK(world.Fill("%START_TIME%").rfind("error: the operator %START_TIME% is not supported", 0) ==
        0);
}

}  // namespace
}  // namespace remora::extensions
