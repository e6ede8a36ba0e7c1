#pragma once

// The filter that makes dynamic metadata of header fields and cookies.
//
// envoy.extensions.filters.http.header_to_metadata.v3.Config; a route's takes the place of the
// filter's. Rules take effect in order. What cannot become the value that it shall (no number, no
// base64, empty, longer than kMaxValue) is left out. Measured on Envoy 1.40.
// Source: Envoy source/extensions/filters/http/header_to_metadata/header_to_metadata_filter.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/registry.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/regex.h"

namespace envoy::extensions::filters::http::header_to_metadata::v3 {
class Config;
}

namespace remora::extensions {

class HeaderToMetadataFilter;

struct HeaderToMetadata {
  using Proto = envoy::extensions::filters::http::header_to_metadata::v3::Config;
  using RouteProto = Proto;
  using Filter = HeaderToMetadataFilter;
  static constexpr size_t kMaxValue = 8192;

  enum class Type : uint8_t { kString, kNumber, kValue };
  struct Target {
    std::string name_space;
    std::string key;
    std::string value;                                        // empty: the field's
    std::shared_ptr<const route::RegexSubstitution> rewrite;  // null: none
    Type type = Type::kString;
    bool base64 = false;
  };
  struct Rule {
    std::string header;  // lower-case; empty: it is about a cookie
    std::string cookie;
    std::optional<Target> present;
    std::optional<Target> missing;
    bool removes = false;
  };
  struct Config {
    std::vector<Rule> request;
    std::vector<Rule> response;
  };
  using RouteConfig = Config;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
};

class HeaderToMetadataFilter final : public http::Filter {
 public:
  HeaderToMetadataFilter(const HeaderToMetadata::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;

 private:
  const HeaderToMetadata::Config& config() const;
  // `found`: the field's value; nullopt: it is missing.
  void Apply(const HeaderToMetadata::Rule& rule, const std::optional<std::string>& found);

  const HeaderToMetadata::Config& config_;
  http::FilterContext& context_;
  http::DynamicMetadata metadata_;
};

// nullopt: the text cannot become that.
std::optional<http::MetadataValue> ToMetadata(const HeaderToMetadata::Target& target,
                                              std::string_view text);

}  // namespace remora::extensions
