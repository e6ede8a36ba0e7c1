#include "test/sim/probe.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "source/http/filter/filter_context.h"

namespace remora::sim {
namespace {

using http::Answer;

struct ProbeConfig {
  ProbeLog* log;
  std::string name;
};

class Probe final : public http::Filter {
 public:
  Probe(const ProbeConfig& config, http::FilterContext& context)
      : config_(config),
        log_(*config.log),
        context_(context),
        timer_(context.dispatcher().timers(), &OnTimer, this) {
    ++log_.made;
  }
  ~Probe() override {
    ++log_.destroyed;
    if (!completed_) Say("destroyed before OnComplete");
  }

  Answer OnRequestHead(http::RequestHead&) override { return At(request_, Part::kHead, true); }
  Answer OnRequestData(buffer::Buffer& data) override {
    if (data.empty()) Say("empty data");
    return At(request_, Part::kData, true);
  }
  Answer OnRequestEnd(http::HeaderMap*) override { return At(request_, Part::kEnd, true); }
  Answer OnResponseHead(http::ResponseHead&) override { return At(response_, Part::kHead, false); }
  Answer OnResponseData(buffer::Buffer& data) override {
    if (data.empty()) Say("empty data");
    return At(response_, Part::kData, false);
  }
  Answer OnResponseEnd(http::HeaderMap*) override { return At(response_, Part::kEnd, false); }

  void OnComplete() override {
    if (completed_) Say("OnComplete twice");
    completed_ = true;
    ++log_.completed;
    timer_.Disarm();
    if (!log_.tells || config_.name != "first") return;
    const http::StreamInfo& info = context_.stream_info();
    std::printf("           exchange: %u %s %.*s\n", static_cast<unsigned>(info.response_code),
                info.flags.ToString().c_str(), static_cast<int>(info.response_code_details.size()),
                info.response_code_details.data());
  }

 private:
  enum class Part : uint8_t { kNone, kHead, kData, kEnd };
  struct Way {
    Part last = Part::kNone;
    bool stopped = false;  // by kPause
    bool kept = false;     // by kPause or kHold
  };

  void Say(const std::string& what) { log_.violation("filter " + config_.name + ": " + what); }

  Answer At(Way& way, Part part, bool request) {
    if (completed_) Say("called after OnComplete");
    if (way.stopped) Say("called while it pauses");
    const bool in_order = part == Part::kHead ? way.last == Part::kNone
                                              : way.last == Part::kHead || way.last == Part::kData;
    if (!in_order) {
      Say(std::string(request ? "request" : "response") + " part " +
          std::to_string(static_cast<int>(part)) + " behind part " +
          std::to_string(static_cast<int>(way.last)));
    }
    way.last = part;
    if (!log_.shakes || log_.random->Below(100) >= 6) {
      way.kept = false;
      return Answer::kContinue;
    }
    if (log_.interrupts && log_.random->Below(10) == 0) {
      if (log_.random->Below(2) == 0) {
        context_.ResetStream();
      } else {
        Reply();
      }
      return Answer::kContinue;
    }
    // A hold ends with the next part at the latest; a pause by the timer.
    if (part != Part::kEnd && log_.random->Below(2) == 0) {
      way.kept = true;
      return Answer::kHold;
    }
    way.stopped = way.kept = true;
    timer_.Arm(context_.dispatcher().now() +
               static_cast<int64_t>(log_.random->Below(20)) * event::kMillisecond);
    return Answer::kPause;
  }

  void Reply() {
    ++log_.local_replies;
    http::LocalReply reply;
    reply.status = 418;
    reply.details = "probe";
    context_.SendLocalReply(std::move(reply));
  }

  static void OnTimer(void* self) {
    auto* probe = static_cast<Probe*>(self);
    if (probe->completed_) return;
    if (probe->log_.interrupts && probe->log_.random->Below(10) == 0) {
      probe->Reply();
      return;
    }
    if (std::exchange(probe->request_.stopped, false)) probe->context_.ResumeRequest();
    if (std::exchange(probe->response_.stopped, false)) probe->context_.ResumeResponse();
  }

  const ProbeConfig& config_;
  ProbeLog& log_;
  http::FilterContext& context_;
  event::Timer timer_;
  Way request_;
  Way response_;
  bool completed_ = false;
};

}  // namespace

http::FilterFactory MakeProbe(std::string name, ProbeLog* log) {
  http::FilterFactory factory;
  factory.name = name;
  factory.config = std::make_shared<const ProbeConfig>(ProbeConfig{log, std::move(name)});
  factory.create = [](const void* config, http::FilterContext& context) -> http::FilterPtr {
    return context.arena().Make<Probe>(*static_cast<const ProbeConfig*>(config), context);
  };
  return factory;
}

}  // namespace remora::sim
