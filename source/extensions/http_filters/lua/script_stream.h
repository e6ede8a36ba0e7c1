#pragma once

// ScriptStream: one direction of an exchange, as a script sees it and changes it; and the script's
// run, told what happens.
//
//   filter hook --> OnHead, OnData, OnEnd --> lua::Run: what does it wait for?
//     body, a call before the head has gone on   kHold; the body's bytes are kept here
//     a call after that                          kPause
//     the next piece, trailers, nothing          kContinue
//
// Owner: the filter. Thread: the stream's worker. A body over the stream's limit is answered with
// 413 or 500, as the chain does.

#include <optional>
#include <string>
#include <vector>

#include "source/buffer/buffer.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/http/metadata.h"
#include "source/lua/script.h"
#include "source/upstream/whole_call.h"

namespace remora::extensions {

class LuaFilter;

class ScriptStream final : private lua::Stream, private upstream::CallUser {
 public:
  ScriptStream(LuaFilter& filter, lua::Script& script, lua::Function function);
  ScriptStream(const ScriptStream&) = delete;
  ScriptStream& operator=(const ScriptStream&) = delete;

  http::Answer OnHead(http::RequestHead& head);
  http::Answer OnHead(http::ResponseHead& head);
  http::Answer OnData(buffer::Buffer& data);
  http::Answer OnEnd(http::HeaderMap* trailers);

 private:
  // A body that is larger cannot be an answer of a call.
  static constexpr uint64_t kMaxAnswer = uint64_t{1} << 20;
  // What a script may write into fields, metadata and messages: one text of its own, many times,
  // would be any amount of ours.
  static constexpr uint64_t kMaxWritten = uint64_t{1} << 20;

  // lua::Stream
  bool NextField(lua::Fields of, std::string_view name, uint32_t& cursor,
                 lua::Field& field) override;
  const char* ChangeField(lua::Fields of, lua::Change change, std::string_view name,
                          std::string_view value) override;
  size_t BodySize() override { return body().length(); }
  std::string_view BodyBytes(size_t from, size_t size) override;
  const char* SetBody(std::string_view bytes) override;
  lua::Items Look(lua::Ask what, std::string_view name_space, const std::string_view* key) override;
  const char* SetMetadata(std::string_view name_space, std::string_view key,
                          lua::Items value) override;
  void BeginMessage() override { message_ = {}; }
  void AddField(std::string_view name, std::string_view value) override {
    const size_t size = sizeof(upstream::CallFields::value_type) + name.size() + value.size();
    if (Write(size) == nullptr) message_.emplace_back(name, value);
  }
  const char* Respond(std::string_view body) override;
  const char* Call(const lua::CallSetup& setup) override;
  void ClearRouteCache() override;
  const char* SetOverrideHost(std::string_view host, bool strict) override;
  std::string_view VerifySignature(std::string_view hash, std::string_view key,
                                   std::string_view signature, std::string_view text) override;
  int64_t WallTime() override;
  void Log(lua::LogLevel level, std::string_view text) override;
  void Failed(std::string_view why, bool limited) override;
  // upstream::CallUser
  void OnCallResult(const upstream::CallResult& result) override;

  // Counts what is written; what is wrong when it is too much.
  const char* Write(size_t size) {
    written_ += size;
    return written_ > kMaxWritten ? "the script has written too much into this message" : nullptr;
  }
  bool is_request() const { return function_ == lua::Function::kOnRequest; }
  http::HeaderMap* FieldsOf(lua::Fields of) const;
  // Of the request or response line, in Envoy's order; false: no more of them.
  bool NextPart(lua::Fields of, std::string_view name, uint32_t& cursor, lua::Field& field);
  // True: `name` is a part, and `error` says what came of it.
  bool ChangePart(lua::Change change, std::string_view name, std::string_view value,
                  const char*& error);
  // The length of the body is not what it was, or not known any more.
  void SetLength(std::optional<uint64_t> length);
  // What the running event is about, or all that was kept.
  buffer::Buffer& body() { return piece_ != nullptr ? *piece_ : body_; }
  http::Answer AnswerOf(lua::Wait wait);
  void Add(buffer::Buffer& data);
  void RerouteIfChanged();
  // Values for the script.
  void PutTree(const http::MetadataValue& value, std::string_view name);
  void PutTree(const http::Metadata& values);
  void PutMember(const http::MetadataValue* tree, const std::string_view* key);
  void PutText(std::string_view text);
  void PutTexts(const std::vector<std::string>& texts);
  void LookAtTree(lua::Ask what, std::string_view name_space, const std::string_view* key);
  void LookAtConnection(lua::Ask what);
  void LookAtTls(lua::Ask what);

  LuaFilter& filter_;
  const lua::Function function_;
  http::RequestHead* request_head_ = nullptr;
  http::ResponseHead* response_head_ = nullptr;
  http::HeaderMap* trailers_ = nullptr;
  buffer::Buffer body_;
  buffer::Buffer* piece_ = nullptr;
  upstream::CallFields message_;
  std::vector<lua::Item> items_;
  uint64_t written_ = 0;
  std::string text_;  // what the script was given last
  std::unique_ptr<upstream::WholeCall> call_;
  bool head_passed_ = false;
  bool changed_ = false;  // fields, since the route was chosen
  lua::RunPtr run_;
};

}  // namespace remora::extensions
