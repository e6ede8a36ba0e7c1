#include "source/xds/client_status.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "source/xds/type_state.h"

namespace remora::xds {
namespace {

using envoy::extensions::transport_sockets::tls::v3::Secret;
using envoy::service::status::v3::ClientStatusResponse;
using State = ResourceStatus::State;

// Refuses bytes that begin with "bad".
class PickyWatch final : public Watch {
 public:
  explicit PickyWatch(bool wildcard = false) : wildcard_(wildcard) {}
  bool wildcard() const override { return wildcard_; }
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override {
    std::vector<ResourceError> errors;
    for (const Resource& resource : update.changed) {
      if (resource.bytes.starts_with("bad")) {
        errors.push_back({std::string(resource.name), "f: is bad"});
      }
    }
    return errors;
  }
  void OnOutcome(std::string_view, const std::vector<ResourceError>&) override {}
  void OnSourceFailed() override {}

 private:
  bool wildcard_;
};

Response Make(const std::string& version,
              const std::vector<std::pair<std::string, std::string>>& resources) {
  Response response;
  response.version = version;
  for (const auto& [name, bytes] : resources) {
    response.offers.push_back({.name = name, .version = version, .bytes = bytes});
  }
  return response;
}

// "a:taken@1 b:refused(f: is bad)@2/1 ..." of what Show says at `now`.
std::string Shown(const TypeState& state, event::TimePoint now = 0) {
  std::vector<ResourceStatus> statuses;
  state.Show(now, 1000 + now, statuses);
  std::string text;
  for (const ResourceStatus& status : statuses) {
    text += status.name + ":";
    switch (status.state) {
      case State::kRequested:
        text += "requested";
        break;
      case State::kMissing:
        text += "missing";
        break;
      case State::kTaken:
        text += "taken";
        break;
      case State::kRefused:
        text += "refused(" + status.refusal->message + ")@" + status.refusal->version + "/";
        break;
    }
    if (!status.version.empty()) {
      text += "@" + status.version + "+" + std::to_string(status.taken_at);
    }
    text += " ";
  }
  return text;
}

TEST_CASE("Names: asked for, come, refused, missing, forgotten") {
  TypeState state(ResourceType::kEndpoints, Flavour::kDelta);
  PickyWatch user;
  state.Add(user);
  for (const char* name : {"a", "b", "c", "d"}) state.Want(user, name);
  CHECK(Shown(state) == "a:requested b:requested c:requested d:requested ");
  Response first = Make("1", {{"a", "A"}, {"b", "bad"}});
  first.removed = {"c"};
  state.OnResponse(std::move(first), 5);
  state.GiveUp("d");
  CHECK(Shown(state, 9) == "a:taken@1+1005 b:refused(f: is bad)@1/ c:missing d:missing ");
  state.OnResponse(Make("2", {{"a", "bad"}, {"b", "B"}, {"d", "D"}}), 7);
  CHECK(Shown(state, 9) ==
        "a:refused(f: is bad)@2/@1+1005 b:taken@2+1007 c:missing d:taken@2+1007 ");
  // The good one again.
  state.OnResponse(Make("3", {{"a", "A"}}), 8);
  CHECK(Shown(state, 9) == "a:taken@3+1005 b:taken@2+1007 c:missing d:taken@2+1007 ");
  state.OnResponse(Make("4", {{"a", "bad"}}), 8);
  for (const char* name : {"a", "c", "d"}) state.Unwant(user, name);
  CHECK(Shown(state, 9) == "b:taken@2+1007 ");
}

TEST_CASE("A wildcard: what was refused is shown until the world is without it") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  PickyWatch all(/*wildcard=*/true);
  state.Add(all);
  CHECK(Shown(state).empty());
  Response response = Make("1", {{"a", "A"}, {"b", "bad"}});
  response.unreadable = {{"resources[2]", "no"}};
  state.OnResponse(std::move(response), 0);
  CHECK(Shown(state) == "a:taken@1+1000 b:refused(f: is bad)@1/ ");
  state.OnResponse(Make("2", {{"a", "A"}}), 0);
  CHECK(Shown(state) == "a:taken@2+1000 ");
}

TEST_CASE("What only a snapshot has said is asked for still") {
  TypeState state(ResourceType::kCluster, Flavour::kSotw);
  PickyWatch all(true);
  state.Add(all);
  Response old = Make("1", {{"a", "A"}});
  old.from_snapshot = true;
  state.OnResponse(std::move(old), 0);
  CHECK(Shown(state) == "a:requested@1+1000 ");
  state.OnResponse(Make("2", {{"a", "A"}}), 3);
  CHECK(Shown(state) == "a:taken@2+1000 ");
}

TEST_CASE("The answer says what has become of each, and keeps keys to itself") {
  ResourceStatus missing = {ResourceType::kRoutes, "r", State::kMissing};
  ResourceStatus refused = {ResourceType::kCluster, "c", State::kRefused};
  refused.refusal = {"2", "f: is bad", 1'500'000'000};
  Secret secret;
  secret.set_name("s");
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string("top secret");
  ResourceStatus taken = {ResourceType::kSecret, "s", State::kTaken, "1", 2'000'000'000};
  taken.bytes = std::make_shared<const std::string>(secret.SerializeAsString());
  const std::vector<ResourceStatus> all = {missing, refused, taken};
  const std::string node = "\x0a\x02me";  // Node{id: "me"}

  CHECK(ClientStatus(node, all, {}) == R"({
 "config": [
  {
   "node": {
    "id": "me"
   },
   "generic_xds_configs": [
    {
     "type_url": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
     "name": "r",
     "client_status": "DOES_NOT_EXIST"
    },
    {
     "type_url": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
     "name": "c",
     "client_status": "NACKED",
     "error_state": {
      "last_update_attempt": "1970-01-01T00:00:01.500Z",
      "details": "f: is bad",
      "version_info": "2"
     }
    },
    {
     "type_url": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
     "name": "s",
     "version_info": "1",
     "xds_config": {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
      "name": "s",
      "tls_certificate": {
       "private_key": {
        "inline_string": "[redacted]"
       }
      }
     },
     "last_updated": "1970-01-01T00:00:02Z",
     "client_status": "ACKED"
    }
   ]
  }
 ]
}
)");

  ClientStatusResponse response;
  REQUIRE(response.ParseFromString(ClientStatus(node, all, {.binary = true})));
  REQUIRE(response.config_size() == 1);
  REQUIRE(response.config(0).generic_xds_configs_size() == 3);
  CHECK(response.config(0).generic_xds_configs(2).has_xds_config());
  REQUIRE(response.ParseFromString(
      ClientStatus(node, all, {.without_contents = true, .binary = true})));
  CHECK_FALSE(response.config(0).generic_xds_configs(2).has_xds_config());
}

}  // namespace
}  // namespace remora::xds
