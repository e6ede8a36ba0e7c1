#include "source/xds/snapshot_shelf.h"

#include <catch2/catch.hpp>

namespace remora::xds {
namespace {

// Notes what it is told; refuses bytes that begin with "bad".
class NotedWatch final : public Watch {
 public:
  explicit NotedWatch(bool wildcard = false) : wildcard_(wildcard) {}

  bool wildcard() const override { return wildcard_; }
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override {
    std::vector<ResourceError> errors;
    for (const Resource& resource : update.changed) {
      log += "+" + std::string(resource.name) + "=" + std::string(resource.bytes) + " ";
      if (resource.bytes.starts_with("bad")) errors.push_back({std::string(resource.name), "bad"});
    }
    for (const std::string& name : update.removed) log += "-" + name + " ";
    log += (update.from_snapshot ? "old@" : "@") + std::string(update.version) + " ";
    return errors;
  }
  void OnOutcome(std::string_view, const std::vector<ResourceError>&) override {}
  void OnSourceFailed() override {}
  std::string Take() { return std::exchange(log, ""); }

  std::string log;

 private:
  bool wildcard_;
};

SnapshotPart Part(ResourceType type, const std::vector<std::pair<std::string, std::string>>& of) {
  SnapshotPart part = {"ADS", type, "7", 100, {}};
  for (const auto& [name, bytes] : of) {
    part.resources.push_back({name, "v" + name, std::make_shared<const std::string>(bytes)});
  }
  return part;
}

Response Answer(const std::vector<std::pair<std::string, std::string>>& resources) {
  Response response;
  response.version = "8";
  response.nonce = "n8";
  for (const auto& [name, bytes] : resources) {
    response.offers.push_back({.name = name, .version = "8", .bytes = bytes});
  }
  return response;
}

std::string Names(const std::vector<SnapshotResource>& resources) {
  std::string names;
  for (const SnapshotResource& resource : resources) names += resource.name + " ";
  return names;
}

TEST_CASE("A wildcard gets all at once, also when it is nothing") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch all(/*wildcard=*/true);
  SnapshotShelf shelf;
  shelf.Put(Part(ResourceType::kCluster, {{"a", "A"}, {"b", "B"}}));
  CHECK_FALSE(shelf.Give(state, "someone", 0));  // nobody wants it
  state.Add(all);
  CHECK(shelf.Give(state, "someone", 0));
  CHECK(all.Take() == "+a=A +b=B old@7 ");
  CHECK_FALSE(shelf.Give(state, "someone", 0));
  CHECK(state.restored() == 2);
  CHECK_FALSE(state.answered());

  TypeState empty(ResourceType::kListener, Flavour::kSotw);
  NotedWatch none(true);
  empty.Add(none);
  CHECK_FALSE(shelf.Give(empty, "someone", 0));  // nothing is known of them
  shelf.Put(Part(ResourceType::kListener, {}));
  CHECK(shelf.Give(empty, "someone", 0));
  CHECK(none.Take() == "old@7 ");
}

TEST_CASE("Names are given as they are wanted, until the source has spoken") {
  TypeState state(ResourceType::kEndpoints, Flavour::kSotw);
  NotedWatch user;
  SnapshotShelf shelf;
  shelf.Put(Part(ResourceType::kEndpoints, {{"a", "A"}, {"b", "B"}, {"c", "bad"}}));
  state.Add(user);
  state.Want(user, "a");
  state.Want(user, "x");
  CHECK(shelf.Give(state, "someone", 0));
  CHECK(user.Take() == "+a=A old@7 ");
  CHECK(state.IsTold("a"));
  CHECK_FALSE(state.IsTold("x"));
  state.Want(user, "c");
  CHECK(shelf.Give(state, "someone", 0));
  CHECK(user.Take() == "+c=bad old@7 ");
  CHECK_FALSE(shelf.Give(state, "someone", 0));  // a refused one is not offered again
  shelf.Drop(ResourceType::kEndpoints);
  state.Want(user, "b");
  CHECK_FALSE(shelf.Give(state, "someone", 0));
  CHECK(shelf.empty());
}

TEST_CASE("SotW: the source is not told the snapshot's version, and its first answer counts") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch all(true);
  state.Add(all);
  SnapshotShelf shelf;
  shelf.Put(Part(ResourceType::kCluster, {{"a", "A"}, {"b", "B"}, {"c", "C"}}));
  shelf.Give(state, "someone", 0);
  all.Take();
  state.OnStreamOpened();
  REQUIRE(state.WantsToSend());
  CHECK(state.TakeRequest() == Request{.type = ResourceType::kCluster});
  // The same, another, and one less.
  state.OnResponse(Answer({{"a", "A"}, {"b", "B2"}}), 0);
  CHECK(all.Take() == "+b=B2 -c @8 ");
  CHECK(state.restored() == 0);
  CHECK(state.answered());
  CHECK(state.TakeRequest().version == "8");
}

TEST_CASE("Delta: the first request says what the snapshot has, and silence confirms it") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  NotedWatch user;
  state.Add(user);
  state.Want(user, "a");
  state.Want(user, "b");
  SnapshotShelf shelf;
  shelf.Put(Part(ResourceType::kEndpoints, {{"a", "A"}, {"b", "B"}}));
  shelf.Give(state, "someone", 0);
  user.Take();
  state.OnStreamOpened();
  const Request request = state.TakeRequest();
  CHECK(request.held == std::vector<std::pair<std::string, std::string>>{{"a", "va"}, {"b", "vb"}});
  CHECK(request.nonce.empty());
  CHECK(state.introduced());
  state.OnResponse(Answer({{"b", "B2"}}), 0);
  CHECK(user.Take() == "+b=B2 @8 ");
  CHECK(state.restored() == 1);
  state.Confirm();
  CHECK(user.Take().empty());
  CHECK(state.restored() == 0);
}

TEST_CASE("What is kept is what is held, and what is left of a type that was not answered") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  state.KeepBytes();
  NotedWatch all(true);
  state.Add(all);
  state.OnResponse(Answer({{"c", "C"}, {"a", "A"}, {"b", "bad"}}), 0);
  const SnapshotPart own = CollectPart(&state, nullptr);
  CHECK(Names(own.resources) == "a c ");
  CHECK(*own.resources[0].bytes == "A");
  CHECK(own.at == 0);
  // Bytes that only a snapshot needs are not kept without one.
  TypeState other(ResourceType::kCluster, Flavour::kSotw);
  NotedWatch more(true);
  other.Add(more);
  other.OnResponse(Answer({{"a", "A"}}), 0);
  CHECK(other.Collect().empty());

  const SnapshotPart left = Part(ResourceType::kCluster, {{"b", "B"}});
  const SnapshotPart both = CollectPart(&state, &left);
  CHECK(Names(both.resources) == "a b c ");
  CHECK(both.at == 100);
  CHECK(both.version == "7");
  CHECK(Names(CollectPart(nullptr, &left).resources) == "b ");
}

TEST_CASE("What has a time to live is not kept") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  state.KeepBytes();
  NotedWatch user;
  state.Add(user);
  state.Want(user, "a");
  Response response = Answer({{"a", "A"}});
  response.offers[0].ttl = event::kSecond;
  state.OnResponse(std::move(response), 0);
  CHECK(state.Collect().empty());
}

}  // namespace
}  // namespace remora::xds
