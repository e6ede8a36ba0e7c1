#include "test/fakes/sources.h"

#include <algorithm>

#include "source/base/check.h"

namespace remora::fakes {

class Sources::Handle final : public xds::Subscription {
 public:
  Handle(Sources& sources, uint64_t id) : sources_(sources), id_(id) {}
  ~Handle() override {
    std::erase_if(sources_.wishes_, [this](const auto& wish) { return wish->id == id_; });
  }
  void Start() override { sources_.Find(id_)->started = true; }
  void SetNames(std::vector<std::string> names) override {
    sources_.Find(id_)->names = std::move(names);
  }
  void AddName(const std::string& name) override { sources_.Find(id_)->names.push_back(name); }
  void DropName(const std::string& name) override { std::erase(sources_.Find(id_)->names, name); }

 private:
  Sources& sources_;
  uint64_t id_;
};

Sources::Wish* Sources::Find(uint64_t id) {
  for (const auto& wish : wishes_) {
    if (wish->id == id) return wish.get();
  }
  return nullptr;
}

std::unique_ptr<xds::Subscription> Sources::Subscribe(const config::ConfigSource&,
                                                      xds::ResourceType type, bool wildcard,
                                                      std::string_view, xds::ResourceUser& user) {
  wishes_.push_back(std::make_unique<Wish>(Wish{++last_id_, type, wildcard, &user}));
  return std::make_unique<Handle>(*this, last_id_);
}

std::vector<xds::ResourceError> Sources::Send(xds::ResourceType type,
                                              const std::vector<Sent>& changed,
                                              const std::vector<std::string>& removed,
                                              const std::string& version) {
  std::vector<xds::ResourceError> errors;
  std::vector<uint64_t> ids;
  for (const auto& wish : wishes_) {
    if (wish->type == type && wish->started) ids.push_back(wish->id);
  }
  for (const uint64_t id : ids) {
    Wish* wish = Find(id);
    if (wish == nullptr) continue;  // it went while others were told
    std::vector<xds::Resource> resources;
    for (const Sent& sent : changed) {
      const bool wanted = wish->wildcard || std::find(wish->names.begin(), wish->names.end(),
                                                      sent.name) != wish->names.end();
      if (wanted) resources.push_back({sent.name, version, sent.bytes, 0});
    }
    std::vector<std::string> gone;
    for (const std::string& name : removed) {
      const bool wanted = wish->wildcard || std::find(wish->names.begin(), wish->names.end(),
                                                      name) != wish->names.end();
      if (wanted) gone.push_back(name);
    }
    if (!wish->wildcard && resources.empty() && gone.empty()) continue;
    for (xds::ResourceError& error : wish->user->OnUpdate({resources, gone, version})) {
      errors.push_back(std::move(error));
    }
  }
  return errors;
}

void Sources::TimeOut(xds::ResourceType type) {
  std::vector<uint64_t> ids;
  for (const auto& wish : wishes_) {
    if (wish->type == type) ids.push_back(wish->id);
  }
  for (const uint64_t id : ids) {
    Wish* wish = Find(id);
    if (wish == nullptr) continue;
    const std::vector<std::string> names = wish->names;  // the user may change them
    wish->user->OnFetchTimeout(names);
  }
}

std::vector<std::string> Sources::Wanted(xds::ResourceType type) const {
  std::vector<std::string> names;
  for (const auto& wish : wishes_) {
    if (wish->type != type || !wish->started) continue;
    if (wish->wildcard) names.emplace_back("*");
    names.insert(names.end(), wish->names.begin(), wish->names.end());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace remora::fakes
