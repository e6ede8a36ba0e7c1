// Local replies, resets and the end: from every hook and from outside; OnComplete exactly once and
// nothing after it.

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;
using fakes::Script;

constexpr Answer kGo = Answer::kContinue;

LocalReply Denied() {
  LocalReply reply;
  reply.status = 403;
  reply.body = "denied";
  reply.details = "test_denied";
  reply.flag = ResponseFlag::kUnauthorizedExternalService;
  return reply;
}
// A hook that leaves a reply / asks for a reset, with whatever answer.
auto Denies(Answer answer = kGo) {
  return [answer](FilterContext& context, auto&&) {
    context.SendLocalReply(Denied());
    return answer;
  };
}
auto Resets() {
  return [](FilterContext& context, auto&&) {
    context.ResetStream();
    return kGo;
  };
}

TEST_CASE(
    "local reply: from the request head, whatever the answer, through every response filter") {
  for (const Answer answer : {kGo, Answer::kHold, Answer::kPause}) {
    ChainWorld world;
    world.Add("a", {});
    world.Add("b", {.request_head = Denies(answer)});
    world.Add("c", {});
    world.Start();
    world.RequestHead();
    CHECK(world.Take() ==
          "a:>head b:>head up:complete c:<head b:<head a:<head down:head(403) c:<data(denied) "
          "b:<data(denied) a:<data(denied) down:data(denied) c:<end b:<end a:<end down:end");
    CHECK(world.info.response_code_details == "test_denied");
    CHECK(world.info.flags.ToString() == "UAEX");
    CHECK(world.chain().replied());
    // The rest of the request reaches nobody.
    world.RequestData("x");
    world.RequestEnd();
    CHECK(world.Take().empty());
    world.Complete();
    CHECK(world.Take() == "a:complete b:complete c:complete");
  }
}

TEST_CASE("local reply: saw_request tells who was passed over") {
  ChainWorld world;
  std::string seen;
  const auto note = [&](std::string name) {
    return [&seen, name](FilterContext& context, auto&&) {
      seen += name + (context.saw_request() ? "1" : "0");
      return kGo;
    };
  };
  world.Add("a", {.response_head = note("a")});
  world.Add("b", {.request_head = Denies(), .response_head = note("b")});
  world.Add("c", {.response_head = note("c")});
  world.Start();
  world.RequestHead();
  CHECK(seen == "c0b1a1");
}

TEST_CASE("local reply: from request data and request end") {
  ChainWorld world;
  SECTION("data") {
    world.Add("a", {.request_data = Denies()});
    world.Start();
    world.RequestHead();
    world.RequestData("x");
    CHECK(world.Take() ==
          "a:>head up:head(GET /) a:>data(x) up:complete a:<head down:head(403) a:<data(denied) "
          "down:data(denied) a:<end down:end");
  }
  SECTION("end") {
    world.Add("a", {.request_end = Denies()});
    world.Start();
    world.Request("x");
    CHECK(world.Take() ==
          "a:>head up:head(GET /) a:>data(x) up:data(x) a:>end up:complete a:<head down:head(403) "
          "a:<data(denied) down:data(denied) a:<end down:end");
  }
  // The upstream's answer comes too late.
  world.Response(200, "late");
  CHECK(world.Take().empty());
}

TEST_CASE("local reply: from the terminal filter") {
  ChainWorld world;
  world.Add("a", {});
  world.terminal().request_head = Denies();
  world.Start();
  world.Request();
  CHECK(world.Take() ==
        "a:>head up:head(GET /) up:complete a:<head down:head(403) a:<data(denied) "
        "down:data(denied) a:<end down:end");
}

TEST_CASE("local reply: from the response head goes past the filters") {
  ChainWorld world;
  world.Add("a", {.response_head = Denies()});
  world.Add("b", {});
  world.Start();
  world.Request();
  world.Take();
  world.Response(200, "x");
  CHECK(world.Take() == "b:<head a:<head up:complete down:head(403) down:data(denied) down:end");
}

TEST_CASE("local reply: when the response head has gone, the stream is reset") {
  ChainWorld world;
  world.Add("a", {.response_data = Denies()});
  world.Start();
  world.Request();
  world.Take();
  world.Response(200, "x");
  CHECK(world.Take() == "a:<head down:head(200) a:<data(x) up:complete down:reset(local_reset)");
  world.Complete();
  CHECK(world.Take() == "a:complete");
}

TEST_CASE("local reply: from outside a hook it waits for the end of the turn") {
  ChainWorld world;
  world.Add("a", {.request_head = [](auto&, auto&) { return Answer::kPause; }});
  world.Start();
  world.RequestHead();
  world.Take();
  world.context("a").SendLocalReply(Denied());
  CHECK(world.Take().empty());
  world.RequestData("x");  // in the same turn: too late
  world.RequestEnd();
  CHECK(world.Take().empty());
  world.Turn();
  CHECK(world.Take() ==
        "codec:resume(filter) up:complete a:<head down:head(403) a:<data(denied) "
        "down:data(denied) a:<end down:end");
}

TEST_CASE("local reply: of the owner, before any head") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  world.chain().SendLocalReply(Denied());
  world.RequestHead();
  world.RequestEnd();
  world.Turn();
  CHECK(world.Take() ==
        "up:complete a:<head down:head(403) a:<data(denied) down:data(denied) a:<end down:end");
}

TEST_CASE("local reply: from the constructor of a filter") {
  ChainWorld world;
  world.Add("a", {.created = [](FilterContext& context) { context.SendLocalReply(Denied()); }});
  world.Start();
  world.Request("x");
  world.Turn();
  CHECK(world.Take() ==
        "up:complete a:<head down:head(403) a:<data(denied) down:data(denied) a:<end down:end");
}

TEST_CASE("local reply: only the first counts") {
  ChainWorld world;
  world.Add("a", {.response_head = Denies()});
  world.Add("b", {.request_head = [](FilterContext& context, auto&) {
              LocalReply reply;
              reply.status = 429;
              context.SendLocalReply(std::move(reply));
              context.SendLocalReply(Denied());
              return kGo;
            }});
  world.Start();
  world.Request();
  world.Turn();
  CHECK(world.Take() ==
        "a:>head b:>head up:complete b:<head a:<head down:head(429) b:<end a:<end down:end");
}

TEST_CASE("local reply: response filters may change, hold, pause and extend it") {
  ChainWorld world;
  world.Add("a", {.response_head = [](auto&, auto&) { return Answer::kPause; }});
  world.Add("b", {.response_head =
                      [](auto&, ResponseHead& head) {
                        CHECK(head.headers.Set("x", "y"));
                        return Answer::kHold;
                      },
                  .response_end =
                      [](FilterContext& context, auto) {
                        buffer::Buffer more(context.blocks());
                        more.Append("!");
                        context.AddResponseData(more);
                        return kGo;
                      }});
  world.Add("c", {.request_head = Denies()});
  world.downstream.with_fields = true;
  world.Start();
  world.Request();
  world.Take();
  CHECK(world.downstream.heads == 0);
  world.context("a").ResumeResponse();
  world.Turn();
  CHECK(world.downstream.body == "denied!");
  CHECK(world.downstream.ends == 1);
  CHECK(world.downstream.last_head->headers.Get(HeaderId::kContentType) == "text/plain");
  CHECK(world.downstream.last_head->headers.Find("x") != nullptr);
}

TEST_CASE("local reply: a resume left from before does not end a pause in it") {
  ChainWorld world;
  // Held when the reply comes; its resume and the reply are asked for in one turn.
  world.Add("a", {.request_head = [](auto&, auto&) { return Answer::kPause; },
                  .response_head = [](auto&, auto&) { return Answer::kPause; }});
  world.Start();
  world.RequestHead();
  world.context("a").ResumeRequest();
  world.context("a").ResumeResponse();
  world.context("a").SendLocalReply(Denied());
  world.Turn();
  world.Turn();
  CHECK(world.downstream.heads == 0);
  world.context("a").ResumeResponse();
  world.Turn();
  CHECK(world.downstream.body == "denied");
}

TEST_CASE("local reply: after the response has ended there is nothing to answer") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  world.RequestHead();
  world.Response(200, "x");
  world.Take();
  world.context("a").SendLocalReply(Denied());
  world.Turn();
  CHECK(world.downstream.resets == 0);
  CHECK(world.downstream.heads == 1);
  world.Complete();
}

TEST_CASE("local reply: the upstream's reset does not get before a reply that is on its way") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  world.RequestHead();
  world.context("a").SendLocalReply(Denied());
  world.ResponseReset();
  world.Turn();
  CHECK(world.downstream.resets == 0);
  CHECK(world.downstream.body == "denied");
}

TEST_CASE("reset: from every request hook") {
  const char* const expected[] = {
      "a:>head down:reset(local_reset)",
      "a:>head up:head(GET /) a:>data(x) down:reset(local_reset)",
      "a:>head up:head(GET /) a:>data(x) up:data(x) a:>end down:reset(local_reset)",
  };
  for (int i = 0; i < 3; ++i) {
    ChainWorld world;
    Script script;
    if (i == 0) script.request_head = Resets();
    if (i == 1) script.request_data = Resets();
    if (i == 2) script.request_end = Resets();
    world.Add("a", script);
    world.Start();
    world.Request("x");
    CHECK(world.Take() == expected[i]);
    world.Response(200, "late");
    CHECK(world.Take().empty());
    world.Complete();
    CHECK(world.Take() == "a:complete up:complete");
  }
}

TEST_CASE("reset: from a response hook and from outside") {
  ChainWorld world;
  world.Add("a", {.response_head = Resets()});
  world.Start();
  world.Request();
  world.Take();
  SECTION("hook") {
    world.ResponseHead();
    CHECK(world.Take() == "a:<head down:reset(local_reset)");
  }
  SECTION("outside") {
    world.context("a").ResetStream();
    world.Response(200, "x");
    CHECK(world.Take().empty());
    world.Turn();
    CHECK(world.Take() == "down:reset(local_reset)");
  }
}

TEST_CASE("reset: wins over a reply of the same hook, and nothing follows it") {
  ChainWorld world;
  world.Add("a", {.request_head = [](FilterContext& context, auto&) {
              context.SendLocalReply(Denied());
              context.ResetStream();
              return Answer::kPause;
            }});
  world.Start();
  world.RequestHead();
  CHECK(world.downstream.resets == 1);
  world.Take();
  world.context("a").ResumeRequest();
  world.context("a").SendLocalReply(Denied());
  world.context("a").ResetStream();
  world.Turn();
  world.Turn();
  CHECK(world.Take().empty());
}

TEST_CASE("reset: during a local reply") {
  ChainWorld world;
  world.Add("a", {.response_data = Resets()});
  world.Add("b", {.request_head = Denies()});
  world.Start();
  world.Request();
  CHECK(world.Take() ==
        "a:>head b:>head up:complete b:<head a:<head down:head(403) b:<data(denied) "
        "a:<data(denied) down:reset(local_reset)");
}

TEST_CASE("reset: after the response has ended reaches nobody") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  world.RequestHead();
  world.Response(200);
  world.Take();
  world.context("a").ResetStream();
  world.Turn();
  CHECK(world.Take().empty());
}

TEST_CASE("upstream reset: goes to the downstream, past the filters, and ends both directions") {
  ChainWorld world;
  world.Add("a", {.response_head = [](auto&, auto&) { return Answer::kHold; }});
  world.Start();
  world.RequestHead();
  world.ResponseHead();
  world.Take();
  world.ResponseReset();
  CHECK(world.Take() == "down:reset(remote_reset)");
  // A reply cannot begin on a stream that was reset.
  world.context("a").SendLocalReply(Denied());
  world.context("a").ResumeResponse();
  world.RequestData("x");
  world.Turn();
  CHECK(world.Take().empty());
  world.Complete();
  CHECK(world.Take() == "a:complete up:complete");
}

TEST_CASE("client reset: completes every filter at once, whatever is held") {
  for (const Answer answer : {kGo, Answer::kHold, Answer::kPause}) {
    ChainWorld world;
    world.Add("a", {.request_data = [=](auto&, auto&) { return answer; }});
    world.Add("b", {});
    world.Start();
    world.RequestHead();
    world.RequestData("x");
    world.ResponseHead();
    world.Take();
    world.RequestReset();
    const std::string text = world.Take();
    CHECK(text == (answer == Answer::kPause
                       ? "codec:resume(filter) a:complete b:complete up:complete"
                       : "a:complete b:complete up:complete"));
    // Nothing moves any more.
    world.context("a").ResumeRequest();
    world.context("b").SendLocalReply(Denied());
    world.Response(200, "late");
    world.RequestData("late");
    world.RequestEnd();
    world.ResponseReset();
    world.Turn();
    world.RequestReset();
    world.Complete();
    CHECK(world.Take().empty());
  }
}

TEST_CASE("complete: once, also when the chain goes without it, and calls from it do nothing") {
  std::string text;
  {
    ChainWorld world;
    world.Add("a", {.complete = [&](FilterContext& context) {
                text += "a";
                context.SendLocalReply(Denied());
                context.ResumeRequest();
                context.ResetStream();
              }});
    world.terminal().complete = [&](auto&) { text += "up"; };
    world.Start();
    world.Request();
    world.Complete();
    world.Complete();
    world.Turn();
    CHECK(world.downstream.heads + world.downstream.resets == 0);
    CHECK(text == "aup");
  }
  CHECK(text == "aup");
  {
    text.clear();
    ChainWorld world;
    world.Add("a", {.complete = [&](auto&) { text += "a"; }});
    world.Start();
    world.RequestHead();
  }
  CHECK(text == "a");
}

TEST_CASE("complete: asked for by the downstream at the end, it waits for the hook on the stack") {
  ChainWorld world;
  bool in_hook = false;
  world.Add("a", {});
  world.terminal().request_head = [&](auto&, auto&) {
    in_hook = true;
    world.Response(200, "x");
    world.Complete();
    in_hook = false;
    return kGo;
  };
  world.terminal().complete = [&](auto&) { CHECK_FALSE(in_hook); };
  world.Start();
  world.Request("late");
  CHECK(world.Take() ==
        "a:>head up:head(GET /) a:<head down:head(200) a:<data(x) down:data(x) a:<end down:end "
        "a:complete up:complete");
}

}  // namespace
}  // namespace remora::http
