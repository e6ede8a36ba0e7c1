// The contract of http::Filter, row by row: what each answer does to each event, in both
// directions, and what the calls of FilterContext do inside and outside of hooks.

#include "source/http/filter/filter_chain.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;
using fakes::Script;

// A hook that always gives one answer.
auto Always(Answer answer) {
  return [answer](FilterContext&, auto&&) { return answer; };
}
constexpr Answer kGo = Answer::kContinue;

LocalReply Denied() {
  LocalReply reply;
  reply.status = 403;
  reply.body = "denied";
  reply.details = "test_denied";
  return reply;
}

TEST_CASE("chain: order is forward for the request and backward for the response") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {});
  world.Start();
  world.Request("hi");
  CHECK(world.Take() ==
        "a:>head b:>head up:head(GET /) a:>data(hi) b:>data(hi) up:data(hi) a:>end b:>end up:end");
  world.Response(200, "yo");
  CHECK(world.Take() ==
        "b:<head a:<head down:head(200) b:<data(yo) a:<data(yo) down:data(yo) b:<end a:<end "
        "down:end");
  world.Complete();
  CHECK(world.Take() == "a:complete b:complete up:complete");
}

TEST_CASE("chain: a chain of the terminal filter alone") {
  ChainWorld world;
  world.Start();
  world.Request("hi");
  world.Response(200, "yo");
  CHECK(world.Take() == "up:head(GET /) up:data(hi) up:end down:head(200) down:data(yo) down:end");
}

TEST_CASE("chain: trailers reach every filter and can be changed") {
  ChainWorld world;
  world.Add("a", {.request_end = [](auto&, HeaderMap* trailers) {
              CHECK(trailers->Set("x", "2"));
              return kGo;
            }});
  world.Start();
  world.RequestHead();
  world.RequestEnd({{"x", "1"}});
  CHECK(world.Take() == "a:>head up:head(GET /) a:>end(x=1) up:end(x=2)");
  world.ResponseHead();
  world.ResponseEnd({{"y", "3"}});
  CHECK(world.Take() == "a:<head down:head(200) a:<end(y=3) down:end(y=3)");
}

TEST_CASE("chain: hold of the request head and data until continue at the end") {
  ChainWorld world;
  world.Add("a", {.request_head = Always(Answer::kHold), .request_data = Always(Answer::kHold)});
  world.Add("b", {});
  world.Start();
  world.RequestHead();
  world.RequestData("one ");
  world.RequestData("two");
  CHECK(world.Take() == "a:>head a:>data(one ) a:>data(two)");
  world.RequestEnd();
  CHECK(world.Take() ==
        "a:>end b:>head up:head(GET /) b:>data(one two) up:data(one two) b:>end up:end");
}

TEST_CASE("chain: hold of the head, continue with the first data") {
  ChainWorld world;
  world.Add("a", {.request_head = Always(Answer::kHold)});
  world.Start();
  world.RequestHead();
  CHECK(world.Take() == "a:>head");
  world.RequestData("x");
  CHECK(world.Take() == "a:>data(x) up:head(GET /) up:data(x)");
  world.RequestData("y");
  world.RequestEnd();
  CHECK(world.Take() == "a:>data(y) up:data(y) a:>end up:end");
}

TEST_CASE("chain: hold of data alone lets the head through; of the end keeps the end") {
  ChainWorld world;
  world.Add("a", {.request_data = Always(Answer::kHold), .request_end = Always(Answer::kHold)});
  world.Start();
  world.Request("abc");
  CHECK(world.Take() == "a:>head up:head(GET /) a:>data(abc) a:>end");
  CHECK_FALSE(world.request_source.paused());
  world.context("a").ResumeRequest();
  CHECK(world.Take().empty());  // not from inside the caller's stack
  world.Turn();
  CHECK(world.Take() == "up:data(abc) up:end");
}

TEST_CASE("chain: hold in the response direction") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {.response_head = Always(Answer::kHold), .response_data = Always(Answer::kHold)});
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  world.ResponseData("x");
  world.ResponseData("y");
  CHECK(world.Take() == "b:<head b:<data(x) b:<data(y)");
  world.ResponseEnd();
  CHECK(world.Take() == "b:<end a:<head down:head(200) a:<data(xy) down:data(xy) a:<end down:end");
}

TEST_CASE("chain: pause of the head queues data and end, and pauses the source") {
  ChainWorld world;
  world.Add("a", {.request_head = Always(Answer::kPause)});
  world.Add("b", {});
  world.Start();
  world.RequestHead();
  CHECK(world.Take() == "a:>head codec:pause(filter)");
  world.RequestData("one");
  world.RequestEnd();
  CHECK(world.Take().empty());
  world.context("a").ResumeRequest();
  world.Turn();
  // The kept head goes to the next filter; the queue comes to this one.
  CHECK(world.Take() ==
        "b:>head up:head(GET /) a:>data(one) b:>data(one) up:data(one) a:>end b:>end up:end "
        "codec:resume(filter)");
}

TEST_CASE("chain: pause of data queues what follows") {
  ChainWorld world;
  int seen = 0;
  world.Add("a",
            {.request_data = [&](auto&, auto&) { return ++seen == 1 ? Answer::kPause : kGo; }});
  world.Start();
  world.RequestHead();
  world.RequestData("1");
  world.RequestData("2");
  CHECK(world.Take() == "a:>head up:head(GET /) a:>data(1) codec:pause(filter)");
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:data(1) a:>data(2) up:data(2) codec:resume(filter)");
  world.RequestEnd();
  CHECK(world.Take() == "a:>end up:end");
}

TEST_CASE("chain: pause again while the queue comes in keeps the rest queued") {
  ChainWorld world;
  world.Add("a", {.request_head = Always(Answer::kPause), .request_data = Always(Answer::kPause)});
  world.Start();
  world.Request("d");
  world.Take();
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:head(GET /) a:>data(d)");
  CHECK(world.request_source.paused());
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:data(d) a:>end up:end codec:resume(filter)");
}

TEST_CASE("chain: pause of the end") {
  ChainWorld world;
  world.Add("a", {.request_end = Always(Answer::kPause)});
  world.Start();
  world.RequestHead();
  world.RequestEnd({{"t", "1"}});
  CHECK(world.Take() == "a:>head up:head(GET /) a:>end(t=1) codec:pause(filter)");
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:end(t=1) codec:resume(filter)");
}

TEST_CASE("chain: pause in the response direction, with the source told") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {.response_head = Always(Answer::kPause)});
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  world.ResponseData("x");
  world.ResponseEnd({{"t", "1"}});
  CHECK(world.Take() == "b:<head server:pause(filter)");
  world.context("b").ResumeResponse();
  world.Turn();
  CHECK(world.Take() ==
        "a:<head down:head(200) b:<data(x) a:<data(x) down:data(x) b:<end(t=1) a:<end(t=1) "
        "down:end(t=1) server:resume(filter)");
}

TEST_CASE("chain: hold, then pause, keeps everything in order") {
  ChainWorld world;
  world.Add(
      "a", {.request_head = Always(Answer::kHold), .request_data = [](auto&, buffer::Buffer& data) {
              return data.ToString() == "2" ? Answer::kPause : Answer::kHold;
            }});
  world.Start();
  world.RequestHead();
  world.RequestData("1");
  world.RequestData("2");
  world.RequestData("3");
  CHECK(world.Take() == "a:>head a:>data(1) a:>data(2) codec:pause(filter)");
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:head(GET /) up:data(12) a:>data(3) codec:resume(filter)");
  world.RequestEnd();
  CHECK(world.Take() == "a:>end up:data(3) up:end");
}

TEST_CASE("chain: two paused filters, released in either order") {
  for (const bool first_first : {true, false}) {
    ChainWorld world;
    int held = 0;
    world.Add("a", {.request_data = Always(Answer::kPause)});
    world.Add("b", {.request_head = [&](auto&, auto&) {
                ++held;
                return Answer::kPause;
              }});
    world.Start();
    world.RequestHead();
    world.RequestData("x");
    CHECK(world.Take() == "a:>head b:>head codec:pause(filter) a:>data(x)");
    world.RequestEnd();
    world.context(first_first ? "a" : "b").ResumeRequest();
    world.Turn();
    CHECK(world.request_source.paused());
    CHECK(world.Take() == (first_first ? "a:>end" : "up:head(GET /)"));
    world.context(first_first ? "b" : "a").ResumeRequest();
    world.Turn();
    CHECK(world.Take() ==
          (first_first ? "up:head(GET /) b:>data(x) up:data(x) b:>end up:end codec:resume(filter)"
                       : "b:>data(x) up:data(x) a:>end b:>end up:end codec:resume(filter)"));
  }
}

TEST_CASE("chain: resume from inside the hook that pauses") {
  ChainWorld world;
  world.Add("a", {.request_head = [](FilterContext& context, auto&) {
              context.ResumeRequest();
              return Answer::kPause;
            }});
  world.Start();
  world.RequestHead();
  CHECK(world.Take() == "a:>head codec:pause(filter) up:head(GET /) codec:resume(filter)");
}

TEST_CASE("chain: a resume before the pause does not end it") {
  ChainWorld world;
  world.Add("a", {.request_head =
                      [](FilterContext& context, auto&) {
                        context.ResumeRequest();  // nothing is paused
                        context.ResumeResponse();
                        return kGo;
                      },
                  .response_head = Always(Answer::kPause)});
  // The response comes within the same event.
  world.terminal().request_head = [&](auto&, auto&) {
    world.ResponseHead();
    return kGo;
  };
  world.Start();
  world.RequestHead();
  world.Turn();
  CHECK(world.Take() == "a:>head up:head(GET /) a:<head server:pause(filter)");
  world.context("a").ResumeResponse();
  world.Turn();
  CHECK(world.Take() == "down:head(200) server:resume(filter)");
}

TEST_CASE("chain: resume of one direction from a hook of the other") {
  ChainWorld world;
  world.Add("a", {.request_end = Always(Answer::kPause),
                  .response_head = [](FilterContext& context, auto&) {
                    context.ResumeRequest();
                    return kGo;
                  }});
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  CHECK(world.Take() == "a:<head down:head(200) up:end codec:resume(filter)");
}

TEST_CASE("chain: the terminal filter may hold and pause too") {
  ChainWorld world;
  world.terminal().request_data = Always(Answer::kPause);
  world.Start();
  world.Request("d");
  CHECK(world.Take() == "up:head(GET /) up:data(d) codec:pause(filter)");
  world.context("up").ResumeRequest();
  world.Turn();
  CHECK(world.Take() == "up:end codec:resume(filter)");
}

TEST_CASE("chain: a filter that swallows data stops it there") {
  ChainWorld world;
  world.Add("a", {.request_data = [](auto&, buffer::Buffer& data) {
              data.Clear();
              return kGo;
            }});
  world.Add("b", {});
  world.Start();
  world.Request("abc");
  CHECK(world.Take() == "a:>head b:>head up:head(GET /) a:>data(abc) a:>end b:>end up:end");
}

TEST_CASE("chain: the last response filter that swallows data sends nothing downstream") {
  ChainWorld world;
  world.Add("a", {.response_data = [](auto&, buffer::Buffer& data) {
              data.Clear();
              return kGo;
            }});
  world.Start();
  world.Request();
  world.Take();
  world.Response(200, "abc");
  CHECK(world.Take() == "a:<head down:head(200) a:<data(abc) a:<end down:end");
}

TEST_CASE("chain: heads can be changed on the way") {
  ChainWorld world;
  world.Add("a", {.request_head =
                      [](auto&, RequestHead& head) {
                        head.path = "/b";
                        return kGo;
                      },
                  .response_head =
                      [](auto&, ResponseHead& head) {
                        CHECK(head.headers.Set("x", "y"));
                        return kGo;
                      }});
  world.downstream.with_fields = true;
  world.Start();
  world.Request();
  world.Response(200);
  CHECK(world.Take() ==
        "a:>head up:head(GET /b) a:>end up:end a:<head down:head(200 x=y) a:<end down:end");
}

TEST_CASE("chain: what a filter does not know is not its business: outside resumes are harmless") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  world.context("a").ResumeRequest();
  world.context("a").ResumeResponse();
  world.Turn();
  world.Request("x");
  world.Response(200, "y");
  world.context("a").ResumeRequest();
  world.context("a").ResumeResponse();
  world.Turn();
  CHECK(world.downstream.body == "y");
  CHECK(world.upstream.body == "x");
  world.Complete();
  world.Take();
  world.context("a").ResumeRequest();
  world.context("a").SendLocalReply(Denied());
  world.Turn();
  CHECK(world.Take().empty());
}

TEST_CASE("chain: a disabled filter is left out") {
  ChainWorld world;
  FilterFactory off;
  off.name = "off";
  off.disabled = true;
  off.create = [](const void*, FilterContext&) -> FilterPtr {
    FAIL("created");
    return {};
  };
  world.AddFactory(off);
  world.Add("a", {});
  world.Start();
  world.Request();
  CHECK(world.Take() == "a:>head up:head(GET /) a:>end up:end");
}

TEST_CASE("chain: limits can be set when a filter is created") {
  ChainWorld world(1000);
  world.Add("a", {.request_data = Always(Answer::kHold), .created = [](FilterContext& context) {
                    CHECK(context.request_buffer_limit() == 1000);
                    context.SetRequestBufferLimit(3);
                  }});
  world.Start();
  world.RequestHead();
  world.RequestData("1234");
  CHECK(world.info.response_code_details == "request_payload_too_large");
}

TEST_CASE("chain: a pause of the downstream reaches a response source that comes later") {
  ChainWorld world;
  world.Start();
  world.chain().PauseResponse(PauseReason::kConnectionFull);
  CHECK(world.Take() == "server:pause(connection)");
  fakes::Journal journal;
  fakes::FakeSource retry(journal, "retry");
  world.context("up").SetResponseSource(&retry);
  CHECK(journal.Take() == "retry:pause(connection)");
  world.chain().ResumeResponse(PauseReason::kConnectionFull);
  CHECK(journal.Take() == "retry:resume(connection)");
  CHECK(world.Take().empty());
  world.Complete();
}

}  // namespace
}  // namespace remora::http
