// Rewriting a body while it passes: whatever its length, no more is kept than could be the
// beginning of the text that is looked for. A client that reads slowly holds up the upstream as
// ever.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "examples/custom_filter/filters.h"
#include "examples/custom_filter/replace_text.pb.h"
#include "source/http/filter/filter_context.h"

namespace example {
namespace {

using remora::http::Answer;
using remora::http::FilterContext;
using remora::http::Framing;
using remora::http::HeaderId;

class ReplaceTextFilter;

struct ReplaceText {
  using Proto = filters::ReplaceText;
  using Filter = ReplaceTextFilter;
  struct Config {
    std::string find;
    std::string replacement;
  };
  static std::optional<Config> Parse(const Proto& proto, remora::config::ConfigContext&) {
    return Config{proto.find(), proto.replacement()};
  }
  static remora::http::FilterPtr Create(const Config& config, FilterContext& context);
};

class ReplaceTextFilter final : public remora::http::Filter {
 public:
  ReplaceTextFilter(const ReplaceText::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnResponseHead(remora::http::ResponseHead& head) override {
    const bool has_body = head.framing == Framing::kStreamed || head.framing == Framing::kLength;
    // Compressed bytes are no text, and a part of a body may begin within it.
    if (!has_body || head.headers.Has(HeaderId::kContentEncoding) || head.status == 206) {
      return Answer::kContinue;
    }
    active_ = true;
    // Its size is not known before its end.
    head.framing = Framing::kStreamed;
    head.headers.Remove(HeaderId::kContentLength);
    head.headers.Remove("etag");
    return Answer::kContinue;
  }

  Answer OnResponseData(remora::buffer::Buffer& data) override {
    if (!active_) return Answer::kContinue;
    const std::string text = kept_ + data.ToString();
    data.Clear();
    Rewrite(text, config_.find.size() - 1, data);
    return Answer::kContinue;
  }

  Answer OnResponseEnd(remora::http::HeaderMap*) override {
    if (!kept_.empty()) {
      remora::buffer::Buffer rest(context_.blocks());
      rest.Append(kept_);
      context_.AddResponseData(rest);
    }
    return Answer::kContinue;
  }

 private:
  // Keeps at most `keep` bytes of the end, which may go on in the next piece.
  void Rewrite(std::string_view text, size_t keep, remora::buffer::Buffer& to) {
    for (;;) {
      const size_t at = text.find(config_.find);
      if (at == std::string_view::npos) break;
      to.Append(text.substr(0, at));
      to.Append(config_.replacement);
      text.remove_prefix(at + config_.find.size());
    }
    const size_t passes = text.size() - std::min(keep, text.size());
    to.Append(text.substr(0, passes));
    kept_.assign(text.substr(passes));
  }

  const ReplaceText::Config& config_;
  FilterContext& context_;
  std::string kept_;
  bool active_ = false;
};

remora::http::FilterPtr ReplaceText::Create(const Config& config, FilterContext& context) {
  return context.arena().Make<ReplaceTextFilter>(config, context);
}

}  // namespace

void AddReplaceText(remora::config::Registry& registry) { registry.AddHttpFilter<ReplaceText>(); }

}  // namespace example
