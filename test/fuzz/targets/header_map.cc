#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "source/http/header_map.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {
namespace {

constexpr std::string_view kNames[] = {
    "host",       "accept", "x-a", "x-b", "content-length", "cookie", "connection", "x-a-b",
    "set-cookie", "te",     "",    "X-A", "bad name"};

// A script: an operation, a name, a length, that many bytes of value, again and again.
class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view Bytes(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view Name() {
    const uint8_t choice = Byte();
    if (choice < 128) return kNames[choice % std::size(kNames)];
    return Bytes(choice % 16);
  }

 private:
  std::string_view bytes_;
};

using Model = std::vector<std::pair<std::string, std::string>>;

void Compare(const http::HeaderMap& map, const Model& model, std::string_view name) {
  Require(map.size() == model.size() && map.empty() == model.empty(), "another size");
  size_t at = 0;
  map.ForEach([&](const http::HeaderEntry& entry) {
    Require(entry.name() == model[at].first && entry.value() == model[at].second,
            "another field " + std::to_string(at));
    ++at;
  });
  const auto same = [name](const auto& field) { return field.first == name; };
  Require(map.Count(name) == static_cast<size_t>(std::count_if(model.begin(), model.end(), same)),
          "another count");
  const auto first = std::find_if(model.begin(), model.end(), same);
  const http::HeaderEntry* found = map.Find(name);
  Require((found == nullptr) == (first == model.end()), "found or not");
  if (found != nullptr) Require(found->value() == first->second, "another first value");
}

}  // namespace

void RunHeaderMap(std::string_view input) {
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::HeaderMap map(arena);
  Model model;
  Script script(input);
  while (!script.done()) {
    const uint8_t operation = script.Byte() % 4;
    const std::string name(script.Name());
    const std::string value(script.Bytes(script.Byte()));
    const bool valid = http::IsValidHeaderName(name) && http::IsValidHeaderValue(value);
    const auto same = [&name](const auto& field) { return field.first == name; };
    if (operation <= 1) {
      Require(map.Add(name, value) == valid, "Add takes what is not valid, or does not");
      if (valid) model.emplace_back(name, value);
    } else if (operation == 2) {
      Require(map.Set(name, value) == valid, "Set takes what is not valid, or does not");
      if (valid) {
        const auto first = std::find_if(model.begin(), model.end(), same);
        if (first == model.end()) {
          model.emplace_back(name, value);
        } else {
          first->second = value;
          model.erase(std::remove_if(first + 1, model.end(), same), model.end());
        }
      }
    } else {
      Require(map.Remove(name) == std::erase_if(model, same), "another number removed");
    }
    Compare(map, model, name);
  }
}

}  // namespace remora::fuzz
