#include "source/extensions/http_filters/jwt_authn/token_places.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/http/route/conditions.h"
#include "source/http/route/hash_policy.h"

namespace remora::extensions {
namespace {

constexpr std::string_view kTokenBytes =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

void Merge(const std::vector<std::string>& from, std::vector<std::string>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

std::optional<uint32_t> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0');
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  if (lower >= 'a' && lower <= 'f') return static_cast<uint32_t>(lower - 'a' + 10);
  return std::nullopt;
}

std::string DecodePercent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = HexDigit(text[i + 1]);
      const auto low = HexDigit(text[i + 2]);
      if (high.has_value() && low.has_value()) {
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// The values of a field. Those of authorization are one, as in Envoy.
std::vector<std::string> ValuesOf(const http::HeaderMap& headers, std::string_view name) {
  std::vector<std::string> values;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() != name) return;
    if (entry.id == http::HeaderId::kAuthorization && !values.empty()) {
      absl::StrAppend(&values.front(), ",", std::string(entry.value()));
    } else {
      values.emplace_back(entry.value());
    }
  });
  return values;
}

// nullopt: the prefix is nowhere in it.
std::optional<std::string_view> BehindPrefix(std::string_view value, std::string_view prefix) {
  if (prefix.empty()) return value;
  const size_t at = value.find(prefix);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t begin = value.find_first_of(kTokenBytes, at + prefix.size());
  return begin == std::string_view::npos ? value : value.substr(begin);
}

}  // namespace

bool FoundToken::MayBeOf(std::string_view issuer) const {
  return std::any_of(issuers->begin(), issuers->end(), [issuer](const std::string& known) {
    return known.empty() || known == issuer;
  });
}

void TokenPlaces::Add(const std::string& issuer,
                      const std::vector<std::pair<std::string, std::string>>& headers,
                      const std::vector<std::string>& parameters,
                      const std::vector<std::string>& cookies) {
  const auto add_header = [&](const std::string& name, const std::string& prefix) {
    Header& header = headers_[name + prefix];
    header.name = name;
    header.prefix = prefix;
    header.issuers.push_back(issuer);
  };
  for (const auto& [name, prefix] : headers) add_header(absl::AsciiStrToLower(name), prefix);
  for (const std::string& name : parameters) parameters_[name].push_back(issuer);
  for (const std::string& name : cookies) cookies_[name].push_back(issuer);
  if (headers.empty() && parameters.empty() && cookies.empty()) {
    add_header("authorization", "Bearer ");
    parameters_["access_token"].push_back(issuer);
  }
}

void TokenPlaces::Add(const TokenPlaces& other) {
  for (const auto& [key, header] : other.headers_) {
    Header& own = headers_[key];
    own.name = header.name;
    own.prefix = header.prefix;
    Merge(header.issuers, own.issuers);
  }
  for (const auto& [name, issuers] : other.parameters_) Merge(issuers, parameters_[name]);
  for (const auto& [name, issuers] : other.cookies_) Merge(issuers, cookies_[name]);
  Merge(other.reserved_, reserved_);
}

void TokenPlaces::FindInHeaders(const http::RequestHead& head,
                                std::vector<FoundToken>& tokens) const {
  for (const auto& [key, header] : headers_) {
    for (const std::string& value : ValuesOf(head.headers, header.name)) {
      const auto text = BehindPrefix(value, header.prefix);
      if (!text.has_value()) continue;
      tokens.push_back(
          {FoundToken::Place::kHeader, header.name, std::string(*text), &header.issuers});
    }
  }
}

std::vector<FoundToken> TokenPlaces::Find(const http::RequestHead& head,
                                          const std::vector<FoundToken>& removed) const {
  std::vector<FoundToken> tokens;
  FindInHeaders(head, tokens);
  for (const auto& [name, issuers] : parameters_) {
    const auto value = route::FindQueryParameter(head.path, name);
    if (!value.has_value()) continue;
    tokens.push_back({FoundToken::Place::kParameter, name, DecodePercent(*value), &issuers});
  }
  for (const auto& [name, issuers] : cookies_) {
    const auto value = route::FindCookie(head, name);
    if (!value.has_value()) continue;
    tokens.push_back({FoundToken::Place::kCookie, name, std::string(*value), &issuers});
  }
  std::erase_if(tokens, [&removed](const FoundToken& token) {
    return std::any_of(removed.begin(), removed.end(), [&token](const FoundToken& gone) {
      return gone.place == token.place && gone.name == token.name;
    });
  });
  return tokens;
}

std::string WithoutParameter(std::string_view path, std::string_view name) {
  const size_t query = path.find('?');
  if (query == std::string_view::npos) return std::string(path);
  std::string result(path.substr(0, query));
  char separator = '?';
  std::string_view rest = path.substr(query + 1);
  while (true) {
    const size_t end = rest.find('&');
    const std::string_view part = rest.substr(0, end);
    if (part.substr(0, part.find('=')) != name) {
      result += separator;
      result += part;
      separator = '&';
    }
    if (end == std::string_view::npos) return result;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace remora::extensions
