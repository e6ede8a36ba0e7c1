#include "source/server/secret_context.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "source/server/secret_contexts.h"
#include "test/fakes/simulated_clock.h"

namespace remora::server {
namespace {

namespace fs = std::filesystem;

std::string Certificate(const std::string& name, const std::string& chain) {
  return "name: " + name + "\n  tls_certificate: {certificate_chain: {inline_string: " + chain +
         "}, private_key: {inline_string: k}}";
}
std::string Validation(const std::string& name, const std::string& ca) {
  return "name: " + name + "\n  validation_context: {trusted_ca: {inline_string: " + ca + "}}";
}

// A directory with source files, and contexts that are texts: "chain+chain/ca". A chain of "bad"
// cannot be built.
class World {
 public:
  World() {
    char name[] = "/tmp/remora_context_XXXXXX";
    root = mkdtemp(name);
  }
  ~World() { fs::remove_all(root); }

  std::string At(const std::string& name) const { return root + "/" + name; }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(At("temporary")) << text;
    fs::rename(At("temporary"), At(name));
  }
  tls::SecretSource Source(const std::string& name, const std::string& secret) const {
    Put(name + ".yaml",
        secret.empty()
            ? "garbage: ["
            : "resources:\n- '@type': "
              "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  " +
                  secret);
    return {name, At(name + ".yaml"), ""};
  }
  SecretContext::Setup Setup(tls::SecretNeeds needs) {
    SecretContext::Setup setup;
    setup.name = "listener l";
    setup.needs = std::move(needs);
    setup.build = [this](const tls::ContextSecrets& secrets) {
      ++builds;
      return Build(secrets);
    };
    return setup;
  }
  absl::Status Add(tls::SecretNeeds needs, const std::string& who = "l") {
    auto context = contexts.Follow(Setup(std::move(needs)), who);
    if (!context.ok()) return context.status();
    followed.push_back(*std::move(context));
    return absl::OkStatus();
  }
  void Turn(event::Duration passed = event::FileWatch::kQuiet + 10 * event::kMillisecond) {
    clock.Advance(passed);
    dispatcher.RunOnce(false);
  }

  std::string root;
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  event::FileWatcher files{dispatcher};
  stats::Store store{0};
  std::string warm;
  Warmer warmer{[this](const std::string& who) { warm += who + " "; }};
  SecretContexts contexts{{dispatcher, files, store}, warmer};
  std::vector<std::unique_ptr<SecretContext>> followed;
  std::string published;
  int builds = 0;

 private:
  absl::StatusOr<SecretContext::Publish> Build(const tls::ContextSecrets& secrets) {
    std::string text;
    for (const tls::Certificate& certificate : secrets.certificates) {
      if (certificate.chain.content.str() == "bad") return absl::InvalidArgumentError("bad chain");
      text += (text.empty() ? "" : "+") + certificate.chain.content.str();
    }
    if (secrets.validation.has_value()) text += "/" + secrets.validation->trusted_ca.content.str();
    return SecretContext::Publish([this, text] { published = text; });
  }
};

TEST_CASE("A context of the configuration's own secrets is there at once") {
  World w;
  REQUIRE(w.Add({.certificates = {{.chain = {"", "c"}}}, .validation = tls::Validation{}}).ok());
  CHECK(w.published == "c/");
  CHECK(w.warmer.waiting().empty());
  w.contexts.Start();
  CHECK(w.builds == 1);
  CHECK(w.Add({.certificates = {{.chain = {"", "bad"}}}}).message() == "bad chain");
}

TEST_CASE("A context is built when the last of its secrets has come") {
  World w;
  tls::SecretNeeds needs;
  needs.certificates = {{.chain = {"", "own"}}};
  needs.certificate_sources = {w.Source("c", Certificate("c", "one"))};
  needs.validation = tls::Validation{.allow_expired = true};
  needs.validation_source = w.Source("v", "");
  REQUIRE(w.Add(needs).ok());
  w.contexts.Start();
  CHECK(w.published.empty());
  using Waiting = std::vector<std::pair<std::string, std::vector<std::string>>>;
  CHECK(w.warmer.waiting() == Waiting{{"l", {"shared target SdsApi v"}}});
  w.Source("v", Validation("v", "ca"));
  w.Turn();
  CHECK(w.published == "own+one/ca");
  CHECK(w.warm == "l ");
  // Each change makes another one.
  w.Source("c", Certificate("c", "two"));
  w.Turn();
  CHECK(w.published == "own+two/ca");
  CHECK(w.warm == "l ");
  CHECK(w.builds == 2);
}

TEST_CASE("What cannot be built, or is of another kind, leaves the context as it is") {
  World w;
  REQUIRE(w.Add({.certificate_sources = {w.Source("c", Certificate("c", "one"))}}).ok());
  w.contexts.Start();
  CHECK(w.published == "one");
  for (const std::string& secret :
       {Certificate("c", "bad"), Validation("c", "ca"), std::string()}) {
    w.Source("c", secret);
    w.Turn();
    CHECK(w.published == "one");
  }
  w.Source("c", Certificate("c", "two"));
  w.Turn();
  CHECK(w.published == "two");
}

TEST_CASE("Who waits too long goes on without, and gets the context when it comes") {
  World w;
  REQUIRE(w.Add({.certificate_sources = {w.Source("c", "")}}).ok());
  w.contexts.Start();
  w.Turn(14 * event::kSecond);
  CHECK(w.warm.empty());
  const std::vector<config::ShownSecret> shown = w.contexts.Shown();
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].name == "c");
  CHECK(shown[0].version == "uninitialized");
  CHECK(shown[0].message.empty());
  w.Turn(2 * event::kSecond);
  CHECK(w.warm == "l ");
  CHECK(w.published.empty());
  w.Source("c", Certificate("c", "late"));
  w.Turn();
  CHECK(w.published == "late");
  CHECK_FALSE(w.contexts.Shown()[0].message.empty());
}

TEST_CASE("The same source twice in one context is one subscription") {
  World w;
  const tls::SecretSource source = w.Source("c", Certificate("c", "one"));
  REQUIRE(w.Add({.certificate_sources = {source, source}}).ok());
  REQUIRE(w.Add({.certificate_sources = {source}}, "m").ok());
  w.contexts.Start();
  CHECK(w.contexts.Shown().size() == 1);
  CHECK(w.published == "one");
  CHECK(w.builds == 2);
  CHECK(w.warm == "l m ");
}

TEST_CASE("Files that the configuration itself names are read again together on demand") {
  World w;
  fs::create_directory(w.At("d"));
  w.Put("chain", "one");
  tls::Certificate certificate{.chain = {w.At("chain"), "one"}};
  certificate.watched_directories = {w.At("d")};
  REQUIRE(w.Add({.certificates = {certificate}}).ok());
  CHECK(w.published == "one");
  w.Put("chain", "two");
  w.Turn();
  CHECK(w.published == "one");
  w.Put("d/sign", "");
  w.Turn();
  CHECK(w.published == "two");
  for (const std::string bad : {"bad", ""}) {
    w.Put("chain", "bad");
    if (bad.empty()) fs::remove(w.At("chain"));
    w.Put("d/sign", "");
    w.Turn();
    CHECK(w.published == "two");
  }
  w.Put("chain", "three");
  w.Put("d/sign", "");
  w.Turn();
  CHECK(w.published == "three");
}

}  // namespace
}  // namespace remora::server
