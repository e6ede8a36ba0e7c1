#include "source/xds/type_state.h"

#include <algorithm>
#include <utility>

#include "source/base/check.h"
#include "source/base/hash.h"
#include "source/config/text.h"
#include "source/event/timer.h"

namespace remora::xds {

using config::Concat;

namespace {

constexpr std::string_view kWildcard = "*";

// Whether a resource that a state of the world does not have is gone. Of the other types a response
// may hold a part of what was asked for.
bool IsWholeWorld(ResourceType type) {
  return type == ResourceType::kCluster || type == ResourceType::kListener ||
         type == ResourceType::kScopedRoutes;
}

// absl's tables keep their room, and what was sent in thousands may be gone for good. Moves the
// entries that are left once for every seven eighths that went.
template <class Table>
void Shrink(Table& table) {
  if (table.size() < table.capacity() / 8) table.rehash(0);
}

// What tells one version from another.
uint64_t HashOf(const Offer& offer) {
  uint64_t hash = base::XxHash64(offer.bytes);
  // Who asks by another name has to be told that this is it.
  for (const std::string& alias : offer.aliases) hash = hash * 31 + base::XxHash64(alias);
  return hash;
}

void EraseOne(std::vector<Watch*>& watches, const Watch* watch) {
  watches.erase(std::remove(watches.begin(), watches.end(), watch), watches.end());
}

}  // namespace

std::string RefusalText(ResourceType type, const std::vector<ResourceError>& errors) {
  constexpr size_t kLongest = 64 * 1024;
  std::string text;
  std::string_view separator = ", ";
  if (type == ResourceType::kCluster) {
    text = "Error adding/updating cluster(s) ";
  } else if (type == ResourceType::kListener) {
    text = "Error adding/updating listener(s) ";
    separator = "\n";
  } else if (type == ResourceType::kScopedRoutes) {
    text = "Error adding/updating scoped route(s): ";
  }
  size_t told = 0;
  for (const ResourceError& error : errors) {
    if (text.size() > kLongest) break;
    if (told++ > 0) text += separator;
    text += error.name.empty() ? error.message : Concat(error.name, ": ", error.message);
  }
  if (told < errors.size()) text += Concat(separator, "and ", errors.size() - told, " more");
  return text;
}

void TypeState::Add(Watch& watch) {
  watches_.insert(&watch);
  if (!watch.wildcard()) return;
  CHECK(wildcard_ == nullptr);
  wildcard_ = &watch;
  names_changed_ = true;
}

void TypeState::Remove(Watch& watch) {
  watches_.erase(&watch);
  if (telling_ != nullptr) {
    for (Part& part : *telling_) {
      if (part.watch == &watch) part.watch = nullptr;
    }
  }
  if (wildcard_ != &watch) return;
  wildcard_ = nullptr;
  names_changed_ = true;
  absl::erase_if(refused_, [this](const auto& entry) { return !IsNamed(entry.first); });
  absl::erase_if(held_, [this](const auto& entry) {
    if (IsNamed(entry.first)) return false;
    expiries_.erase({entry.second.expiry, entry.first});
    return true;
  });
  Shrink(held_);
}

void TypeState::Want(Watch& watch, const std::string& name) {
  auto [at, is_new] = names_.try_emplace(name);
  at->second.watches.push_back(&watch);
  const auto held = held_.find(name);
  if (held != held_.end() && held->second.bytes != nullptr) late_.emplace_back(&watch, name);
  if (!is_new) return;
  names_changed_ = true;
  added_.insert(name);
  dropped_.erase(name);
}

void TypeState::Unwant(Watch& watch, const std::string& name) {
  const auto at = names_.find(name);
  if (at == names_.end()) return;
  EraseOne(at->second.watches, &watch);
  std::erase(late_, std::pair<Watch*, std::string>(&watch, name));
  if (at->second.watches.empty()) Forget(name);
}

// Nobody wants it any more.
void TypeState::Forget(const std::string& name) {
  names_.erase(name);
  Shrink(names_);
  names_changed_ = true;
  added_.erase(name);
  if (sent_.contains(name)) dropped_.insert(name);
  if (wildcard_ != nullptr) return;
  refused_.erase(name);
  const auto held = held_.find(name);
  if (held == held_.end()) return;
  expiries_.erase({held->second.expiry, name});
  held_.erase(held);
  Shrink(held_);
}

void TypeState::GiveUp(const std::string& name) {
  const auto at = names_.find(name);
  if (at != names_.end()) at->second.given_up = true;
}

bool TypeState::IsTold(const std::string& name) const {
  const auto at = names_.find(name);
  return at != names_.end() && at->second.told;
}

void TypeState::OnStreamOpened() {
  OnStreamClosed();
  open_ = true;
}

void TypeState::OnStreamClosed() {
  open_ = false;
  introduced_ = false;
  sent_wildcard_ = false;
  sent_.clear();
  added_.clear();
  dropped_.clear();
  nonce_.clear();
  answers_.clear();
}

bool TypeState::HasNews() const {
  if (!open_) return false;
  // Without a name it would ask for everything.
  if (!introduced_) return WantsAnything();
  if (flavour_ == Flavour::kSotw) return names_changed_;
  return !added_.empty() || !dropped_.empty() || sent_wildcard_ != (wildcard_ != nullptr);
}

Request TypeState::TakeRequest() {
  Request request = flavour_ == Flavour::kSotw ? TakeSotw() : TakeDelta();
  request.type = type_;
  introduced_ = true;
  names_changed_ = false;
  return request;
}

std::optional<std::string> TypeState::TakeRefusal() {
  std::optional<std::string> refusal;
  if (!answers_.empty()) refusal = std::move(answers_.back().error);
  answers_.clear();
  return refusal;
}

std::vector<std::string> TypeState::SortedNames() const {
  std::vector<std::string> names;
  names.reserve(names_.size() + 1);
  // Alone it goes without saying.
  if (wildcard_ != nullptr && !names_.empty()) names.emplace_back(kWildcard);
  for (const auto& [name, state] : names_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

Request TypeState::TakeSotw() {
  Request request;
  request.version = version_;
  request.names = SortedNames();
  request.nonce = nonce_;
  // It tells of the last response only; those before were answered by it too.
  if (!answers_.empty()) request.error = std::move(answers_.back().error);
  answers_.clear();
  return request;
}

Request TypeState::TakeDelta() {
  Request request;
  const bool wildcard = wildcard_ != nullptr;
  if (!introduced_) {
    request.names = SortedNames();
    for (const auto& [name, held] : held_) request.held.emplace_back(name, held.version);
    std::sort(request.held.begin(), request.held.end());
    for (const auto& [name, state] : names_) sent_.insert(name);
  } else {
    if (wildcard && !sent_wildcard_) request.names.emplace_back(kWildcard);
    if (!wildcard && sent_wildcard_) request.dropped.emplace_back(kWildcard);
    request.names.insert(request.names.end(), added_.begin(), added_.end());
    request.dropped.insert(request.dropped.end(), dropped_.begin(), dropped_.end());
    for (const std::string& name : added_) sent_.insert(name);
    for (const std::string& name : dropped_) sent_.erase(name);
    Shrink(sent_);
  }
  sent_wildcard_ = wildcard;
  added_.clear();
  dropped_.clear();
  // Each response has an answer of its own.
  if (answers_.empty()) return request;
  request.nonce = std::move(answers_.front().nonce);
  request.error = std::move(answers_.front().error);
  answers_.pop_front();
  return request;
}

// What a response means to what is held.
struct TypeState::Sorting {
  std::vector<size_t> changed;   // indices of offers
  std::vector<uint64_t> hashes;  // of those
  std::vector<std::string> removed;
  std::vector<ResourceError> errors;
  absl::flat_hash_map<std::string, int> counts;  // of the names in the response
};

void TypeState::SortOffers(const Response& response, event::TimePoint now, Sorting& sorting) {
  for (const Offer& offer : response.offers) ++sorting.counts[offer.name];
  absl::flat_hash_set<std::string> duplicates;
  for (size_t i = 0; i < response.offers.size(); ++i) {
    const Offer& offer = response.offers[i];
    const auto name = names_.find(offer.name);
    if (name != names_.end()) name->second.told = true;
    for (const std::string& alias : offer.aliases) {
      const auto other = names_.find(alias);
      if (other != names_.end()) other->second.told = true;
    }
    if (sorting.counts[offer.name] > 1) {
      if (duplicates.insert(offer.name).second) {
        sorting.errors.push_back(
            {offer.name, Concat("duplicate ", TypeName(type_), " ", offer.name, " found")});
      }
      continue;
    }
    const auto held = held_.find(offer.name);
    if (held != held_.end()) {
      SetExpiry(offer.name, held->second, offer.ttl.has_value() ? now + *offer.ttl : 0);
    }
    if (offer.heartbeat) continue;
    const uint64_t hash = HashOf(offer);
    if (held != held_.end() && held->second.hash == hash) {
      held->second.version = offer.version;
      held->second.restored = false;
    } else if (Wanted(offer.name)) {
      sorting.changed.push_back(i);
      sorting.hashes.push_back(hash);
    }
  }
}

void TypeState::SortRemoved(const Response& response, Sorting& sorting) {
  for (const std::string& name : response.removed) {
    const auto at = names_.find(name);
    if (at != names_.end()) at->second.told = true;
    // A name that is asked for has to hear that there is nothing of it.
    if (at != names_.end() || held_.contains(name)) sorting.removed.push_back(name);
  }
  if (flavour_ == Flavour::kDelta || wildcard_ == nullptr || !IsWholeWorld(type_)) return;
  if (response.from_snapshot) return;
  // A resource without a legible name may be any of those that seem to be missing.
  if (!response.unreadable.empty()) return;
  const bool only_heartbeats =
      !response.offers.empty() && std::all_of(response.offers.begin(), response.offers.end(),
                                              [](const Offer& offer) { return offer.heartbeat; });
  if (only_heartbeats) return;
  for (const auto& [name, held] : held_) {
    if (!sorting.counts.contains(name)) sorting.removed.push_back(name);
  }
  std::sort(sorting.removed.begin(), sorting.removed.end());
}

std::vector<TypeState::Part> TypeState::MakeParts(const Response& response,
                                                  const Sorting& sorting) {
  std::vector<Part> parts;
  absl::flat_hash_map<const Watch*, size_t> index;
  const auto part = [&parts, &index](Watch* watch) -> Part& {
    const auto [at, is_new] = index.try_emplace(watch, parts.size());
    if (is_new) parts.push_back({watch, {}, {}});
    return parts[at->second];
  };
  const auto each = [this, &part](const std::string& name, const auto& put) {
    if (wildcard_ != nullptr) put(part(wildcard_));
    const auto at = names_.find(name);
    if (at == names_.end()) return;
    for (Watch* watch : at->second.watches) {
      if (watch != wildcard_) put(part(watch));
    }
  };
  if (wildcard_ != nullptr) part(wildcard_);  // for the version alone, too
  for (const Offer& offer : response.offers) each(offer.name, [](Part&) {});
  for (size_t i = 0; i < sorting.changed.size(); ++i) {
    const Offer& offer = response.offers[sorting.changed[i]];
    const Resource resource = {offer.name, offer.version, offer.bytes, sorting.hashes[i],
                               offer.aliases};
    each(offer.name, [&resource](Part& to) { to.changed.push_back(resource); });
  }
  for (const std::string& name : sorting.removed) {
    each(name, [&name](Part& to) { to.removed.push_back(name); });
  }
  return parts;
}

void TypeState::Tell(std::vector<Part>& parts, const ResourceUpdate& of,
                     std::vector<ResourceError>& errors) {
  telling_ = &parts;
  absl::flat_hash_set<std::pair<std::string, std::string>> told;  // several may say the same
  for (const ResourceError& error : errors) told.emplace(error.name, error.message);
  for (Part& part : parts) {
    if (part.watch == nullptr) continue;
    std::vector<ResourceError> refused;
    if (part.watch->wildcard() || !part.changed.empty() || !part.removed.empty()) {
      refused = part.watch->OnUpdate({part.changed, part.removed, of.version, of.from_snapshot});
    }
    if (part.watch != nullptr) part.watch->OnOutcome(of.version, refused);
    for (ResourceError& error : refused) {
      if (told.emplace(error.name, error.message).second) errors.push_back(std::move(error));
    }
  }
  telling_ = nullptr;
}

void TypeState::Keep(Response& response, const Sorting& sorting,
                     const std::vector<ResourceError>& errors, event::TimePoint now) {
  absl::flat_hash_set<std::string> refused;
  for (const ResourceError& error : errors) refused.insert(error.name);
  for (size_t i = 0; i < sorting.changed.size(); ++i) {
    Offer& offer = response.offers[sorting.changed[i]];
    // A user may have lost interest just now.
    if (refused.contains(offer.name) || !Wanted(offer.name)) continue;
    Held& held = held_[offer.name];
    held.hash = sorting.hashes[i];
    held.version = std::move(offer.version);
    held.restored = response.from_snapshot;
    any_restored_ = any_restored_ || response.from_snapshot;
    held.at = now;
    if (keep_bytes_ || IsNamed(offer.name)) {
      held.bytes = std::make_shared<const std::string>(std::move(offer.bytes));
    }
    SetExpiry(offer.name, held, offer.ttl.has_value() ? now + *offer.ttl : 0);
  }
  for (const std::string& name : sorting.removed) {
    const auto held = held_.find(name);
    if (held == held_.end()) continue;
    expiries_.erase({held->second.expiry, name});
    held_.erase(held);
  }
  Shrink(held_);
}

void TypeState::OnResponse(Response response, event::TimePoint now) {
  Sorting sorting;
  sorting.errors = std::move(response.unreadable);
  response.unreadable = sorting.errors;
  SortOffers(response, now, sorting);
  SortRemoved(response, sorting);
  std::vector<Part> parts = MakeParts(response, sorting);
  std::vector<ResourceError> errors = std::move(sorting.errors);
  Tell(parts, {{}, {}, response.version, response.from_snapshot}, errors);
  Keep(response, sorting, errors, now);
  NoteRefused(response, sorting, errors, now);
  answered_ = answered_ || !response.from_snapshot;
  nonce_ = response.nonce;
  Answer answer = {std::move(response.nonce), std::nullopt};
  if (errors.empty()) {
    // The source has not said it to this process, and is not told that it did.
    if (!response.from_snapshot) version_ = std::move(response.version);
  } else {
    answer.error = RefusalText(type_, errors);
  }
  answers_.push_back(std::move(answer));
}

void TypeState::TellLate() {
  for (const auto& [watch, name] : std::exchange(late_, {})) {
    const auto held = held_.find(name);
    const auto wanted = names_.find(name);
    if (held == held_.end() || wanted == names_.end()) continue;
    const auto& wanting = wanted->second.watches;
    if (std::find(wanting.begin(), wanting.end(), watch) == wanting.end()) continue;
    // The user may drop the name, and what is held of it, on the way.
    const Held copy = held->second;
    const Resource resource = {name, copy.version, *copy.bytes, copy.hash};
    const std::vector<ResourceError> errors =
        watch->OnUpdate({absl::MakeConstSpan(&resource, 1), {}, copy.version, copy.restored});
    if (watches_.contains(watch)) {
      watch->OnOutcome(copy.version, errors);
    }
  }
}

void TypeState::SetExpiry(const std::string& name, Held& held, event::TimePoint expiry) {
  if (held.expiry != 0) expiries_.erase({held.expiry, name});
  held.expiry = expiry;
  if (expiry != 0) expiries_.insert({expiry, name});
}

event::TimePoint TypeState::NextExpiry() const {
  return expiries_.empty() ? event::Timer::kNever : expiries_.begin()->first;
}

void TypeState::Expire(event::TimePoint now) {
  Sorting sorting;
  for (const auto& [expiry, name] : expiries_) {
    if (expiry > now) break;
    sorting.removed.push_back(name);
  }
  if (sorting.removed.empty()) return;
  Response none;
  none.version = version_;
  std::vector<Part> parts = MakeParts(none, sorting);
  std::vector<ResourceError> errors;
  Tell(parts, {{}, {}, none.version}, errors);
  Keep(none, sorting, errors, now);
}

// A resource of a response is good, or it is not: what was refused before is of no interest.
void TypeState::NoteRefused(const Response& response, const Sorting& sorting,
                            const std::vector<ResourceError>& errors, event::TimePoint now) {
  for (const Offer& offer : response.offers) refused_.erase(offer.name);
  for (const std::string& name : response.removed) refused_.erase(name);
  if (flavour_ == Flavour::kSotw && wildcard_ != nullptr && response.unreadable.empty()) {
    refused_.clear();
  }
  for (const ResourceError& error : errors) {
    // Without a legible name it is nobody's.
    if (!sorting.counts.contains(error.name) || !Wanted(error.name)) continue;
    Refused& refused = refused_[error.name];
    // Several users may refuse it.
    refused.message += Concat(refused.message.empty() ? "" : "; ", error.message);
    refused.at = now;
  }
  if (refused_.empty()) return;
  for (const Offer& offer : response.offers) {
    const auto refused = refused_.find(offer.name);
    if (refused != refused_.end()) refused->second.version = offer.version;
  }
}

void TypeState::Show(event::TimePoint now, int64_t wall, std::vector<ResourceStatus>& into) const {
  absl::btree_set<std::string> all;
  for (const auto& [name, state] : names_) all.insert(name);
  for (const auto& [name, held] : held_) all.insert(name);
  for (const auto& [name, refused] : refused_) all.insert(name);
  for (const std::string& name : all) {
    ResourceStatus& status = into.emplace_back();
    status.type = type_;
    status.name = name;
    const auto wanted = names_.find(name);
    if (wanted != names_.end() && (wanted->second.told || wanted->second.given_up)) {
      status.state = ResourceStatus::State::kMissing;
    }
    const auto held = held_.find(name);
    if (held != held_.end()) {
      status.state =
          held->second.restored ? ResourceStatus::State::kRequested : ResourceStatus::State::kTaken;
      status.version = held->second.version;
      status.taken_at = wall - (now - held->second.at);
      status.bytes = held->second.bytes;
    }
    const auto refused = refused_.find(name);
    if (refused == refused_.end()) continue;
    status.state = ResourceStatus::State::kRefused;
    status.refusal = {refused->second.version, refused->second.message,
                      wall - (now - refused->second.at)};
  }
}

// --- the snapshot ---

void TypeState::Confirm() {
  answered_ = true;
  for (auto& [name, held] : held_) held.restored = false;
  any_restored_ = false;
}

size_t TypeState::restored() const {
  if (!any_restored_) return 0;
  return static_cast<size_t>(std::count_if(
      held_.begin(), held_.end(), [](const auto& entry) { return entry.second.restored; }));
}

std::vector<SnapshotResource> TypeState::Collect() const {
  std::vector<SnapshotResource> resources;
  resources.reserve(held_.size());
  for (const auto& [name, held] : held_) {
    if (held.expiry == 0 && held.bytes != nullptr) {
      resources.push_back({name, held.version, held.bytes});
    }
  }
  std::sort(resources.begin(), resources.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return resources;
}

}  // namespace remora::xds
