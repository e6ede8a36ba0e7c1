// AddRequestData and AddResponseData: where added bytes land, from each hook and from outside; and
// the buffer limit.

#include <catch2/catch.hpp>
#include <string>

#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;
using fakes::Script;

constexpr Answer kGo = Answer::kContinue;

void AddRequest(FilterContext& context, std::string_view text) {
  buffer::Buffer data(context.blocks());
  data.Append(text);
  context.AddRequestData(data);
}
void AddResponse(FilterContext& context, std::string_view text) {
  buffer::Buffer data(context.blocks());
  data.Append(text);
  context.AddResponseData(data);
}
// A hook that adds to the request / the response and answers.
auto AddsRequest(std::string text, Answer answer) {
  return [=](FilterContext& context, auto&&) {
    AddRequest(context, text);
    return answer;
  };
}
auto AddsResponse(std::string text, Answer answer) {
  return [=](FilterContext& context, auto&&) {
    AddResponse(context, text);
    return answer;
  };
}

TEST_CASE("added data: in the head hook it follows the head") {
  ChainWorld world;
  world.Add("a", {.request_head = AddsRequest("+", kGo)});
  world.Add("b", {});
  world.Start();
  world.Request("d");
  CHECK(world.Take() ==
        "a:>head b:>head up:head(GET /) b:>data(+) up:data(+) a:>data(d) b:>data(d) up:data(d) "
        "a:>end b:>end up:end");
}

TEST_CASE("added data: in the head hook with hold or pause it stays behind the head") {
  for (const Answer answer : {Answer::kHold, Answer::kPause}) {
    ChainWorld world;
    world.Add("a", {.request_head = AddsRequest("+", answer)});
    world.Start();
    world.RequestHead();
    CHECK(world.upstream.heads == 0);
    world.context("a").ResumeRequest();
    world.Turn();
    CHECK(world.upstream.body == "+");
    world.RequestEnd();
    CHECK(world.upstream.ends == 1);
  }
}

TEST_CASE("added data: in the data hook it follows the data") {
  ChainWorld world;
  world.Add("a", {.request_data = AddsRequest("+", kGo)});
  world.Start();
  world.Request("d");
  CHECK(world.Take() == "a:>head up:head(GET /) a:>data(d) up:data(d) up:data(+) a:>end up:end");
}

TEST_CASE("added data: with held data before it") {
  ChainWorld world;
  int seen = 0;
  world.Add("a", {.request_head = [](auto&, auto&) { return Answer::kHold; },
                  .request_data =
                      [&](FilterContext& context, auto&) {
                        AddRequest(context, "+");
                        return ++seen == 2 ? kGo : Answer::kHold;
                      }});
  world.Start();
  world.RequestHead();
  world.RequestData("1");
  world.RequestData("2");
  CHECK(world.upstream.body == "1+2+");
  world.RequestEnd();
  CHECK(world.upstream.ends == 1);
}

TEST_CASE("added data: in the end hook it comes before the end") {
  for (const Answer answer : {kGo, Answer::kHold, Answer::kPause}) {
    ChainWorld world;
    world.Add("a", {.request_end = AddsRequest("+", answer)});
    world.Start();
    world.Request("d");
    world.context("a").ResumeRequest();
    world.Turn();
    CHECK(world.upstream.body == "d+");
    CHECK(world.upstream.ends == 1);
  }
}

TEST_CASE("added data: a body for a response without one") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {.response_end = AddsResponse("body", kGo)});
  world.Start();
  world.Request();
  world.Take();
  world.Response(200);
  CHECK(world.Take() ==
        "b:<head a:<head down:head(200) b:<end a:<data(body) down:data(body) a:<end down:end");
}

TEST_CASE("added data: in each response hook") {
  ChainWorld world;
  world.Add("a", {.response_head = AddsResponse("h", kGo),
                  .response_data = AddsResponse("d", kGo),
                  .response_end = AddsResponse("e", kGo)});
  world.Start();
  world.Request();
  world.Response(200, "-");
  CHECK(world.downstream.body == "h-de");
}

TEST_CASE("added data: to a paused filter from outside goes behind what it keeps") {
  ChainWorld world;
  world.Add("a", {.request_data = [](auto&, buffer::Buffer& data) {
              return data.ToString() == "1" ? Answer::kPause : kGo;
            }});
  world.Start();
  world.RequestHead();
  world.RequestData("1");
  world.RequestData("2");
  AddRequest(world.context("a"), "+");
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.upstream.body == "1+2");
}

TEST_CASE("added data: from outside a hook it waits for the end of the turn, in order") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {});
  world.Start();
  world.RequestHead();
  world.Take();
  AddRequest(world.context("a"), "+");
  CHECK(world.Take().empty());
  SECTION("alone") {
    world.Turn();
    CHECK(world.Take() == "b:>data(+) up:data(+)");
  }
  SECTION("data that comes before the end of the turn goes behind it") {
    world.RequestData("d");
    CHECK(world.Take() == "b:>data(+) up:data(+) a:>data(d) b:>data(d) up:data(d)");
    world.Turn();
    CHECK(world.Take().empty());
  }
  SECTION("so does the end") {
    world.RequestEnd();
    CHECK(world.Take() == "b:>data(+) up:data(+) a:>end b:>end up:end");
  }
}

TEST_CASE("added data: to the request from a response hook never re-enters the terminal filter") {
  ChainWorld world;
  bool in_terminal = false;
  world.Add("a", {.response_head = AddsRequest("+", kGo)});
  world.terminal().request_head = [&](auto&, auto&) {
    in_terminal = true;
    world.ResponseHead();
    in_terminal = false;
    return kGo;
  };
  world.terminal().request_data = [&](auto&, auto&) {
    CHECK_FALSE(in_terminal);
    return kGo;
  };
  world.Start();
  world.RequestHead();
  CHECK(world.Take() == "a:>head up:head(GET /) a:<head down:head(200) up:data(+)");
}

TEST_CASE("added data: before the head and after the end there is no place for it") {
  ChainWorld world;
  world.Add("a", {});
  world.Start();
  AddRequest(world.context("a"), "early");
  AddResponse(world.context("a"), "early");
  world.Turn();
  world.Request("d");
  AddRequest(world.context("a"), "late");
  world.Response(200, "r");
  AddResponse(world.context("a"), "late");
  world.Turn();
  CHECK(world.upstream.body == "d");
  CHECK(world.downstream.body == "r");
}

TEST_CASE("limit: a request held over the limit is answered with 413") {
  ChainWorld world(10);
  world.Add("a", {.request_data = [](auto&, auto&) { return Answer::kHold; }});
  world.Start();
  world.RequestHead();
  world.RequestData("0123456789");
  CHECK(world.downstream.heads == 0);
  world.RequestData("x");
  CHECK(world.Take() ==
        "a:>head up:head(GET /) a:>data(0123456789) a:>data(x) up:complete a:<head down:head(413) "
        "a:<data(Payload Too Large) down:data(Payload Too Large) a:<end down:end");
  CHECK(world.info.response_code_details == "request_payload_too_large");
  world.RequestData("more");
  world.RequestEnd();
  CHECK(world.Take().empty());
}

TEST_CASE("limit: counts what is held now, not what has passed") {
  ChainWorld world(10);
  bool hold = true;
  world.Add("a", {.request_data = [&](auto&, auto&) { return hold ? Answer::kHold : kGo; }});
  world.Start();
  world.RequestHead();
  for (int i = 0; i < 10; ++i) {
    hold = true;
    world.RequestData("12345678");
    hold = false;
    world.RequestData("9");
  }
  CHECK(world.upstream.body.size() == 90);
  CHECK(world.downstream.heads == 0);
  hold = true;
  world.RequestData("0123456789");
  CHECK(world.downstream.heads == 0);
  world.RequestData("0");
  CHECK(world.info.response_code_details == "request_payload_too_large");
}

TEST_CASE("limit: data that a holding filter adds counts too") {
  ChainWorld world(10);
  world.Add("a", {.request_data = [](FilterContext& context, auto&) {
              AddRequest(context, "0123456789");
              return Answer::kHold;
            }});
  world.Start();
  world.RequestHead();
  world.RequestData("x");
  CHECK(world.info.response_code_details == "request_payload_too_large");
}

TEST_CASE("limit: a response held over the limit is answered with 500, past the filters") {
  ChainWorld world(10);
  world.Add("a", {});
  world.Add("b", {.response_head = [](auto&, auto&) { return Answer::kHold; },
                  .response_data = [](auto&, auto&) { return Answer::kHold; }});
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  world.ResponseData("0123456789");
  world.ResponseData("x");
  // b has seen a head already, so nobody sees a second one (Envoy: a direct local reply).
  CHECK(world.Take() ==
        "b:<head b:<data(0123456789) b:<data(x) up:complete down:head(500) "
        "down:data(Internal Server Error) down:end");
  CHECK(world.info.response_code_details == "response_payload_too_large");
}

TEST_CASE("limit: a response whose head has gone is reset") {
  ChainWorld world(10);
  world.Add("b", {.response_data = [](auto&, auto&) { return Answer::kHold; }});
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  world.ResponseData("0123456789x");
  CHECK(world.Take() ==
        "b:<head down:head(200) b:<data(0123456789x) up:complete down:reset(local_reset)");
}

TEST_CASE("limit: a paused filter is not charged, its source stands still") {
  ChainWorld world(10);
  world.Add("a", {.request_head = [](auto&, auto&) { return Answer::kPause; }});
  world.Start();
  world.RequestHead();
  world.RequestData("0123456789 one read more");
  CHECK(world.downstream.heads == 0);
  world.context("a").ResumeRequest();
  world.Turn();
  CHECK(world.upstream.body == "0123456789 one read more");
}

TEST_CASE("limit: each direction has its own") {
  ChainWorld world(10);
  world.Add("a", {.request_head =
                      [](FilterContext& context, auto&) {
                        context.SetRequestBufferLimit(20);
                        context.SetResponseBufferLimit(5);
                        return kGo;
                      },
                  .request_data = [](auto&, auto&) { return Answer::kHold; },
                  .response_head = [](auto&, auto&) { return Answer::kHold; },
                  .response_data = [](auto&, auto&) { return Answer::kHold; }});
  world.Start();
  world.Request("0123456789 12345");
  CHECK(world.upstream.body == "0123456789 12345");
  world.ResponseHead();
  world.ResponseData("123456");
  CHECK(world.info.response_code_details == "response_payload_too_large");
}

TEST_CASE("added data: a filter takes the data, pauses, and lets it out bit by bit") {
  ChainWorld world;
  world.Add("a", {});
  world.Add("b", {.response_data =
                      [](FilterContext&, buffer::Buffer& data) {
                        data.Clear();
                        return Answer::kPause;
                      },
                  .response_end = [](FilterContext&, HeaderMap*) { return Answer::kPause; }});
  world.Start();
  world.Request();
  world.ResponseHead();
  world.Take();
  world.ResponseData("taken");
  CHECK(world.Take() == "b:<data(taken) server:pause(filter)");
  AddResponse(world.context("b"), "1");
  world.Turn();
  CHECK(world.Take() == "a:<data(1) down:data(1)");
  // What came meanwhile waits for the end of the pause.
  world.ResponseData("more");
  world.ResponseEnd();
  AddResponse(world.context("b"), "2");
  world.Turn();
  CHECK(world.Take() == "a:<data(2) down:data(2)");
  world.context("b").ResumeResponse();
  world.Turn();
  CHECK(world.Take() == "b:<data(more)");
  world.context("b").ResumeResponse();
  world.Turn();
  // The end is kept now: data comes before it, at once or together with the resume.
  CHECK(world.Take() == "b:<end");
  AddResponse(world.context("b"), "3");
  world.Turn();
  CHECK(world.Take() == "a:<data(3) down:data(3)");
  AddResponse(world.context("b"), "4");
  world.context("b").ResumeResponse();
  world.Turn();
  CHECK(world.Take() == "a:<data(4) down:data(4) a:<end down:end server:resume(filter)");
}

}  // namespace
}  // namespace remora::http
