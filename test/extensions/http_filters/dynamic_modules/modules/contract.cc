// Filters that use what the examples do not; `mode` says which of it.

#include <cctype>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "remora_filter.h"

namespace {

using namespace std::chrono_literals;
using remora::sdk::Answer;
using remora::sdk::AsyncCall;
using remora::sdk::ConfigContext;
using remora::sdk::FilterContext;
using remora::sdk::Framing;
using remora::sdk::Value;

// VERSION: what the module adds to answers, so that tests see which version runs.
#ifndef VERSION
#define VERSION "1"
#endif

class ContractFilter;

struct Contract {
  static constexpr std::string_view kName = "contract";
  using Filter = ContractFilter;
  struct Config {
    std::string mode;
    remora::sdk::Gauge active;
    remora::sdk::Histogram sizes;
  };
  struct RouteConfig {
    std::string text;
  };
  static std::optional<Config> Parse(const Value& value, ConfigContext& context) {
    Config config{value["mode"].text().value_or(""), {}, {}};
    if (config.mode == "throws_at_load") throw std::runtime_error("thrown");
    config.active = context.MakeGauge("contract.active");
    config.sizes = context.MakeHistogram("contract.sizes");
    return config;
  }
  static std::optional<RouteConfig> ParseRoute(const Value& value, ConfigContext& context) {
    const std::optional<std::string> text = value["text"].text();
    if (text.has_value() && *text != "not for " VERSION) return RouteConfig{*text + "/" VERSION};
    context.AddError("text", "is needed");
    return std::nullopt;
  }
};

class ContractFilter final : public remora::sdk::Filter {
 public:
  ContractFilter(const Contract::Config& config, FilterContext& context)
      : config_(config), context_(context), timer_(context), call_(context) {
    config_.active.Add(context_, 1);
  }
  ~ContractFilter() override { config_.active.Add(context_, -1); }

  Answer OnRequestHead(remora::sdk::RequestHead& head) override {
    if (const auto* const route = context_.RouteConfig<Contract::RouteConfig>()) {
      head.headers.Set("x-route", route->text);
    }
    const std::string& mode = config_.mode;
    if (mode == "throws") throw std::runtime_error("thrown");
    if (mode == "fields") Fields(head);
    if (mode == "upper") {
      head.SetFraming(Framing::kStreamed);
      head.headers.Remove("content-length");
      return Answer::kHold;
    }
    if (mode == "timer") {
      timer_.Start(50ms, [this] {
        context_.SetMetadata("contract", "waited", 50.0);
        context_.ResumeRequest();
      });
      return Answer::kPause;
    }
    if (mode == "call") return Call();
    return Answer::kContinue;
  }

  Answer OnRequestData(remora::sdk::Buffer& data) override {
    config_.sizes.Record(context_, data.length());
    if (config_.mode != "upper") return Answer::kContinue;
    data.ForEachPiece([&](std::string_view piece) {
      for (const char c : piece) kept_ += static_cast<char>(std::toupper(c));
    });
    data.Clear();
    return Answer::kHold;
  }

  Answer OnRequestEnd(remora::sdk::HeaderMap* trailers) override {
    if (trailers != nullptr && config_.mode == "fields") trailers->Add("x-more", "2");
    if (!kept_.empty()) context_.AddRequestData(kept_);
    return Answer::kContinue;
  }

  Answer OnResponseHead(remora::sdk::ResponseHead& head) override {
    head.headers.Set("x-version", VERSION);
    if (config_.mode == "fields") head.SetStatus(head.status() + 1);
    return Answer::kContinue;
  }

  void OnComplete() override { config_.active.Add(context_, 0); }

 private:
  void Fields(remora::sdk::RequestHead& head) {
    std::string names;
    head.headers.ForEach([&](std::string_view name, std::string_view) { (names += name) += ' '; });
    head.headers.Add("x-names", names);
    head.headers.Add("x-bad", "a\nb");
    head.headers.Set("x-was", std::string(head.method()) + " " + std::string(head.authority()) +
                                  std::string(head.path()));
    head.SetPath("/changed");
    context_.SetMetadata("contract", "text", "kept");
    head.headers.Set("x-metadata", context_.MetadataText("contract", "text").value_or("none"));
  }

  Answer Call() {
    AsyncCall::Request request{.cluster = "side", .path = "/ask"};
    request.method = "POST";
    request.fields = {{"x-from", "contract"}};
    request.body = "question";
    request.timeout = 5s;
    if (!call_.Start(request, [this](const AsyncCall::Response& answer) {
          context_.request_head().headers.Set(
              "x-answer", std::to_string(answer.status) + " " + std::string(answer.body));
          context_.ResumeRequest();
        })) {
      context_.SendLocalReply({503, "no cluster", "contract_no_cluster"});
    }
    return Answer::kPause;
  }

  const Contract::Config& config_;
  FilterContext& context_;
  remora::sdk::Timer timer_;
  AsyncCall call_;
  std::string kept_;
};

// Lets everything pass.
class PassFilter;
struct Pass {
  static constexpr std::string_view kName = "pass";
  using Filter = PassFilter;
  struct Config {};
  static std::optional<Config> Parse(const Value&, ConfigContext&) { return Config{}; }
};
class PassFilter final : public remora::sdk::Filter {
 public:
  PassFilter(const Pass::Config&, FilterContext&) {}
  Answer OnRequestHead(remora::sdk::RequestHead&) override { return Answer::kContinue; }
  Answer OnResponseHead(remora::sdk::ResponseHead&) override { return Answer::kContinue; }
};

}  // namespace

REMORA_FILTER_MODULE(Contract, Pass)
