// Direction without a chain: its states, what it keeps, and that it keeps memory in bounds.

#include "source/http/filter/direction.h"

#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <vector>

#include "test/fakes/recorder.h"

namespace remora::http {
namespace {

// Answers from a list a slot, kContinue when it is used up.
class ListedHooks final : public DirectionHooks<RequestHead> {
 public:
  explicit ListedHooks(size_t slots) : answers(slots) {}
  Answer CallHead(size_t position, RequestHead&) override { return Next(position); }
  Answer CallData(size_t position, buffer::Buffer&) override { return Next(position); }
  Answer CallEnd(size_t position, HeaderMap*) override { return Next(position); }
  bool Interrupted() const override { return interrupted; }
  void OnOverLimit() override { ++over_limit; }
  void SetPaused(bool value) override {
    CHECK(value != paused);  // only changes are told
    paused = value;
  }

  std::vector<std::deque<Answer>> answers;
  bool interrupted = false;
  bool paused = false;
  int over_limit = 0;

 private:
  Answer Next(size_t position) {
    if (answers[position].empty()) return Answer::kContinue;
    const Answer answer = answers[position].front();
    answers[position].pop_front();
    return answer;
  }
};

struct World {
  explicit World(size_t slots)
      : hooks(slots), direction(hooks, arena, blocks, slots, &out), head(arena) {
    head.method = "GET";
    head.path = "/";
  }
  void Data(std::string_view text) {
    buffer::Buffer data(blocks);
    data.Append(text);
    direction.Data(data);
    CHECK(data.empty());
  }
  void Add(size_t position, std::string_view text) {
    buffer::Buffer data(blocks);
    data.Append(text);
    direction.Add(position, data);
    CHECK(data.empty());
  }

  fakes::Journal journal;
  fakes::Recorder<RequestHead> out{journal, "out"};
  base::ArenaPool arenas;
  base::Arena arena{arenas};
  buffer::BlockPool blocks;
  ListedHooks hooks;
  Direction<RequestHead> direction;
  RequestHead head;
};

TEST_CASE("direction: no slots at all") {
  World world(0);
  world.direction.Begin(world.head);
  world.Data("x");
  world.direction.End(nullptr);
  CHECK(world.journal.Take() == "out:head(GET /) out:data(x) out:end");
  CHECK(world.direction.head_delivered());
  CHECK(world.direction.end_delivered());
}

TEST_CASE("direction: events that do not fit the state are dropped") {
  World world(1);
  world.Data("early");
  world.direction.End(nullptr);
  CHECK(world.journal.Take().empty());
  world.direction.Begin(world.head);
  world.direction.End(nullptr);
  world.Data("late");
  world.direction.End(nullptr);
  CHECK(world.journal.Take() == "out:head(GET /) out:end");
  world.direction.Reset();
  world.Data("later");
  CHECK(world.journal.Take().empty());
  CHECK(world.direction.state() == Direction<RequestHead>::State::kReset);
}

TEST_CASE("direction: counts what it keeps, exactly") {
  World world(3);
  world.hooks.answers[0] = {Answer::kContinue, Answer::kHold, Answer::kContinue};
  world.hooks.answers[1] = {Answer::kPause};
  world.direction.Begin(world.head);
  CHECK(world.hooks.paused);
  world.Data("12345");
  CHECK(world.direction.bytes_kept() == 5);
  world.Add(1, "+++");
  CHECK(world.direction.bytes_kept() == 8);
  world.Data("678");  // slot 0 goes on: all of it queues at slot 1
  CHECK(world.direction.bytes_kept() == 11);
  world.direction.AskRelease(1);
  world.direction.RunAsked();
  CHECK(world.direction.bytes_kept() == 0);
  CHECK_FALSE(world.hooks.paused);
  CHECK(world.out.body == "+++12345678");
}

TEST_CASE("direction: reset drops what is kept and lets the source go") {
  World world(2);
  world.hooks.answers[0] = {Answer::kHold, Answer::kHold, Answer::kPause};
  world.direction.Begin(world.head);
  world.Data("1");
  world.Data("2");
  world.Data("3");
  CHECK(world.hooks.paused);
  CHECK(world.direction.bytes_kept() == 3);
  world.direction.Reset();
  CHECK_FALSE(world.hooks.paused);
  CHECK(world.direction.bytes_kept() == 0);
  CHECK(world.blocks.live() == 0);
  world.direction.AskRelease(0);
  CHECK_FALSE(world.direction.asked());
  CHECK(world.journal.Take().empty());
}

TEST_CASE("direction: the limit is about held bytes") {
  World world(1);
  world.direction.set_limit(4);
  world.hooks.answers[0] = {Answer::kContinue, Answer::kHold,     Answer::kContinue,
                            Answer::kHold,     Answer::kContinue, Answer::kHold};
  world.direction.Begin(world.head);
  for (int i = 0; i < 2; ++i) {
    world.Data("1234");
    world.Data("5");
  }
  CHECK(world.hooks.over_limit == 0);
  world.Data("12345");
  CHECK(world.hooks.over_limit == 1);
}

TEST_CASE("direction: a long stream of holds and pauses uses no more memory than a short one") {
  World world(1);
  world.direction.Begin(world.head);
  size_t used = 0;
  for (int i = 0; i < 1000; ++i) {
    world.hooks.answers[0] = {i % 2 == 0 ? Answer::kPause : Answer::kHold};
    world.Data("a");
    world.Data("b");
    world.direction.AskRelease(0);
    world.direction.RunAsked();
    if (i == 1) used = world.arena.used();
  }
  CHECK(world.arena.used() == used);
  CHECK(world.out.body.size() == 2000);
}

TEST_CASE("direction: an event that a slot does not want goes by without it") {
  World world(2);
  // A call would be answered with a pause.
  world.hooks.answers[0].assign(3, Answer::kPause);
  world.direction.SetWanted(0, 0);
  world.direction.Begin(world.head);
  world.Data("a");
  world.direction.End(nullptr);
  CHECK(world.journal.Take() == "out:head(GET /) out:data(a) out:end");
  CHECK(world.hooks.answers[0].size() == 3);
  CHECK(world.direction.saw_head(0));
}

TEST_CASE("direction: what a slot does not want waits behind what it keeps") {
  World world(1);
  world.hooks.answers[0] = {Answer::kPause};
  world.direction.SetWanted(0, Hooks::kHead);
  world.direction.Begin(world.head);
  world.Data("a");
  world.direction.End(nullptr);
  CHECK(world.journal.Take().empty());
  world.direction.AskRelease(0);
  world.direction.RunAsked();
  CHECK(world.journal.Take() == "out:head(GET /) out:data(a) out:end");
}

TEST_CASE("direction: a slot that wants no data lets go of a held head with it") {
  World world(1);
  world.hooks.answers[0] = {Answer::kHold};
  world.direction.SetWanted(0, Hooks::kHead);
  world.direction.Begin(world.head);
  CHECK(world.journal.Take().empty());
  world.Data("a");
  CHECK(world.journal.Take() == "out:head(GET /) out:data(a)");
  world.Data("b");
  world.direction.End(nullptr);
  CHECK(world.journal.Take() == "out:data(b) out:end");
}

TEST_CASE("direction: data can be added where no event is wanted") {
  World world(1);
  world.direction.SetWanted(0, 0);
  world.direction.Begin(world.head);
  world.Add(0, "x");
  world.Data("a");
  world.Add(0, "y");
  world.direction.RunAsked();
  world.direction.End(nullptr);
  CHECK(world.journal.Take() == "out:head(GET /) out:data(x) out:data(a) out:data(y) out:end");
}

struct HeadsOnly : Filter {
  Answer OnRequestHead(RequestHead&) override { return Answer::kContinue; }
  Answer OnResponseHead(ResponseHead&) override { return Answer::kContinue; }
};
// What a class in between overrides counts, too.
struct AndComplete : HeadsOnly {
  Answer OnRequestData(buffer::Buffer&) override { return Answer::kContinue; }
  void OnComplete() override {}
};

TEST_CASE("hooks: those that a class overrides") {
  CHECK(Hooks::Of<Filter>().bits == 0);
  CHECK(Hooks().bits == 0x7f);
  constexpr Hooks kHeads = Hooks::Of<HeadsOnly>();
  CHECK(kHeads.request() == Hooks::kHead);
  CHECK(kHeads.response() == Hooks::kHead);
  CHECK_FALSE(kHeads.complete());
  constexpr Hooks kMore = Hooks::Of<AndComplete>();
  CHECK(kMore.request() == (Hooks::kHead | Hooks::kData));
  CHECK(kMore.response() == Hooks::kHead);
  CHECK(kMore.complete());
}

}  // namespace
}  // namespace remora::http
