#include "source/xds/type_state.h"

#include <catch2/catch.hpp>
#include <functional>

#include "source/event/timer.h"

namespace remora::xds {
namespace {

// Notes what it is told, as "+name=bytes -name @version"; refuses bytes that begin with "bad".
class NotedWatch final : public Watch {
 public:
  explicit NotedWatch(bool wildcard = false) : wildcard_(wildcard) {}

  bool wildcard() const override { return wildcard_; }
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override {
    std::vector<ResourceError> errors;
    for (const Resource& resource : update.changed) {
      log += "+" + std::string(resource.name) + "=" + std::string(resource.bytes) + " ";
      if (resource.bytes.starts_with("bad")) {
        errors.push_back({std::string(resource.name), "f: is bad"});
      }
    }
    for (const std::string& name : update.removed) log += "-" + name + " ";
    log += "@" + std::string(update.version) + " ";
    if (on_update) on_update();
    return errors;
  }
  void OnOutcome(std::string_view, const std::vector<ResourceError>& errors) override {
    errors.empty() ? ++taken : ++refused;
  }
  void OnSourceFailed() override {}
  std::string Take() { return std::exchange(log, ""); }

  std::string log;
  std::function<void()> on_update;
  int taken = 0;
  int refused = 0;

 private:
  bool wildcard_;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

Response Make(const std::string& version, const Pairs& resources,
              std::vector<std::string> removed = {}) {
  Response response;
  response.version = version;
  response.nonce = "n" + version;
  for (const auto& [name, bytes] : resources) {
    response.offers.push_back({.name = name, .version = version, .bytes = bytes});
  }
  response.removed = std::move(removed);
  return response;
}

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// "v=1 names=a,b -c held=a:1 nonce=n1 error=..." of the next request; "nothing".
std::string Next(TypeState& state) {
  if (!state.WantsToSend()) return "nothing";
  const Request request = state.TakeRequest();
  std::string text = "v=" + request.version + " names=" + Join(request.names);
  if (!request.dropped.empty()) text += " -" + Join(request.dropped);
  for (const auto& [name, version] : request.held) text += " held=" + name + ":" + version;
  text += " nonce=" + request.nonce;
  if (request.error.has_value()) text += " error=" + *request.error;
  return text;
}

TEST_CASE("A wildcard asks without names and acknowledges each response") {
  const Flavour flavour = GENERATE(Flavour::kSotw, Flavour::kDelta);
  const std::string v1 = flavour == Flavour::kSotw ? "v=1" : "v=";
  TypeState state(ResourceType::kCluster, flavour);
  NotedWatch all(/*wildcard=*/true);
  CHECK(Next(state) == "nothing");
  state.Add(all);
  CHECK(Next(state) == "nothing");  // no stream
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names= nonce=");
  CHECK(Next(state) == "nothing");
  state.OnResponse(Make("1", {{"a", "A"}, {"b", "B"}}), 0);
  CHECK(all.Take() == "+a=A +b=B @1 ");
  CHECK(Next(state) == v1 + " names= nonce=n1");
  CHECK(all.taken == 1);
}

TEST_CASE("What has the same bytes as before reaches nobody") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch all(true);
  state.Add(all);
  state.OnStreamOpened();
  state.OnResponse(Make("1", {{"a", "A"}, {"b", "B"}}), 0);
  all.Take();
  state.OnResponse(Make("2", {{"a", "A"}, {"b", "C"}}), 0);
  CHECK(all.Take() == "+b=C @2 ");
  state.OnResponse(Make("3", {{"a", "A"}, {"b", "C"}}), 0);
  CHECK(all.Take() == "@3 ");
}

TEST_CASE("A world without a cluster has removed it; of other types it may be a part") {
  for (const bool whole : {true, false}) {
    TypeState state(whole ? ResourceType::kListener : ResourceType::kSecret, Flavour::kSotw);
    NotedWatch all(true);
    state.Add(all);
    state.OnStreamOpened();
    state.OnResponse(Make("1", {{"a", "A"}, {"b", "B"}, {"c", "C"}}), 0);
    all.Take();
    state.OnResponse(Make("2", {{"b", "B"}}), 0);
    CHECK(all.Take() == (whole ? "-a -c @2 " : "@2 "));
    // What has no legible name may be what seems to be missing.
    Response unreadable = Make("3", {});
    unreadable.unreadable = {{"resources[0]", "no"}};
    state.OnResponse(std::move(unreadable), 0);
    CHECK(all.Take() == "@3 ");
  }
}

TEST_CASE("A refused resource keeps its last good version, the others apply") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch all(true);
  state.Add(all);
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names= nonce=");
  state.OnResponse(Make("1", {{"a", "A"}, {"b", "B"}}), 0);
  CHECK(Next(state) == "v=1 names= nonce=n1");
  state.OnResponse(Make("2", {{"a", "bad"}, {"b", "bad too"}, {"c", "C"}}), 0);
  CHECK(Next(state) ==
        "v=1 names= nonce=n2 error=Error adding/updating cluster(s) a: f: is bad, b: f: is bad");
  CHECK(all.refused == 1);
  all.Take();
  // The last good bytes are still known as such; the bad ones are offered, and refused, again.
  state.OnResponse(Make("3", {{"a", "A"}, {"b", "bad too"}, {"c", "C"}}), 0);
  CHECK(all.Take() == "+b=bad too @3 ");
  CHECK(Next(state) == "v=1 names= nonce=n3 error=Error adding/updating cluster(s) b: f: is bad");
  state.OnResponse(Make("4", {{"a", "A"}, {"b", "B"}, {"c", "C"}}), 0);
  CHECK(Next(state) == "v=4 names= nonce=n4");
}

TEST_CASE("A name that stands twice in a response is refused") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch all(true);
  state.Add(all);
  state.OnStreamOpened();
  Next(state);
  state.OnResponse(Make("1", {{"a", "A"}, {"a", "B"}, {"b", "B"}}), 0);
  CHECK(all.Take() == "+b=B @1 ");
  CHECK(Next(state) ==
        "v= names= nonce=n1 error=Error adding/updating cluster(s) a: duplicate cluster a found");
}

TEST_CASE("Named resources: no request without a name, then all of them") {
  TypeState state(ResourceType::kEndpoints, Flavour::kSotw);
  NotedWatch one;
  NotedWatch two;
  state.Add(one);
  state.Add(two);
  state.OnStreamOpened();
  CHECK(Next(state) == "nothing");
  state.Want(one, "a");
  state.Want(two, "b");
  CHECK(Next(state) == "v= names=a,b nonce=");
  CHECK_FALSE(state.IsTold("a"));
  state.OnResponse(Make("1", {{"a", "A"}, {"c", "C"}}), 0);
  CHECK(state.IsTold("a"));
  CHECK_FALSE(state.IsTold("b"));
  CHECK(one.Take() == "+a=A @1 ");
  CHECK(two.Take().empty());  // nothing of its own
  CHECK(two.taken == 0);
  CHECK(Next(state) == "v=1 names=a,b nonce=n1");
  state.Unwant(one, "a");
  CHECK(Next(state) == "v=1 names=b nonce=n1");
  state.Unwant(two, "b");
  CHECK(Next(state) == "v=1 names= nonce=n1");  // "nothing any more", not "everything"
  CHECK(Next(state) == "nothing");
}

TEST_CASE("Delta says what has changed, and answers every response by itself") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  NotedWatch watch;
  state.Add(watch);
  state.Want(watch, "a");
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names=a nonce=");
  state.Want(watch, "b");
  state.OnResponse(Make("1", {{"a", "A"}}), 0);
  state.OnResponse(Make("2", {{"b", "bad"}}), 0);
  CHECK(Next(state) == "v= names=b nonce=n1");
  CHECK(Next(state) == "v= names= nonce=n2 error=b: f: is bad");
  CHECK(Next(state) == "nothing");
  state.Unwant(watch, "a");
  CHECK(Next(state) == "v= names= -a nonce=");
  // Wanted and not wanted any more before anybody heard of it.
  state.Want(watch, "c");
  state.Unwant(watch, "c");
  CHECK(Next(state) == "nothing");
  // Gone and back again: its holder has forgotten it, so it has to come once more.
  state.Unwant(watch, "b");
  state.Want(watch, "b");
  CHECK(Next(state) == "v= names=b nonce=");
}

TEST_CASE("Delta: what is removed, and that there is none of a name") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  NotedWatch watch;
  state.Add(watch);
  state.Want(watch, "a");
  state.Want(watch, "b");
  state.OnStreamOpened();
  Next(state);
  state.OnResponse(Make("1", {{"a", "A"}}, {"b", "unknown"}), 0);
  CHECK(watch.Take() == "+a=A -b @1 ");
  CHECK(state.IsTold("b"));
  state.OnResponse(Make("2", {}, {"a"}), 0);
  CHECK(watch.Take() == "-a @2 ");
  // The same bytes are new again.
  state.OnResponse(Make("3", {{"a", "A"}}), 0);
  CHECK(watch.Take() == "+a=A @3 ");
}

TEST_CASE("A new stream is told what is wanted and what is held") {
  for (const Flavour flavour : {Flavour::kSotw, Flavour::kDelta}) {
    TypeState state(ResourceType::kCluster, flavour);
    NotedWatch all(true);
    state.Add(all);
    state.OnStreamOpened();
    Next(state);
    state.OnResponse(Make("1", {{"a", "A"}}), 0);
    state.OnResponse(Make("2", {{"a", "A"}, {"b", "B"}}), 0);
    // Nobody waits for the answers of a lost stream.
    state.OnStreamClosed();
    CHECK(Next(state) == "nothing");
    state.OnStreamOpened();
    CHECK(Next(state) ==
          (flavour == Flavour::kSotw ? "v=2 names= nonce=" : "v= names= held=a:2 held=b:2 nonce="));
    all.Take();
    state.OnResponse(Make("2", {{"a", "A"}, {"b", "B"}}), 0);
    CHECK(all.Take() == "@2 ");
  }
}

TEST_CASE("A wildcard beside names") {
  TypeState state(ResourceType::kCluster, Flavour::kDelta);
  NotedWatch named;
  NotedWatch all(true);
  state.Add(named);
  state.Want(named, "a");
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names=a nonce=");
  state.Add(all);
  CHECK(Next(state) == "v= names=* nonce=");
  state.OnResponse(Make("1", {{"a", "A"}, {"b", "B"}}), 0);
  CHECK(named.Take() == "+a=A @1 ");
  CHECK(all.Take() == "+a=A +b=B @1 ");
  Next(state);
  state.Remove(all);
  CHECK(Next(state) == "v= names= -* nonce=");
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names=a held=a:1 nonce=");
}

TEST_CASE("A wildcard that wants names too gets each resource once") {
  TypeState state(ResourceType::kVirtualHosts, Flavour::kDelta);
  NotedWatch watch(true);
  state.Add(watch);
  state.OnStreamOpened();
  CHECK(Next(state) == "v= names= nonce=");
  state.Want(watch, "r/a");
  CHECK(Next(state) == "v= names=r/a nonce=");
  state.OnResponse(Make("1", {{"r/a", "A"}, {"r/b", "B"}}), 0);
  CHECK(watch.Take() == "+r/a=A +r/b=B @1 ");
  CHECK(state.IsTold("r/a"));
  CHECK(Next(state) == "v= names= nonce=n1");
  state.Unwant(watch, "r/a");
  CHECK(Next(state) == "v= names= -r/a nonce=");
}

TEST_CASE("A resource answers for its aliases, and is another one with others") {
  TypeState state(ResourceType::kVirtualHosts, Flavour::kDelta);
  NotedWatch watch(true);
  state.Add(watch);
  state.OnStreamOpened();
  Next(state);
  state.OnResponse(Make("1", {{"r/a", "A"}}), 0);
  CHECK(watch.Take() == "+r/a=A @1 ");
  state.Want(watch, "r/b");
  Response again = Make("1", {{"r/a", "A"}});
  again.offers[0].aliases = {"r/b"};
  state.OnResponse(again, 0);
  CHECK(watch.Take() == "+r/a=A @1 ");
  CHECK(state.IsTold("r/b"));
}

TEST_CASE("Who wants what is held gets it without asking again") {
  TypeState state(ResourceType::kRoutes, Flavour::kSotw);
  NotedWatch first;
  NotedWatch second;
  state.Add(first);
  state.Want(first, "r");
  state.OnStreamOpened();
  state.OnResponse(Make("1", {{"r", "R"}}), 0);
  state.Add(second);
  state.Want(second, "r");
  CHECK(second.Take().empty());
  REQUIRE(state.HasLate());
  state.TellLate();
  CHECK_FALSE(state.HasLate());
  CHECK(second.Take() == "+r=R @1 ");
  // Both are told of what comes next.
  state.OnResponse(Make("2", {{"r", "S"}}), 0);
  CHECK(second.Take() == "+r=S @2 ");
  // Forgotten with the last one who wants it.
  state.Unwant(first, "r");
  state.Unwant(second, "r");
  state.Want(second, "r");
  CHECK_FALSE(state.HasLate());
}

TEST_CASE("Users may end and change their wishes while they are told") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  NotedWatch first;
  NotedWatch second;
  state.Add(first);
  state.Add(second);
  state.Want(first, "a");
  state.Want(second, "a");
  state.OnStreamOpened();
  Next(state);
  const auto end = [&state](NotedWatch& other) {
    return [&state, &other] {
      state.Unwant(other, "a");
      state.Remove(other);
    };
  };
  first.on_update = end(second);
  second.on_update = end(first);
  state.OnResponse(Make("1", {{"a", "A"}}), 0);
  CHECK((first.log + second.log) == "+a=A @1 ");  // one of them
  CHECK(state.watches().size() == 1);
  // One that ends itself.
  NotedWatch& left = first.log.empty() ? second : first;
  left.on_update = end(left);
  left.Take();
  state.OnResponse(Make("2", {{"a", "B"}}), 0);
  CHECK(left.Take() == "+a=B @2 ");
  CHECK_FALSE(state.used());
  state.OnResponse(Make("3", {{"a", "C"}}), 0);
  CHECK(left.Take().empty());
}

TEST_CASE("A resource with a time to live goes when it is not heard of") {
  TypeState state(ResourceType::kListener, Flavour::kSotw);
  NotedWatch all(true);
  state.Add(all);
  state.OnStreamOpened();
  Response response = Make("1", {{"a", "A"}, {"b", "B"}});
  response.offers[0].ttl = 10;
  state.OnResponse(std::move(response), 100);
  CHECK(state.NextExpiry() == 110);
  all.Take();
  // A heartbeat: nothing changes, the others are not gone.
  Response heartbeat = Make("1", {{"a", ""}});
  heartbeat.offers[0].ttl = 10;
  heartbeat.offers[0].heartbeat = true;
  state.OnResponse(std::move(heartbeat), 105);
  CHECK(all.Take() == "@1 ");
  CHECK(state.NextExpiry() == 115);
  state.Expire(114);
  CHECK(all.Take().empty());
  state.Expire(115);
  CHECK(all.Take() == "-a @1 ");
  CHECK(state.NextExpiry() == event::Timer::kNever);
  // Back again; without a time to live it stays.
  state.OnResponse(Make("2", {{"a", "A"}, {"b", "B"}}), 120);
  CHECK(all.Take() == "+a=A @2 ");
  CHECK(state.NextExpiry() == event::Timer::kNever);
}

TEST_CASE("The text of a NACK is bounded") {
  std::vector<ResourceError> errors(100'000, ResourceError{"name", "message"});
  const std::string text = RefusalText(ResourceType::kCluster, errors);
  CHECK(text.size() < 70'000);
  CHECK(text.ends_with(" more"));
  CHECK(RefusalText(ResourceType::kListener, {{"a", "x"}, {"b", "y"}}) ==
        "Error adding/updating listener(s) a: x\nb: y");
}

}  // namespace
}  // namespace remora::xds
