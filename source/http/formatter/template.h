#pragma once

// Template: a whole text to be made of an exchange: one format, or one JSON format.
//
// Made with the configuration, immutable then; any thread. Appending cannot fail.
// Source: envoy.config.core.v3.SubstitutionFormatString.

#include <string>
#include <utility>
#include <variant>

#include "source/http/formatter/format.h"
#include "source/http/formatter/json_format.h"

namespace remora::formatter {

class Template {
 public:
  explicit Template(Format text) : form_(std::move(text)) {}
  explicit Template(JsonFormat json) : form_(std::move(json)) {}

  bool json() const { return std::holds_alternative<JsonFormat>(form_); }
  void AppendTo(std::string& out, const Exchange& exchange) const {
    if (const auto* text = std::get_if<Format>(&form_); text != nullptr) {
      text->AppendTo(out, exchange);
    } else {
      std::get<JsonFormat>(form_).AppendTo(out, exchange);
    }
  }

 private:
  std::variant<Format, JsonFormat> form_;
};

}  // namespace remora::formatter
