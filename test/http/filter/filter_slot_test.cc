// Filters whose configuration is in a slot: which version a stream gets, and for how long.

#include "source/http/filter/filter_slot.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "source/http/filter/filter_context.h"
#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;

// A filter that writes down which version it is of, and which worker state it has.
struct Version {
  std::string name;
  std::string* seen;
};
struct VersionState final : FilterWorkerState {
  explicit VersionState(std::string of) : name(std::move(of)) {}
  std::string name;
};
class VersionFilter final : public Filter {
 public:
  VersionFilter(const Version& version, FilterContext& context)
      : version_(version), context_(context) {}
  Answer OnRequestHead(RequestHead&) override { return Write(">head"); }
  Answer OnRequestData(buffer::Buffer&) override { return Write(">data"); }
  Answer OnRequestEnd(HeaderMap*) override { return Write(">end"); }
  Answer OnResponseHead(ResponseHead&) override { return Write("<head"); }
  Answer OnResponseData(buffer::Buffer&) override { return Write("<data"); }
  Answer OnResponseEnd(HeaderMap*) override { return Write("<end"); }
  void OnComplete() override { Write("complete"); }

 private:
  Answer Write(const std::string& what) {
    *version_.seen += version_.name + context_.worker_state<VersionState>().name + what + " ";
    return Answer::kContinue;
  }

  const Version& version_;
  FilterContext& context_;
};

struct World {
  World() {
    slot->Prepare(1);
    FilterFactory factory;
    factory.name = "x";
    CreateFrom(slot, factory);
    chain.emplace().AddWithState(factory);
  }
  FilterSlot::Version Make(const std::string& name) {
    FilterFactory factory;
    factory.config = std::make_shared<const Version>(Version{name, &seen});
    factory.create = [](const void* config, FilterContext& context) -> FilterPtr {
      return context.arena().Make<VersionFilter>(*static_cast<const Version*>(config), context);
    };
    factory.create_worker_state = [](const void* config, const WorkerSetup&) {
      const std::string& of = static_cast<const Version*>(config)->name;
      return std::unique_ptr<FilterWorkerState>(std::make_unique<VersionState>(of));
    };
    return std::make_shared<const FilterFactory>(std::move(factory));
  }
  std::string Take() { return std::exchange(seen, ""); }

  std::shared_ptr<const FilterSlot> slot = std::make_shared<const FilterSlot>();
  std::string seen;
  std::optional<ChainWorld> chain;
};

TEST_CASE("slot: a request without a version is answered with 500") {
  World world;
  world.chain->Start();
  world.chain->Request("hi");
  CHECK(world.chain->Take().find("down:head(500) down:end") != std::string::npos);
  CHECK(world.chain->info.flags.Has(ResponseFlag::kNoFilterConfigFound));
}

TEST_CASE("slot: a version's filter sees every event, with its own worker state") {
  World world;
  world.slot->Put(0, world.Make("a"));
  world.chain->Start();
  world.chain->Request("hi");
  CHECK(world.Take() == "aa>head aa>data aa>end ");
  world.chain->Response(200, "yo");
  CHECK(world.Take() == "aa<head aa<data aa<end ");
  world.chain->Complete();
  CHECK(world.Take() == "aacomplete ");
}

TEST_CASE("slot: a stream keeps the version that it began with, and the last one frees it") {
  World world;
  FilterSlot::Version first = world.Make("a");
  const std::weak_ptr<const FilterFactory> watched = first;
  world.slot->Put(0, std::move(first));
  world.chain->Start();
  world.chain->RequestHead();
  world.slot->Put(0, world.Make("b"));
  world.chain->RequestEnd();
  world.chain->Response(200);
  CHECK(world.Take() == "aa>head aa>end aa<head aa<end ");
  CHECK_FALSE(watched.expired());
  world.chain.reset();
  CHECK(world.Take() == "aacomplete ");
  CHECK(watched.expired());
}

TEST_CASE("slot: what is taken away is missing for the next stream alone") {
  World world;
  world.slot->Put(0, world.Make("a"));
  world.chain->Start();
  world.slot->Put(0, nullptr);
  world.chain->Request();
  CHECK(world.Take() == "aa>head aa>end ");
}

}  // namespace
}  // namespace remora::http
