#include "source/http/route/header_changes.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/base/check.h"

namespace remora::route {
namespace {

constexpr std::string_view kNotAName = "this is no name of a header field";

std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

bool Replaces(HeaderAddition::Action action) {
  return action == HeaderAddition::Action::kOverwriteIfExistsOrAdd ||
         action == HeaderAddition::Action::kOverwriteIfExists;
}

}  // namespace

bool MayChangeHeader(std::string_view name) { return !name.starts_with(':') && name != "host"; }

std::unique_ptr<const HeaderChanges> HeaderChanges::Compile(HeaderChangesConfig config,
                                                            const Report& report) {
  std::unique_ptr<HeaderChanges> changes(new HeaderChanges);
  for (size_t i = 0; i < config.remove.size(); ++i) {
    std::string& name = config.remove[i];
    absl::AsciiStrToLower(&name);
    const std::string field = absl::StrCat("remove[", i, "]");
    if (!MayChangeHeader(name)) {
      report(field, ":-prefixed or host headers may not be removed");
    } else if (!http::IsValidHeaderName(name)) {
      report(field, kNotAName);
    } else {
      const http::HeaderId id = http::LookUpHeaderId(name);
      changes->removals_.push_back({std::move(name), id});
    }
  }
  for (size_t i = 0; i < config.add.size(); ++i) {
    changes->AddOne(std::move(config.add[i]), absl::StrCat("add[", i, "]"), report);
  }
  if (changes->removals_.empty() && changes->additions_.empty()) return nullptr;
  changes->WriteLines();
  return changes;
}

// Leaves the entry's name and value as sizes; WriteLines() knows where they stand.
void HeaderChanges::AddOne(HeaderAddition config, std::string_view field, const Report& report) {
  const absl::string_view place(field.data(), field.size());
  absl::AsciiStrToLower(&config.name);
  if (!MayChangeHeader(config.name)) {
    report(absl::StrCat(place, ".header.key"), ":-prefixed or host headers may not be modified");
    return;
  }
  if (!http::IsValidHeaderName(config.name)) {
    report(absl::StrCat(place, ".header.key"), kNotAName);
    return;
  }
  Addition addition{{}, config.action, config.keep_empty, std::nullopt};
  if (!config.literal) {
    auto format = formatter::Format::Parse(config.value, {.omit_empty = true});
    if (!format.ok()) {
      report(absl::StrCat(place, ".header.value"), ToStd(format.status().message()));
      return;
    }
    if (const std::string* constant = format->constant(); constant != nullptr) {
      config.value = *constant;
    } else {
      addition.format = *std::move(format);
      config.value.clear();
    }
  }
  if (!http::IsValidHeaderValue(config.value)) {
    report(absl::StrCat(place, ".header.value"), "a header field cannot hold control characters");
    return;
  }
  // An empty constant changes nothing, not even what is there.
  if (!addition.format.has_value() && config.value.empty() && !config.keep_empty) return;
  addition.entry.id = http::LookUpHeaderId(config.name);
  addition.entry.name_size = static_cast<uint16_t>(config.name.size());
  addition.entry.value_size = static_cast<uint32_t>(config.value.size());
  addition.entry.canonical = !addition.format.has_value();
  lines_ += absl::StrCat(config.name, ": ", config.value, "\r\n");
  if (addition.format.has_value() || addition.action != Action::kAppendIfExistsOrAdd) {
    only_appends_ = false;
  }
  additions_.push_back(std::move(addition));
}

// lines_ is complete: the entries may point into it.
void HeaderChanges::WriteLines() {
  const char* at = lines_.data();
  for (Addition& addition : additions_) {
    http::HeaderEntry& entry = addition.entry;
    entry.name_data = at;
    entry.value_data = at + entry.name_size + 2;
    at = entry.value_data + entry.value_size + 2;
  }
  DCHECK(at == lines_.data() + lines_.size());
}

void HeaderChanges::Apply(http::HeaderMap& headers, const formatter::Exchange& exchange) const {
  for (const Name& name : removals_) headers.Remove(name.text, name.id);
  if (!only_appends_) {
    ApplyWithConditions(headers, exchange);
    return;
  }
  for (const Addition& addition : additions_) headers.AddReference(addition.entry);
}

void HeaderChanges::ApplyWithConditions(http::HeaderMap& headers,
                                        const formatter::Exchange& exchange) const {
  struct Pending {
    const Addition* addition;
    http::HeaderEntry entry;
  };
  base::Arena& arena = headers.arena();
  auto* const pending =
      static_cast<Pending*>(arena.Allocate(additions_.size() * sizeof(Pending), alignof(Pending)));
  Pending* end = pending;
  std::string value;
  for (const Addition& addition : additions_) {
    http::HeaderEntry entry = addition.entry;
    if (addition.action == Action::kAddIfAbsent || addition.action == Action::kOverwriteIfExists) {
      const bool exists = headers.Find(entry.name(), entry.id) != nullptr;
      if (exists != (addition.action == Action::kOverwriteIfExists)) continue;
    }
    if (addition.format.has_value()) {
      value.clear();
      addition.format->AppendTo(value, exchange);
      if (value.empty() && !addition.keep_empty) continue;
      if (!http::IsValidHeaderValue(value)) continue;
      const std::string_view copy = arena.Copy(value);
      entry.value_data = copy.data();
      entry.value_size = static_cast<uint32_t>(copy.size());
    }
    *end++ = {&addition, entry};
  }
  for (const Pending* p = pending; p != end; ++p) {
    if (!Replaces(p->addition->action)) continue;
    headers.SetReference(p->entry.name(), p->entry.id, p->entry.value());
  }
  for (const Pending* p = pending; p != end; ++p) {
    if (!Replaces(p->addition->action)) headers.AddReference(p->entry);
  }
}

}  // namespace remora::route
