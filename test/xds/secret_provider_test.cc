#include "source/xds/secret_provider.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/xds/version_hash.h"
#include "test/fakes/simulated_clock.h"

namespace remora::xds {
namespace {

namespace fs = std::filesystem;

// Notes what it is asked and told; refuses values whose bytes are "bad".
class RecordingUser final : public SecretUser {
 public:
  explicit RecordingUser(std::string name = "") : name_(std::move(name)) {}

  absl::Status Check(const SecretSubscription&, const tls::SecretValue& value) override {
    const std::string& text = TextOf(value);
    log += name_ + "check " + text + "\n";
    return text == "bad" ? absl::InvalidArgumentError("it is bad") : absl::OkStatus();
  }
  void Use(const SecretSubscription& from) override {
    log += name_ + "use " + TextOf(*from.value()) + "\n";
  }
  void GiveUp(const SecretSubscription& from) override {
    log += name_ + "give up " + from.source().name + "\n";
  }
  std::string Take() { return std::exchange(log, ""); }

  std::string log;

 private:
  static const std::string& TextOf(const tls::SecretValue& value) {
    return std::get<tls::GenericSecret>(value).secret.content.str();
  }
  std::string name_;
};

// A provider over a directory of its own, whose files are replaced by rename.
class World {
 public:
  World() {
    char name[] = "/tmp/remora_sds_XXXXXX";
    root = mkdtemp(name);
    fs::create_directory(root + "/d");
  }
  ~World() { fs::remove_all(root); }

  std::string At(const std::string& name) const { return root + "/d/" + name; }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(root + "/temporary") << text;
    fs::rename(root + "/temporary", At(name));
  }
  static std::string Response(const std::string& data_source, const std::string& name = "s",
                              const std::string& version = "0") {
    return "version_info: \"" + version +
           "\"\nresources:\n- '@type': "
           "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: " +
           name + "\n  generic_secret: {secret: {" + data_source + "}}\n";
  }
  void PutSecret(const std::string& text) const {
    Put("sds.yaml", Response("inline_string: " + text));
  }
  tls::SecretSource Source(bool directory = false) const {
    return {"s", At("sds.yaml"), directory ? root + "/d" : ""};
  }
  // A turn, after time enough for the watches to speak again.
  void Turn(event::Duration passed = event::FileWatch::kQuiet + 10 * event::kMillisecond) {
    clock.Advance(passed);
    dispatcher.RunOnce(false);
  }
  // "name=value" of what was counted under sds.s, but for update_time.
  std::string Stats() {
    stats::SnapshotFilter filter;
    filter.used_only = true;
    filter.text_readouts = false;
    const stats::Snapshot snapshot = store.TakeSnapshot(filter);
    std::string out;
    for (const stats::Metric& metric : snapshot.metrics()) {
      const std::string_view name = metric.name;
      if (!name.starts_with("sds.s.") || name == "sds.s.update_time" || name == "sds.s.version") {
        continue;
      }
      out += std::string(name.substr(6)) + "=" + std::to_string(metric.value) + " ";
    }
    return out;
  }

  std::string root;
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  event::FileWatcher files{dispatcher};
  stats::Store store{0};
  SecretProvider provider{{dispatcher, files, store}};
};

// Sources whose responses are the test's.
class FakeSources final : public Sources {
 public:
  class Subscribed final : public Subscription {
   public:
    explicit Subscribed(FakeSources& sources) : sources_(sources) {}
    ~Subscribed() override { sources_.log += "end "; }
    void Start() override { sources_.log += "start "; }
    void SetNames(std::vector<std::string> names) override {
      for (const std::string& name : names) sources_.log += name + " ";
    }
    void AddName(const std::string& name) override { sources_.log += "+" + name + " "; }
    void DropName(const std::string& name) override { sources_.log += "-" + name + " "; }

   private:
    FakeSources& sources_;
  };

  std::unique_ptr<Subscription> Subscribe(const config::ConfigSource&, ResourceType type,
                                          bool wildcard, std::string_view stat_prefix,
                                          ResourceUser& for_user) override {
    user = &for_user;
    log +=
        std::string(TypeName(type)) + (wildcard ? " all " : " ") + std::string(stat_prefix) + " ";
    return std::make_unique<Subscribed>(*this);
  }
  void Pause(ResourceType) override {}
  void Resume(ResourceType) override {}

  std::vector<ResourceError> Send(const std::string& name, const std::string& content) {
    envoy::extensions::transport_sockets::tls::v3::Secret secret;
    secret.set_name(name);
    if (!content.empty()) {
      secret.mutable_generic_secret()->mutable_secret()->set_inline_string(content);
    }
    const std::string bytes = secret.SerializeAsString();
    const Resource resource = {"s", "7", bytes, 1};
    return user->OnUpdate({absl::MakeConstSpan(&resource, 1), {}, "7"});
  }

  ResourceUser* user = nullptr;
  std::string log;
};

TEST_CASE("A secret of a control plane is asked of its users, and refused in their words") {
  World w;
  FakeSources sources;
  SecretProvider provider(
      {.dispatcher = w.dispatcher, .files = w.files, .stats = w.store, .sources = &sources});
  const auto server = std::make_shared<const config::ConfigSource>();
  const tls::SecretSource source = {.name = "s", .server = server};
  RecordingUser user;
  provider.Start();
  SecretSubscription& secret = provider.Subscribe(source, user);
  CHECK(sources.log == "secret sds.s. s start ");
  CHECK(sources.Send("s", "one").empty());
  CHECK(user.Take() == "check one\nuse one\n");
  CHECK(secret.version() == "7");
  CHECK(sources.Send("s", "bad") == std::vector<ResourceError>{{"s", "it is bad"}});
  CHECK(user.Take() == "check bad\n");
  CHECK(sources.Send("t", "two") ==
        std::vector<ResourceError>{{"s", "name: Unexpected SDS secret (expecting s): t"}});
  CHECK(user.Take().empty());
  // What its control plane removes stays in use, and is no reason to give up.
  const std::string gone = "s";
  CHECK(sources.user->OnUpdate({{}, absl::MakeConstSpan(&gone, 1), "8"}).empty());
  sources.user->OnFetchTimeout({});
  CHECK(user.Take().empty());
  CHECK(std::get<tls::GenericSecret>(*secret.value()).secret.content.str() == "one");
  provider.Unsubscribe(secret, user);
  CHECK(sources.log.ends_with("end "));
}

TEST_CASE("A first secret that is refused, missing or late is given up") {
  const int how = GENERATE(0, 1, 2);
  World w;
  FakeSources sources;
  SecretProvider provider(
      {.dispatcher = w.dispatcher, .files = w.files, .stats = w.store, .sources = &sources});
  const tls::SecretSource source = {.name = "s",
                                    .server = std::make_shared<const config::ConfigSource>()};
  RecordingUser user;
  provider.Start();
  provider.Subscribe(source, user);
  const std::string gone = "s";
  if (how == 0) CHECK(sources.Send("s", "").size() == 1);
  if (how == 1) CHECK(sources.user->OnUpdate({{}, absl::MakeConstSpan(&gone, 1), ""}).empty());
  if (how == 2) sources.user->OnFetchTimeout({});
  CHECK(user.Take() == "give up s\n");
  // One may still come.
  CHECK(sources.Send("s", "one").empty());
  CHECK(user.Take() == "check one\nuse one\n");
}

TEST_CASE("A secret is read at the start and again when its file is replaced") {
  for (const bool directory : {false, true}) {
    World w;
    w.PutSecret("one");
    RecordingUser user;
    const SecretSubscription& secret = w.provider.Subscribe(w.Source(directory), user);
    CHECK(user.Take().empty());
    CHECK(secret.version() == "uninitialized");
    w.provider.Start();
    CHECK(user.Take() == "check one\nuse one\n");
    CHECK(w.Stats() == "update_attempt=1 update_success=1 ");
    CHECK(secret.version() == "0");
    CHECK(secret.updated_at() == w.clock.WallNow());
    // The same version and another content.
    w.PutSecret("two");
    w.Turn();
    CHECK(user.Take() == "check two\nuse two\n");
    CHECK(secret.updated_at() == w.clock.WallNow());
    // The same content.
    w.PutSecret("two");
    const int64_t before = w.clock.WallNow();
    w.Turn();
    CHECK(user.Take().empty());
    CHECK(secret.updated_at() == before);
    CHECK(w.Stats() == "update_attempt=3 update_success=3 ");
  }
}

TEST_CASE("A broken file keeps the old secret, and the next good one is taken") {
  World w;
  w.PutSecret("one");
  RecordingUser user;
  const SecretSubscription& secret = w.provider.Subscribe(w.Source(), user);
  w.provider.Start();
  user.Take();
  const struct {
    std::string text;
    const char* counted;
  } cases[] = {
      {"{{{:::", "update_failure"},
      {"", "update_failure"},
      {World::Response("inline_string: x").substr(0, 60), "update_rejected"},
      {World::Response("inline_string: x", "other"), "update_rejected"},
      {World::Response("filename: /no/such"), "update_rejected"},
      {World::Response("inline_string: bad"), "update_rejected"},
  };
  for (const auto& c : cases) {
    const std::string before = w.Stats();
    w.Put("sds.yaml", c.text);
    w.Turn();
    INFO(before << " -> " << w.Stats());
    CHECK(std::get<tls::GenericSecret>(*secret.value()).secret.content.str() == "one");
    CHECK(w.Stats().find(c.counted) != std::string::npos);
    CHECK(w.Stats().find("update_success=1 ") != std::string::npos);
  }
  CHECK(user.Take() == "check bad\n");
  CHECK(w.Stats() == "update_attempt=7 update_failure=2 update_rejected=4 update_success=1 ");
  w.PutSecret("two");
  w.Turn();
  CHECK(user.Take() == "check two\nuse two\n");
}

TEST_CASE("A file that is deleted, a directory, or not to be read keeps the old secret") {
  World w;
  w.PutSecret("one");
  RecordingUser user;
  w.provider.Subscribe(w.Source(), user);
  w.provider.Start();
  user.Take();
  fs::remove(w.At("sds.yaml"));
  w.Turn();
  fs::create_directory(w.root + "/directory");
  fs::rename(w.root + "/directory", w.At("sds.yaml"));
  w.Turn();
  fs::remove_all(w.At("sds.yaml"));
  std::ofstream(w.root + "/closed") << World::Response("inline_string: closed");
  if (geteuid() != 0) {  // root reads everything
    fs::permissions(w.root + "/closed", fs::perms::none);
    fs::rename(w.root + "/closed", w.At("sds.yaml"));
    w.Turn();
  }
  CHECK(user.Take().empty());
  w.PutSecret("two");
  w.Turn();
  CHECK(user.Take() == "check two\nuse two\n");
}

TEST_CASE("One subscription serves all users of a source; what one cannot use, none uses") {
  World w;
  w.PutSecret("one");
  RecordingUser a("a:");
  RecordingUser b("b:");
  SecretSubscription& of_a = w.provider.Subscribe(w.Source(), a);
  SecretSubscription& of_b = w.provider.Subscribe(w.Source(), b);
  CHECK(&of_a == &of_b);
  CHECK(w.provider.subscriptions().size() == 1);
  w.provider.Start();
  CHECK(a.Take() == "a:check one\na:use one\n");
  CHECK(b.Take() == "b:check one\nb:use one\n");
  CHECK(w.Stats() == "update_attempt=1 update_success=1 ");
  // Who comes later gets what there is.
  RecordingUser c("c:");
  w.provider.Subscribe(w.Source(), c);
  CHECK(c.Take() == "c:check one\nc:use one\n");
  w.PutSecret("bad");
  w.Turn();
  CHECK(a.Take() == "a:check bad\n");
  CHECK(b.Take().empty());
  w.provider.Unsubscribe(of_a, a);
  w.provider.Unsubscribe(of_a, b);
  w.provider.Unsubscribe(of_a, c);
  CHECK(w.provider.subscriptions().empty());
  CHECK(w.files.directories() == 0);
  CHECK(w.Stats().empty());
}

TEST_CASE("A secret that does not come is given up after its time, and taken when it comes") {
  World w;
  w.Put("sds.yaml", "garbage: [");
  RecordingUser user;
  tls::SecretSource source = w.Source();
  source.initial_fetch_timeout = 3 * event::kSecond;
  w.provider.Subscribe(source, user);
  w.provider.Start();
  w.Turn(2 * event::kSecond);
  CHECK(user.Take().empty());
  w.Turn(2 * event::kSecond);
  CHECK(user.Take() == "give up s\n");
  CHECK(w.Stats() == "init_fetch_timeout=1 update_attempt=1 update_failure=1 ");
  w.PutSecret("late");
  w.Turn();
  CHECK(user.Take() == "check late\nuse late\n");
  w.Turn(20 * event::kSecond);
  CHECK(user.Take().empty());
}

TEST_CASE("Without a time limit a secret is waited for as long as it takes") {
  World w;
  w.Put("sds.yaml", "garbage: [");
  RecordingUser user;
  tls::SecretSource source = w.Source();
  source.initial_fetch_timeout = 0;
  w.provider.Subscribe(source, user);
  w.provider.Start();
  w.Turn(3600 * event::kSecond);
  CHECK(user.Take().empty());
}

TEST_CASE("Files that a secret names are read again when something is moved beside them") {
  World w;
  w.Put("key", "one");
  std::ofstream(w.root + "/sds.yaml") << World::Response("filename: " + w.At("key"));
  RecordingUser user;
  w.provider.Subscribe({"s", w.root + "/sds.yaml", ""}, user);
  w.provider.Start();
  CHECK(user.Take() == "check one\nuse one\n");
  w.Put("key", "two");
  w.Turn();
  CHECK(user.Take() == "check two\nuse two\n");
  // The source itself was not read again.
  CHECK(w.Stats() == "update_attempt=1 update_success=1 ");
  w.Put("key", "bad");
  w.Turn();
  CHECK(user.Take() == "check bad\n");
  fs::remove(w.At("key"));
  w.Put("other", "");
  w.Turn();
  CHECK(user.Take().empty());
  CHECK(w.Stats() == "key_rotation_failed=2 update_attempt=1 update_success=1 ");
  w.Put("key", "three");
  w.Turn();
  CHECK(user.Take() == "check three\nuse three\n");
}

TEST_CASE("A secret laid out as Kubernetes does follows the swap of its link") {
  World w;
  fs::create_directory(w.At("v1"));
  fs::create_directory(w.At("v2"));
  w.Put("v1/key", "one");
  w.Put("v2/key", "two");
  fs::create_symlink("v1", w.At("..data"));
  fs::create_symlink("..data/key", w.At("key"));
  std::ofstream(w.root + "/sds.yaml") << World::Response("filename: " + w.At("key"));
  RecordingUser user;
  w.provider.Subscribe({"s", w.root + "/sds.yaml", ""}, user);
  w.provider.Start();
  user.Take();
  fs::create_symlink("v2", w.root + "/next");
  fs::rename(w.root + "/next", w.At("..data"));
  w.Turn();
  CHECK(user.Take() == "check two\nuse two\n");
}

TEST_CASE("Ten thousand replacements cost a bounded number of reads and end with the last") {
  World w;
  w.PutSecret("first");
  RecordingUser user;
  w.provider.Subscribe(w.Source(), user);
  w.provider.Start();
  for (int i = 1; i <= 10'000; ++i) {
    w.PutSecret("v" + std::to_string(i));
    if (i % 100 == 0) w.Turn(event::kMillisecond);
  }
  // 100 ms went by.
  const std::string stats = w.Stats();
  INFO(stats);
  CHECK((stats == "update_attempt=4 update_success=4 " ||
         stats == "update_attempt=3 update_success=3 "));
  w.Turn();
  CHECK(user.log.ends_with("use v10000\n"));
}

TEST_CASE("The number of a version is Envoy's") {
  CHECK(VersionHash("") == 17241709254077376921U);
  // sds.<name>.version of Envoy 1.40 for version_info "0".
  CHECK(VersionHash("0") == 7148434200721666028U);
  // xxhash's own sanity values are of other texts: these are the command line tool's (xxhsum -H1).
  CHECK(VersionHash("abc") == 0x44BC2CF5AD770999U);
  CHECK(VersionHash("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1U);
}

}  // namespace
}  // namespace remora::xds
