// Sessions and their hosts while hosts leave, return and are replaced.

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::Client;
using harness::Field;
using harness::Message;
using harness::ScriptedUpstream;

constexpr char kAffinity[] =
    "{name: affinity, typed_config: {\"@type\": type.googleapis.com/"
    "remora.extensions.filters.http.session_affinity.v1.SessionAffinity, session_cookies: [SID]}}";
constexpr char kStateful[] =
    "{name: stateful, typed_config: {\"@type\": type.googleapis.com/"
    "envoy.extensions.filters.http.stateful_session.v3.StatefulSession, stat_prefix: s, "
    "session_state: {name: envoy.http.stateful_session.cookie, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState, "
    "cookie: {name: host}}}}}";

// Instances of an application that begins a session for whoever has none, and says its own name.
class World {
 public:
  explicit World(const std::string& filter)
      : port_(DynamicWorld::FreePort()),
        world_({{EdsCluster("app")},
                {Listener("main", port_, {Chain(Routes("r", {To("app")}), "", filter)})},
                2}) {}

  void Begin(const std::string& name) {
    ScriptedUpstream& upstream = instances_[name];
    upstream.Run([name](const Message& request) {
      const bool has_session = request.Get("cookie").find("SID=") != std::string::npos;
      return ScriptedUpstream::Answer{harness::MakeResponse(
          200, name,
          has_session ? std::vector<Field>{} : std::vector<Field>{{"set-cookie", "SID=1"}})};
    });
  }
  void End(const std::string& name) {
    instances_.at(name).Stop();
    instances_.erase(name);
  }
  // Of those that have not the usual one: `health`, `ids`.
  using Texts = std::map<std::string, std::string>;
  void Announce(const std::set<std::string>& names, const Texts& health = {},
                const Texts& ids = {}) {
    std::vector<std::string> hosts;
    for (const std::string& name : names) {
      std::string more =
          absl::StrCat("metadata: {filter_metadata: {remora.affinity: {instance_id: ",
                       ids.contains(name) ? ids.at(name) : name, "}}}");
      if (health.contains(name)) absl::StrAppend(&more, ", health_status: ", health.at(name));
      hosts.push_back(Host(instances_.at(name), more));
    }
    REQUIRE(world_.Send(ResourceType::kEndpoints, {{"app", Assignment("app", hosts)}}).empty());
  }
  Client Connect() { return world_.Connect(port_); }
  uint64_t Stat(const std::string& name) { return world_.Stat(name); }
  void AwaitStat(const std::string& name, uint64_t value) { world_.AwaitStat(name, value); }

 private:
  uint16_t port_;
  DynamicWorld world_;
  std::map<std::string, ScriptedUpstream> instances_;
};

// A browser: it keeps the cookies that it is given.
class Browser {
 public:
  explicit Browser(Client client) : client_(std::move(client)) {}

  // The name of the instance that answered; "": not with 200.
  std::string Get() {
    std::string cookies;
    for (const auto& [name, value] : cookies_) {
      absl::StrAppend(&cookies, cookies.empty() ? "" : "; ", name, "=", value);
    }
    const Message response = client_.Get("/", {{"cookie", cookies}});
    for (const Field& field : response.fields) {
      if (field.name != "set-cookie") continue;
      const std::string pair = field.value.substr(0, field.value.find(';'));
      cookies_[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    }
    return response.status == 200 ? response.body : "";
  }
  std::string Cookie(const std::string& name) const {
    const auto found = cookies_.find(name);
    return found == cookies_.end() ? "" : found->second;
  }

 private:
  Client client_;
  std::map<std::string, std::string> cookies_;
};

TEST_CASE("session affinity: a session stays, moves when its instance goes, and stays there") {
  World w(kAffinity);
  for (const char* name : {"a", "b", "c"}) w.Begin(name);
  w.Announce({"a", "b", "c"});
  Browser browser(w.Connect());
  const std::string first = browser.Get();
  CHECK(browser.Cookie("__VCAP_ID__") == first);
  for (int i = 0; i < 5; ++i) CHECK(browser.Get() == first);
  std::set<std::string> others = {"a", "b", "c"};
  others.erase(first);
  w.Announce(others);
  const std::string second = browser.Get();
  CHECK(others.contains(second));
  CHECK(browser.Cookie("__VCAP_ID__") == second);
  // What went comes back: the session is elsewhere now.
  w.Announce({"a", "b", "c"});
  for (int i = 0; i < 5; ++i) CHECK(browser.Get() == second);
  CHECK(w.Stat("http.in.session_affinity.moved") == 1);
  CHECK(w.Stat("http.in.session_affinity.routed") == 10);
  // Draining is going, too.
  w.Announce({"a", "b", "c"}, {{second, "DRAINING"}});
  const std::string third = browser.Get();
  CHECK(third != second);
  CHECK(browser.Cookie("__VCAP_ID__") == third);
}

TEST_CASE("session affinity: an instance that returns gets those who have not been elsewhere") {
  World w(kAffinity);
  for (const char* name : {"a", "b"}) w.Begin(name);
  w.Announce({"a"});
  Browser browser(w.Connect());
  CHECK(browser.Get() == "a");
  w.Announce({"b"});
  w.Announce({"a", "b"});
  for (int i = 0; i < 4; ++i) CHECK(browser.Get() == "a");
  CHECK(w.Stat("http.in.session_affinity.moved") == 0);
}

TEST_CASE("session affinity: another instance at the same address is another instance") {
  World w(kAffinity);
  for (const char* name : {"a", "b"}) w.Begin(name);
  w.Announce({"a"});
  Browser browser(w.Connect());
  CHECK(browser.Get() == "a");
  CHECK(browser.Cookie("__VCAP_ID__") == "a");
  w.Announce({"a"}, {}, {{"a", "next"}});
  CHECK(browser.Get() == "a");
  CHECK(browser.Cookie("__VCAP_ID__") == "next");
  w.Announce({"a", "b"}, {}, {{"a", "next"}});
  for (int i = 0; i < 4; ++i) CHECK(browser.Get() == "a");
  CHECK(w.Stat("http.in.session_affinity.moved") == 1);
}

TEST_CASE("stateful_session: a session stays, moves when its host goes, and finds it again") {
  World w(kStateful);
  for (const char* name : {"a", "b"}) w.Begin(name);
  w.Announce({"a"});
  Browser browser(w.Connect());
  Browser sleeper(w.Connect());
  CHECK(browser.Get() == "a");
  CHECK(sleeper.Get() == "a");
  const std::string cookie = browser.Cookie("host");
  w.Announce({"a", "b"});
  for (int i = 0; i < 4; ++i) CHECK(browser.Get() == "a");
  CHECK(browser.Cookie("host") == cookie);
  w.Announce({"b"});
  CHECK(browser.Get() == "b");
  CHECK(browser.Cookie("host") != cookie);
  w.Announce({"a", "b"});
  for (int i = 0; i < 4; ++i) CHECK(browser.Get() == "b");
  CHECK(sleeper.Get() == "a");
  w.Announce({"a", "b"}, {{"a", "UNHEALTHY"}});
  CHECK(sleeper.Get() == "b");
  CHECK(w.Stat("http.in.stateful_session.s.routed") == 9);
  CHECK(w.Stat("http.in.stateful_session.s.failed_open") == 4);
}

TEST_CASE("session affinity: in a rolling replacement no request fails, and sessions move once") {
  World w(kAffinity);
  std::set<std::string> present = {"a0", "b0", "c0"};
  for (const std::string& name : present) w.Begin(name);
  w.Announce(present);

  constexpr size_t kBrowsers = 8;
  std::vector<Browser> browsers;
  for (size_t i = 0; i < kBrowsers; ++i) browsers.emplace_back(w.Connect());
  std::mutex mutex;
  std::vector<std::string> at(kBrowsers);  // who answered last
  std::atomic<bool> over = false;
  std::atomic<int> failed = 0;
  std::atomic<int> requests = 0;
  std::thread traffic([&] {
    while (!over) {
      for (size_t i = 0; i < kBrowsers; ++i) {
        const std::string name = browsers[i].Get();
        failed += name.empty() ? 1 : 0;
        ++requests;
        const std::lock_guard lock(mutex);
        at[i] = name;
      }
    }
  });
  // Everybody's last request has been answered by one of these.
  const auto all_at = [&](const std::set<std::string>& names) {
    const std::lock_guard lock(mutex);
    return std::all_of(at.begin(), at.end(),
                       [&](const std::string& name) { return names.contains(name); });
  };
  const auto await_all_at = [&](const std::set<std::string>& names) {
    while (!all_at(names) && failed == 0) std::this_thread::yield();
  };
  await_all_at(present);
  for (const char* old : {"a0", "b0", "c0"}) {
    const std::string next = std::string(1, old[0]) + "1";
    w.Begin(next);
    present.insert(next);
    present.erase(old);
    w.Announce(present);
    await_all_at(present);
    w.End(old);
  }
  over = true;
  traffic.join();
  CHECK(failed == 0);
  CHECK(requests > 3 * static_cast<int>(kBrowsers));
  for (const Browser& browser : browsers) CHECK(present.contains(browser.Cookie("__VCAP_ID__")));
  CHECK(w.Stat("cluster.app.upstream_rq_2xx") == static_cast<uint64_t>(requests));
}

}  // namespace
}  // namespace remora::discovery
