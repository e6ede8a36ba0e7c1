#include <catch2/catch.hpp>

#include "source/admin/admin_filter.h"
#include "test/admin/admin_world.h"
#include "test/fakes/chain_world.h"

namespace remora::admin {
namespace {

using explain::Explanation;
using explain::Origin;
using explain::Question;

// Somebody who can be asked, and answers when told to.
struct World {
  World() {
    admin.environment.explain = [this](const Question& question, Environment::Explained then) {
      asked = question;
      done = std::move(then);
      if (at_once) Answer();
    };
  }
  void Answer() { std::exchange(done, nullptr)(answer); }
  // The answer; empty: it is still to come.
  std::string Body(std::string_view target) {
    const Response response = admin.table.Handle(MakeRequest("GET", target));
    if (response.later == nullptr) return response.body;
    return response.later->response.has_value() ? response.later->response->body : "";
  }

  AdminWorld admin;
  bool at_once = true;
  absl::StatusOr<Explanation> answer = Explanation();
  Question asked;
  Environment::Explained done;
};

Explanation Full() {
  Explanation explanation;
  explain::Step step{"route", "routes[1] prefix /a"};
  step.facts.push_back({"timeout", "15000 ms"});
  step.losers.push_back({"routes[0] path /b", "the path"});
  step.origin = {Origin::Type::kRoutes, "table", "a source, version \"7\""};
  explanation.steps = {{"listener", "in"}, step};
  explanation.filters = {{"fault", "type.googleapis.com/f", true, config::RouteLevel::kRoute,
                          "{\n \"a\": 1\n}\n", "{\n \"b\": 2\n}\n"},
                         {"cors", "", false}};
  explanation.outcome.text = "there is no such cluster";
  explanation.outcome.status = 503;
  explanation.outcome.flags = "NC";
  explanation.outcome.details = "cluster_not_found";
  return explanation;
}

}  // namespace

TEST_CASE("/explain: every parameter, written by hand and by a form") {
  World w;
  w.Body(
      "/explain?listener=in&destination=10.0.0.1:80&source=192.0.2.1&sni=a.example&alpn=h2,%20h3"
      "&method=POST&host=b.example&path=/x?y%3D1%26z&header=x-a:1&header=x-b%3A+two%0D%0Ax-c:3"
      "&random=9&worker=1&format=json");
  CHECK(w.asked.listener == "in");
  CHECK(w.asked.destination->ToString() == "10.0.0.1:80");
  CHECK(w.asked.source->IpString() == "192.0.2.1");
  CHECK(w.asked.tls);
  CHECK(w.asked.server_name == "a.example");
  CHECK(w.asked.application_protocols == std::vector<std::string>{"h2", "h3"});
  CHECK(w.asked.method == "POST");
  CHECK(w.asked.authority == "b.example");
  CHECK(w.asked.path == "/x?y=1&z");
  CHECK(w.asked.headers == Parameters{{"x-a", "1"}, {"x-b", "two"}, {"x-c", "3"}});
  CHECK(w.asked.random == 9);
  CHECK(w.asked.worker == 1);
  // Fields of a form that nobody filled in.
  w.Body("/explain?listener=&sni=&tls=on&path=&header=&random=");
  CHECK(w.asked.listener.empty());
  CHECK(w.asked.tls);
  CHECK(w.asked.path == "/");
  CHECK_FALSE(w.asked.random.has_value());
}

TEST_CASE("/explain: what is wrong in a question is said") {
  World w;
  const auto refusal = [&w](const std::string& query) {
    const Response response = w.admin.table.Handle(MakeRequest("GET", "/explain?" + query));
    CHECK(response.status == 400);
    return response.body;
  };
  CHECK(refusal("destination=10.0.0.1") ==
        "destination: '10.0.0.1' is not an address with a port\n");
  CHECK(refusal("source=somewhere") == "source: 'somewhere' is not an address\n");
  CHECK(refusal("path=x") == "path: 'x' is not a path: it begins with no /\n");
  CHECK(refusal("header=x") == "header: 'x' is not name:value\n");
  CHECK(refusal("random=1x") == "random: '1x' is not a number\n");
  CHECK(refusal("worker=-1") == "worker: '-1' is not a number\n");
  CHECK(refusal("hosts=a") == "hosts is no parameter of /explain\n");
  w.answer = absl::UnavailableError("the workers have not started");
  CHECK(w.Body("/explain") == "the workers have not started\n");
}

TEST_CASE("/explain: the answer as text") {
  World w;
  w.answer = Full();
  CHECK(w.Body("/explain") == R"(outcome: there is no such cluster
  status: 503
  response flags: NC
  response code details: cluster_not_found

listener: in

route: routes[1] prefix /a
  timeout: 15000 ms
  from: route configuration 'table' of a source, version "7"
  not routes[0] path /b: the path

filters, in order (each may answer or change the request):
  1. fault (type.googleapis.com/f)
     config: {
      "a": 1
     }
     of the route: {
      "b": 2
     }
  2. cors: does not run
)");
}

TEST_CASE("/explain: the answer as JSON") {
  World w;
  w.answer = Full();
  CHECK(w.Body("/explain?format=json") == R"({
 "outcome": {
  "forwarded": false,
  "text": "there is no such cluster",
  "status": 503,
  "response_flags": "NC",
  "response_code_details": "cluster_not_found"
 },
 "steps": [
  {
   "step": "listener",
   "chosen": "in",
   "facts": [],
   "not_chosen": []
  },
  {
   "step": "route",
   "chosen": "routes[1] prefix /a",
   "facts": [
    {
     "name": "timeout",
     "value": "15000 ms"
    }
   ],
   "resource": {
    "type": "route configuration",
    "name": "table",
    "from": "a source, version \"7\""
   },
   "not_chosen": [
    {
     "name": "routes[0] path /b",
     "reason": "the path"
    }
   ]
  }
 ],
 "filters": [
  {
   "name": "fault",
   "type_url": "type.googleapis.com/f",
   "runs": true,
   "config": {
    "a": 1
   },
   "configured_by": "route",
   "route_config": {
    "b": 2
   }
  },
  {
   "name": "cors",
   "type_url": "",
   "runs": false
  }
 ]
}
)");
}

TEST_CASE("/explain: a step names no more than a hundred that lost") {
  explain::Step step{"route"};
  int described = 0;
  const auto describe = [&described] {
    ++described;
    return explain::Loser{"r", "path"};
  };
  for (int i = 0; i < 103; ++i) step.AddLoser(describe);
  CHECK(described == 100);
  CHECK(step.losers.size() == 100);
  CHECK(step.more_losers == 3);
}

TEST_CASE("/explain: a client waits for its answer, or goes") {
  World w;
  w.at_once = false;
  w.answer = Full();
  {
    fakes::ChainWorld chain;
    chain.AddFactory(AdminFilterFactory(&w.admin.environment));
    chain.MakeRequest("GET", "/explain", {});
    chain.Start();
    chain.Request("");
    CHECK(chain.downstream.ends == 0);
    w.Answer();
    chain.Turn();
    CHECK(chain.downstream.ends == 1);
    CHECK(chain.downstream.body.starts_with("outcome: there is no such cluster"));
  }
  {
    fakes::ChainWorld chain;
    chain.AddFactory(AdminFilterFactory(&w.admin.environment));
    chain.MakeRequest("GET", "/explain", {});
    chain.Start();
    chain.Request("");
  }
  w.Answer();  // nobody is there any more
}

}  // namespace remora::admin
