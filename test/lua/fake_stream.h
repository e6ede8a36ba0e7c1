#pragma once

// FakeStream: a stream for scripts that notes what they do, and LoadScript: the module's library.

#include <dlfcn.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "source/lua/script.h"
#include "test/fakes/module.h"

namespace remora::lua {

class FakeStream : public Stream {
 public:
  virtual ~FakeStream() = default;

  bool NextField(Fields, std::string_view name, uint32_t& cursor, Field& field) override {
    while (cursor < fields.size()) {
      const auto& [own, value] = fields[cursor++];
      if (!name.empty() && own != name) continue;
      field = {own, value};
      return true;
    }
    return false;
  }
  const char* ChangeField(Fields, Change change, std::string_view name,
                          std::string_view value) override {
    if (change != Change::kAdd) {
      std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    }
    if (change != Change::kRemove) fields.emplace_back(name, value);
    return nullptr;
  }
  size_t BodySize() override { return body.size(); }
  std::string_view BodyBytes(size_t from, size_t size) override {
    return std::string_view(body).substr(from, size);
  }
  const char* SetBody(std::string_view bytes) override {
    body = bytes;
    return nullptr;
  }
  Items Look(Ask, std::string_view, const std::string_view*) override {
    return {items.data(), items.size()};
  }
  const char* SetMetadata(std::string_view, std::string_view, Items value) override {
    items.assign(value.data, value.data + value.size);
    return nullptr;
  }
  void BeginMessage() override { message.clear(); }
  void AddField(std::string_view name, std::string_view value) override {
    message += std::string(name) + "=" + std::string(value) + " ";
  }
  const char* Respond(std::string_view text) override {
    message += "| " + std::string(text);
    return nullptr;
  }
  const char* Call(const CallSetup& setup) override {
    message += "> " + std::string(setup.cluster) + " " + std::to_string(setup.timeout);
    return nullptr;
  }
  void ClearRouteCache() override {}
  const char* SetOverrideHost(std::string_view, bool) override { return nullptr; }
  std::string_view VerifySignature(std::string_view, std::string_view, std::string_view,
                                   std::string_view) override {
    return "";
  }
  int64_t WallTime() override { return 1'700'000'000'123'456'789; }
  void Log(LogLevel, std::string_view text) override { log += std::string(text) + "\n"; }
  void Failed(std::string_view why, bool limited) override {
    failure = std::string(limited ? "limit: " : "") + std::string(why);
  }

  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::vector<Item> items;
  std::string message;
  std::string log;
  std::string failure;
};

inline Library& TheLibrary() {
  static void* const module = fakes::FindModule("source/lua/libremora_lua.so");
  return *reinterpret_cast<Open>(dlsym(module, kOpen))();
}

// Throws when it cannot be loaded.
inline std::unique_ptr<Script> LoadScript(const std::string& text, const Limits& limits = {}) {
  std::string error;
  std::unique_ptr<Script> script = TheLibrary().Load("script", text, limits, error);
  if (script == nullptr) throw std::runtime_error(error);
  return script;
}

// What envoy_on_request of `body` logs, or how it fails, for a request without a body.
inline std::string RunOnce(const std::string& body, const Limits& limits = {}) {
  const auto script = LoadScript("function envoy_on_request(h) " + body + "\nend");
  FakeStream stream;
  const RunPtr run = script->Begin(Function::kOnRequest, limits, stream);
  run->OnHead(false);
  return stream.failure.empty() ? stream.log : stream.failure;
}

}  // namespace remora::lua
