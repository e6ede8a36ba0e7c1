#include "source/http/route/hash_policy.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "source/base/hash.h"
#include "source/http/route/conditions.h"
#include "source/net/address.h"

namespace remora::route {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// RFC 6265 section 4.1.1; HttpOnly, because no script needs to see it.
std::string SetCookieValue(const HashPart& part, std::string_view value) {
  std::string text =
      absl::StrCat(part.name, "=\"", absl::string_view(value.data(), value.size()), "\"");
  const event::Duration seconds = *part.ttl / event::kSecond;
  if (seconds != 0) absl::StrAppend(&text, "; Max-Age=", seconds);
  if (!part.path.empty()) absl::StrAppend(&text, "; Path=", part.path);
  for (const auto& [name, attribute] : part.attributes) {
    absl::StrAppend(&text, "; ", name);
    if (!attribute.empty()) absl::StrAppend(&text, "=", attribute);
  }
  absl::StrAppend(&text, "; HttpOnly");
  return text;
}

// The values of all fields of that name, or a part of the request line.
std::vector<std::string_view> ValuesOf(const http::RequestHead& head, const std::string& name) {
  std::vector<std::string_view> values;
  if (name == "host" || name.starts_with(':')) {
    const std::string_view value = RequestField(name).First(head);
    if (!value.empty()) values.push_back(value);
    return values;
  }
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() == name) values.push_back(entry.value());
  });
  return values;
}

}  // namespace

std::optional<std::string_view> FindCookie(const http::RequestHead& head, std::string_view name) {
  std::optional<std::string_view> found;
  if (!head.headers.Has(http::HeaderId::kCookie)) return found;
  head.headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.id != http::HeaderId::kCookie || found.has_value()) return;
    std::string_view rest = entry.value();
    while (!rest.empty() && !found.has_value()) {
      const std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos || Trimmed(pair.substr(0, equals)) != name) continue;
      std::string_view value = Trimmed(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      found = value;
    }
  });
  return found;
}

absl::StatusOr<HashPolicy> HashPolicy::Compile(std::vector<HashPart> config,
                                               uint32_t max_program_size) {
  HashPolicy policy;
  for (HashPart& part : config) {
    Part compiled;
    if (part.rewrite.has_value()) {
      auto rewrite = RegexSubstitution::Compile(part.rewrite->pattern, part.rewrite->substitution,
                                                max_program_size);
      if (!rewrite.ok()) return rewrite.status();
      compiled.rewrite = *std::move(rewrite);
    }
    compiled.config = std::move(part);
    policy.parts_.push_back(std::move(compiled));
  }
  return policy;
}

std::optional<uint64_t> HashPolicy::HashField(const Part& part, const http::RequestHead& head) {
  std::vector<std::string_view> values = ValuesOf(head, part.config.name);
  if (values.empty()) return std::nullopt;
  std::vector<std::string> texts;
  for (const std::string_view value : values) {
    std::optional<std::string> rewritten;
    if (part.rewrite.has_value()) rewritten = part.rewrite->Apply(value);
    texts.push_back(rewritten.has_value() ? *std::move(rewritten) : std::string(value));
  }
  // Two proxies in a row may have put them in another order.
  std::sort(texts.begin(), texts.end());
  // As Envoy: one goes into the next.
  uint64_t hash = 0;
  for (const std::string& text : texts) hash = base::XxHash64(text, hash);
  return hash;
}

std::optional<uint64_t> HashPolicy::HashCookie(
    const Part& part, const http::RequestHead& head, const Client& client,
    const std::function<void(std::string)>& give_cookie) {
  std::string_view value = FindCookie(head, part.config.name).value_or(std::string_view());
  std::string made;
  if (value.empty() && part.config.ttl.has_value()) {
    // The same for all requests of the connection, which may be on their way at once.
    made = absl::StrFormat("%016x", base::XxHash64(client.ends()));
    give_cookie(SetCookieValue(part.config, made));
    value = made;
  }
  if (value.empty()) return std::nullopt;
  return base::XxHash64(value);
}

std::optional<uint64_t> HashPolicy::HashAddress(const Client& client) {
  if (client.address == nullptr || !client.address->is_ip()) return std::nullopt;
  return base::XxHash64(client.address->IpString());
}

std::optional<uint64_t> HashPolicy::Hash(
    const http::RequestHead& head, const Client& client,
    const std::function<void(std::string)>& give_cookie) const {
  std::optional<uint64_t> hash;
  for (const Part& part : parts_) {
    std::optional<uint64_t> own;
    switch (part.config.source) {
      case HashPart::Source::kHeader:
        own = HashField(part, head);
        break;
      case HashPart::Source::kCookie:
        own = HashCookie(part, head, client, give_cookie);
        break;
      case HashPart::Source::kAddress:
        own = HashAddress(client);
        break;
      case HashPart::Source::kQueryParameter:
        if (const auto value = FindQueryParameter(head.path, part.config.name)) {
          own = base::XxHash64(*value);
        }
        break;
      case HashPart::Source::kNone:
        break;
    }
    // Turned, so that two parts with the same value do not cancel each other.
    if (own.has_value()) hash = (hash.has_value() ? std::rotl(*hash, 1) : 0) ^ *own;
    if (part.config.terminal && hash.has_value()) break;
  }
  return hash;
}

}  // namespace remora::route
