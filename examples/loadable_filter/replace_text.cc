// Rewriting a body while it passes: whatever its length, no more is kept than could be the
// beginning of the text that is looked for. A client that reads slowly holds up the upstream as
// ever.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "remora_filter.h"

namespace {

using remora::sdk::Answer;
using remora::sdk::ConfigContext;
using remora::sdk::FilterContext;
using remora::sdk::Framing;
using remora::sdk::Value;

class ReplaceTextFilter;

// Replaces a text wherever it stands in an answer's body.
//   find: colour         what is looked for, byte by byte
//   replacement: color   what stands there instead
struct ReplaceText {
  static constexpr std::string_view kName = "replace_text";
  static constexpr size_t kMaxFind = 1024;
  using Filter = ReplaceTextFilter;
  struct Config {
    std::string find;
    std::string replacement;
  };

  static std::optional<Config> Parse(const Value& value, ConfigContext& context) {
    context.AllowOnly(value, {"find", "replacement"});
    Config config{value["find"].text().value_or(""), value["replacement"].text().value_or("")};
    if (config.find.empty() || config.find.size() > kMaxFind) {
      context.AddError("find", "needs a text of 1 to 1024 bytes");
      return std::nullopt;
    }
    return config;
  }
};

class ReplaceTextFilter final : public remora::sdk::Filter {
 public:
  ReplaceTextFilter(const ReplaceText::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnResponseHead(remora::sdk::ResponseHead& head) override {
    const Framing framing = head.framing();
    const bool has_body = framing == Framing::kStreamed || framing == Framing::kLength;
    // Compressed bytes are no text, and a part of a body may begin within it.
    if (!has_body || head.headers.Has("content-encoding") || head.status() == 206) {
      return Answer::kContinue;
    }
    active_ = true;
    // Its size is not known before its end.
    head.SetFraming(Framing::kStreamed);
    head.headers.Remove("content-length");
    head.headers.Remove("etag");
    return Answer::kContinue;
  }

  Answer OnResponseData(remora::sdk::Buffer& data) override {
    if (!active_) return Answer::kContinue;
    const std::string text = kept_ + data.ToString();
    data.Clear();
    Rewrite(text, config_.find.size() - 1, data);
    return Answer::kContinue;
  }

  Answer OnResponseEnd(remora::sdk::HeaderMap*) override {
    if (!kept_.empty()) context_.AddResponseData(kept_);
    return Answer::kContinue;
  }

 private:
  // Keeps at most `keep` bytes of the end, which may go on in the next piece.
  void Rewrite(std::string_view text, size_t keep, remora::sdk::Buffer& to) {
    std::string rewritten;
    for (;;) {
      const size_t at = text.find(config_.find);
      if (at == std::string_view::npos) break;
      rewritten += text.substr(0, at);
      rewritten += config_.replacement;
      text.remove_prefix(at + config_.find.size());
    }
    const size_t passes = text.size() - std::min(keep, text.size());
    rewritten += text.substr(0, passes);
    to.Append(rewritten);
    kept_.assign(text.substr(passes));
  }

  const ReplaceText::Config& config_;
  FilterContext& context_;
  std::string kept_;
  bool active_ = false;
};

}  // namespace

REMORA_FILTER_MODULE(ReplaceText)
