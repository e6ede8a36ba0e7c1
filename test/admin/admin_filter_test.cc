#include "source/admin/admin_filter.h"

#include <catch2/catch.hpp>

#include "test/admin/admin_world.h"
#include "test/fakes/chain_world.h"

namespace remora::admin {
namespace {

using http::PauseReason;

constexpr const char* kForm = "application/x-www-form-urlencoded";

// A chain whose terminal filter is the admin filter.
class FilterWorld final {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit FilterWorld(std::string_view method = "GET", std::string_view path = "/ready",
                       Fields fields = {}) {
    chain.AddFactory(AdminFilterFactory(&admin.environment));
    chain.MakeRequest(method, path, std::move(fields));
  }
  // The whole exchange with a client that reads.
  void Run(std::string_view body = "") {
    chain.Start();
    chain.downstream.with_fields = true;
    chain.Request(body);
  }
  void TurnUntilEnd() {
    for (int i = 0; i < 10'000 && chain.downstream.ends == 0; ++i) chain.Turn();
  }
  const std::string& body() const { return chain.downstream.body; }

  AdminWorld admin;
  fakes::ChainWorld chain;
};

constexpr const char* kFields =
    "content-type=text/plain; charset=UTF-8 cache-control=no-cache, max-age=0 "
    "x-content-type-options=nosniff";

TEST_CASE("A request is answered when it is complete") {
  FilterWorld world;
  world.chain.Start();
  world.chain.downstream.with_fields = true;
  world.chain.RequestHead();
  CHECK(world.chain.Take().empty());
  world.chain.RequestEnd();
  CHECK(world.chain.Take() == "down:head(200 " + std::string(kFields) +
                                  ") down:data(LIVE\n) "
                                  "down:end");
  CHECK(world.chain.downstream.last_head->framing == http::Framing::kStreamed);
  CHECK(world.chain.info.response_code_details == "admin_filter_response");
}

TEST_CASE("Status and type are those of the handler") {
  FilterWorld world("GET", "//quitquitquit");
  world.Run();
  CHECK(world.chain.Take() == "down:head(405 " + std::string(kFields) +
                                  ") down:data(Method GET not allowed, POST required.) down:end");
  CHECK(world.admin.quits == 0);
}

TEST_CASE("HEAD is answered with the head alone") {
  FilterWorld world("HEAD", "/clusters?format=json");
  world.Run();
  CHECK(world.chain.Take() ==
        "down:head(200 content-type=application/json cache-control=no-cache, max-age=0 "
        "x-content-type-options=nosniff) down:end");
  CHECK(world.chain.downstream.last_head->framing == http::Framing::kNone);
}

TEST_CASE("HEAD does not change anything") {
  FilterWorld world("HEAD", "/quitquitquit");
  world.Run();
  CHECK(world.chain.downstream.last_head->status == 405);
  CHECK(world.body().empty());
  CHECK(world.admin.quits == 0);
}

TEST_CASE("Parameters come from a form that arrives in parts") {
  FilterWorld world("POST", "/config_dump", {{"content-type", kForm}});
  world.chain.Start();
  world.chain.RequestHead();
  world.chain.RequestData("resource=a&ma");
  world.chain.RequestData("sk=b%20c");
  world.chain.RequestEnd();
  CHECK(world.chain.downstream.last_head->status == 200);
  CHECK(world.admin.config_dump_asked == Parameters{{"resource", "a"}, {"mask", "b c"}});
}

TEST_CASE("A body that is no form is dropped, whatever its size") {
  FilterWorld world("POST", "/config_dump", {{"content-type", "text/plain"}});
  world.chain.Start();
  world.chain.RequestHead();
  const std::string part(60'000, 'a');
  for (int i = 0; i < 50; ++i) world.chain.RequestData(part);
  world.chain.RequestEnd();
  CHECK(world.chain.downstream.last_head->status == 200);
  CHECK(world.admin.config_dump_asked.empty());
}

TEST_CASE("A form of the largest size is taken, a larger one is answered with 413") {
  const size_t over = GENERATE(0U, 1U);
  FilterWorld world("POST", "/quitquitquit", {{"content-type", kForm}});
  world.chain.Start();
  world.chain.RequestHead();
  world.chain.RequestData(std::string(AdminFilter::kMaxForm - 1, 'a'));
  world.chain.RequestData(std::string(1 + over, 'a'));
  if (over == 0) CHECK(world.chain.downstream.heads == 0);
  world.chain.RequestEnd();
  CHECK(world.chain.downstream.last_head->status == (over == 0 ? 200 : 413));
  CHECK(world.chain.downstream.heads == 1);
  CHECK(world.chain.downstream.ends == 1);
  CHECK(world.admin.quits == (over == 0 ? 1 : 0));
}

// A body of `pieces` whole pieces and three bytes more.
void DumpPieces(FilterWorld& world, size_t pieces) {
  world.admin.config_dump = std::string(pieces * kPieceSize, 'x') + "end";
}

TEST_CASE("A long body is sent a few pieces a turn") {
  FilterWorld world("GET", "/config_dump");
  DumpPieces(world, 10);
  world.Run();
  CHECK(world.body().size() == AdminFilter::kPiecesPerTurn * kPieceSize);
  world.chain.Turn();
  CHECK(world.body().size() == 2 * AdminFilter::kPiecesPerTurn * kPieceSize);
  CHECK(world.chain.downstream.ends == 0);
  world.chain.Turn();
  CHECK(world.body() == *world.admin.config_dump);
  CHECK(world.chain.downstream.ends == 1);
  world.chain.Turn();
  CHECK(world.chain.downstream.ends == 1);
}

TEST_CASE("Nothing is sent while the client does not read") {
  FilterWorld world("GET", "/config_dump");
  DumpPieces(world, 10);
  world.Run();
  world.chain.chain().PauseResponse(PauseReason::kConnectionFull);
  const size_t sent = world.body().size();
  for (int i = 0; i < 5; ++i) world.chain.Turn();
  CHECK(world.body().size() == sent);
  // One of two reasons is not enough to go on.
  world.chain.chain().PauseResponse(PauseReason::kFilterPaused);
  world.chain.chain().ResumeResponse(PauseReason::kConnectionFull);
  world.chain.Turn();
  CHECK(world.body().size() == sent);
  world.chain.chain().ResumeResponse(PauseReason::kFilterPaused);
  // Going on happens at the end of the turn, not in the stack of the one who resumes.
  CHECK(world.body().size() == sent);
  world.TurnUntilEnd();
  CHECK(world.body() == *world.admin.config_dump);
  CHECK(world.chain.downstream.ends == 1);
}

TEST_CASE("A pause in the middle of a turn is heeded at once") {
  FilterWorld world("GET", "/config_dump");
  DumpPieces(world, 3);
  // A response filter that stops at the second piece.
  AdminWorld& admin = world.admin;
  fakes::ChainWorld chain;
  int pieces = 0;
  fakes::Script script;
  script.response_data = [&pieces](http::FilterContext&, buffer::Buffer&) {
    return ++pieces == 2 ? http::Answer::kPause : http::Answer::kContinue;
  };
  chain.Add("gate", std::move(script));
  chain.AddFactory(AdminFilterFactory(&admin.environment));
  chain.MakeRequest("GET", "/config_dump");
  chain.Start();
  chain.Request();
  CHECK(chain.downstream.body.size() == kPieceSize);
  for (int i = 0; i < 5; ++i) chain.Turn();
  CHECK(pieces == 2);
  chain.context("gate").ResumeResponse();
  for (int i = 0; i < 5; ++i) chain.Turn();
  CHECK(chain.downstream.body == *admin.config_dump);
  CHECK(chain.downstream.ends == 1);
}

TEST_CASE("A client that goes ends the sending") {
  FilterWorld world("GET", "/config_dump");
  DumpPieces(world, 10);
  world.Run();
  const size_t sent = world.body().size();
  const bool reset = GENERATE(true, false);
  if (reset) {
    world.chain.RequestReset();
  } else {
    world.chain.Complete();
  }
  for (int i = 0; i < 5; ++i) world.chain.Turn();
  CHECK(world.body().size() == sent);
  CHECK(world.chain.downstream.ends == 0);
}

TEST_CASE("A client that goes while paused leaves nothing behind") {
  FilterWorld world("GET", "/config_dump");
  DumpPieces(world, 10);
  world.Run();
  world.chain.chain().PauseResponse(PauseReason::kConnectionFull);
  const size_t sent = world.body().size();
  world.chain.Complete();
  world.chain.chain().ResumeResponse(PauseReason::kConnectionFull);
  for (int i = 0; i < 3; ++i) world.chain.Turn();
  CHECK(world.body().size() == sent);
}

TEST_CASE("A response that a handler makes in pieces arrives whole") {
  FilterWorld world("GET", "/clusters?format=json");
  for (int i = 0; i < 400; ++i) {
    upstream::ClusterConfig config;
    config.name = "cluster_" + std::to_string(i);
    config.hosts.push_back(HostAt(Ip("127.0.0.1", 80)));
    world.admin.AddCluster(std::move(config));
  }
  world.Run();
  world.TurnUntilEnd();
  CHECK(world.body() == world.admin.Body("/clusters?format=json"));
}

TEST_CASE("The factory makes a terminal filter") {
  AdminWorld world;
  const http::FilterFactory factory = AdminFilterFactory(&world.environment);
  CHECK(factory.terminal);
  CHECK(factory.name == "admin");
  CHECK(factory.create_worker_state == nullptr);
}

}  // namespace
}  // namespace remora::admin
