// Random chains, random answers, random order of events. Whatever happens:
//   - a filter sees what it wants of head, data*, end in that order and each event once, and
//     nothing else; it is never on the stack twice; nothing comes after OnComplete, which comes
//     once;
//   - the downstream gets at most one head, then one end or one reset, then nothing;
//   - the source of a direction is paused exactly while some filter has answered kPause;
//   - while nothing is dropped on purpose, every byte arrives, in order.
// A failing seed is printed; run it alone by setting kFirstSeed and kSeeds.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/fakes/chain_world.h"

namespace remora::http {
namespace {

using fakes::ChainWorld;
using fakes::Script;

constexpr uint64_t kFirstSeed = 1;
constexpr uint64_t kSeeds = 2000;

// What a filter has seen of one direction, and whether it holds it up.
struct Side {
  int heads = 0;
  int ends = 0;
  bool paused = false;
  std::string data;
};

struct Model {
  Side request;
  Side response;
  bool on_stack = false;
  int completes = 0;
  Hooks hooks;
  uint8_t wanted(bool request) const { return request ? hooks.request() : hooks.response(); }
};

class Run {
 public:
  explicit Run(uint64_t seed) : random_(seed), world_(kNoLimit, seed) {
    // A third of the runs drop nothing on purpose.
    destructive_ = random_.Below(3) != 0;
    const size_t filters = 1 + random_.Below(4);
    models_.resize(filters);
    for (size_t i = 0; i < filters; ++i) {
      // Every other filter wants only some events.
      if (random_.Below(2) == 0) models_[i].hooks.bits &= random_.Next();
      world_.Add(Name(i), MakeScript(i));
    }
    world_.Start();
  }

  void Play() {
    for (int step = 0; step < 40 && !Over(); ++step) {
      Step();
      CheckSinks();
    }
    Finish();
  }

 private:
  static constexpr uint64_t kNoLimit = UINT64_MAX;
  static std::string Name(size_t i) { return std::string(1, static_cast<char>('a' + i)); }
  FilterContext& ContextOf(size_t i) { return world_.context(Name(i)); }
  bool Chance(uint64_t one_in) { return !calm_ && random_.Below(one_in) == 0; }
  bool Over() const { return gone_ || world_.downstream.resets > 0 || world_.downstream.ends > 0; }

  Script MakeScript(size_t i) {
    Script script;
    script.hooks = models_[i].hooks;
    script.request_head = [this, i](FilterContext& context, auto&) {
      CHECK(++models_[i].request.heads == 1);
      return Hook(i, context, true);
    };
    script.request_data = [this, i](FilterContext& context, buffer::Buffer& data) {
      CHECK_FALSE(data.empty());
      models_[i].request.data += data.ToString();
      return Hook(i, context, true);
    };
    script.request_end = [this, i](FilterContext& context, auto) {
      CHECK(++models_[i].request.ends == 1);
      return Hook(i, context, true);
    };
    script.response_head = [this, i](FilterContext& context, auto&) {
      CHECK(++models_[i].response.heads == 1);
      return Hook(i, context, false);
    };
    script.response_data = [this, i](FilterContext& context, buffer::Buffer& data) {
      CHECK_FALSE(data.empty());
      models_[i].response.data += data.ToString();
      return Hook(i, context, false);
    };
    script.response_end = [this, i](FilterContext& context, auto) {
      CHECK(++models_[i].response.ends == 1);
      return Hook(i, context, false);
    };
    script.complete = [this, i](auto&) {
      CHECK_FALSE(models_[i].on_stack);
      ++models_[i].completes;
    };
    return script;
  }

  Answer Hook(size_t i, FilterContext& context, bool request) {
    Model& model = models_[i];
    Side& side = request ? model.request : model.response;
    CHECK_FALSE(model.on_stack);
    CHECK(model.completes == 0);
    CHECK_FALSE(side.paused);
    CHECK(side.heads == ((model.wanted(request) & Hooks::kHead) != 0 ? 1 : 0));
    model.on_stack = true;
    if (Chance(6)) {
      buffer::Buffer added(context.blocks());
      added.Append(request ? "Q" : "P");
      ++(request ? request_added_ : response_added_);
      if (request) {
        context.AddRequestData(added);
      } else {
        context.AddResponseData(added);
      }
    }
    bool resumed = false;
    if (Chance(12)) {
      resumed = true;
      if (request) {
        context.ResumeRequest();
      } else {
        context.ResumeResponse();
      }
    }
    if (Chance(20)) Resume(i, !request);
    if (destructive_ && Chance(25)) Reply(context);
    if (destructive_ && Chance(40)) Reset(context);
    model.on_stack = false;
    if (Chance(4)) return Answer::kHold;
    if (Chance(4)) {
      side.paused = !resumed;
      return Answer::kPause;
    }
    return Answer::kContinue;
  }

  void Reply(FilterContext& context) {
    dropped_ = true;
    LocalReply reply;
    reply.status = 429;
    reply.body = "local";
    context.SendLocalReply(std::move(reply));
  }
  void Reset(FilterContext& context) {
    dropped_ = true;
    context.ResetStream();
  }
  void Resume(size_t i, bool request) {
    if (request) {
      models_[i].request.paused = false;
      ContextOf(i).ResumeRequest();
    } else {
      models_[i].response.paused = false;
      ContextOf(i).ResumeResponse();
    }
  }

  void Step() {
    const size_t i = random_.Below(models_.size());
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return NextRequestPart(random_.Below(4) == 0);
      case 3:
      case 4:
      case 5:
        return NextResponsePart(random_.Below(4) == 0);
      case 6:
        return Resume(i, true);
      case 7:
        return Resume(i, false);
      case 8:
        if (destructive_ && Chance(6)) Reply(ContextOf(i));
        return;
      case 9:
        if (destructive_ && Chance(8)) Reset(ContextOf(i));
        return;
      case 10:
        if (!destructive_ || !Chance(10)) return;
        dropped_ = gone_ = true;
        if (random_.Below(2) == 0 || world_.upstream.heads == 0) return world_.RequestReset();
        return world_.ResponseReset();
      default:
        return Turn();
    }
  }

  void Turn() {
    world_.Turn();
    CheckPauses();
  }

  void NextRequestPart(bool end) {
    if (request_parts_ < 0) return;
    if (request_parts_ == 0) {
      world_.RequestHead();
    } else if (request_parts_ > 0 && !end) {
      std::string text = std::to_string(request_parts_) + ",";
      request_sent_ += text;
      world_.RequestData(text);
    } else if (request_parts_ > 0) {
      world_.RequestEnd();
      request_parts_ = -2;
    }
    ++request_parts_;
  }

  void NextResponsePart(bool end) {
    if (world_.upstream.heads == 0 || response_parts_ < 0) return;
    if (response_parts_ == 0) {
      world_.ResponseHead();
    } else if (response_parts_ > 0 && !end) {
      std::string text = std::to_string(response_parts_) + ";";
      response_sent_ += text;
      world_.ResponseData(text);
    } else if (response_parts_ > 0) {
      world_.ResponseEnd();
      response_parts_ = -2;
    }
    ++response_parts_;
  }

  void CheckSinks() {
    CHECK(world_.downstream.heads <= 1);
    CHECK(world_.downstream.ends + world_.downstream.resets <= 1);
    CHECK(world_.upstream.heads <= 1);
    CHECK(world_.upstream.ends <= world_.upstream.heads);
    CHECK(world_.downstream.ends <= world_.downstream.heads);
  }

  // Between turns nothing that was asked for is left undone.
  void CheckPauses() {
    if (dropped_) return;
    bool request = false;
    bool response = false;
    for (const Model& model : models_) {
      request |= model.request.paused;
      response |= model.response.paused;
    }
    CHECK(world_.request_source.paused() == request);
    CHECK(world_.response_source.paused() == response);
  }

  // Everything still to come, with filters that only continue.
  void Finish() {
    calm_ = true;
    Turn();
    while (!gone_ && request_parts_ >= 0) NextRequestPart(true);
    for (size_t round = 0; round < 4 * models_.size() + 4; ++round) {
      for (size_t i = 0; i < models_.size(); ++i) {
        Resume(i, true);
        Resume(i, false);
      }
      Turn();
      if (!dropped_ && world_.upstream.heads == 1 && response_parts_ >= 0) NextResponsePart(true);
      CheckSinks();
    }
    if (!dropped_) CheckDelivery();
    if (dropped_ && !gone_) CHECK(world_.downstream.ends + world_.downstream.resets == 1);
    CHECK_FALSE(world_.request_source.paused());
    world_.Complete();
    world_.Turn();
    for (const Model& model : models_) CHECK(model.completes == (model.hooks.complete() ? 1 : 0));
    CheckSinks();
  }

  // The numbers arrive as they were sent; what filters added is between them.
  static std::string Without(std::string text, char added) {
    std::string rest;
    for (const char c : text) {
      if (c != added) rest += c;
    }
    return rest;
  }
  void CheckDelivery() {
    CHECK(world_.upstream.ends == 1);
    CHECK(world_.downstream.ends == 1);
    CHECK(Without(world_.upstream.body, 'Q') == request_sent_);
    CHECK(Without(world_.downstream.body, 'P') == response_sent_);
    CHECK(world_.upstream.body.size() - request_sent_.size() == request_added_);
    CHECK(world_.downstream.body.size() - response_sent_.size() == response_added_);
    for (const Model& model : models_) {
      for (const bool request : {true, false}) {
        const Side& side = request ? model.request : model.response;
        const bool wants = (model.wanted(request) & Hooks::kData) != 0;
        const std::string& sent = request ? request_sent_ : response_sent_;
        CHECK(Without(side.data, request ? 'Q' : 'P') == (wants ? sent : ""));
      }
    }
  }

  base::Random random_;
  std::vector<Model> models_;
  bool destructive_ = false;
  bool dropped_ = false;  // something was dropped on purpose
  bool gone_ = false;     // one of the peers is
  bool calm_ = false;
  int request_parts_ = 0;  // -1: ended
  int response_parts_ = 0;
  size_t request_added_ = 0;
  size_t response_added_ = 0;
  std::string request_sent_;
  std::string response_sent_;
  ChainWorld world_;
};

TEST_CASE("chain property: any filters, any answers, any order") {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + kSeeds; ++seed) {
    INFO("seed " << seed);
    Run run(seed);
    run.Play();
  }
}

}  // namespace
}  // namespace remora::http
