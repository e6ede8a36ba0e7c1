#pragma once

// What the doors of http/ are replaced with in tests: sinks and sources that write down what they
// are given, as words in one Journal, so that a test compares one line of text.
//
//   Journal          "up:head(GET /) up:data(abc) up:end down:head(200)"
//   Recorder<Head>   a MessageSink:   <name>:head(...) :data(...) :end :end(k=v) :reset(...)
//   FakeSource       a MessageSource: <name>:pause(filter) :resume(filter), and its mask

#include <string>
#include <string_view>
#include <vector>

#include "source/http/message.h"

namespace remora::fakes {

class Journal final {
 public:
  void Add(std::string word) { words_.push_back(std::move(word)); }
  const std::vector<std::string>& words() const { return words_; }
  // Everything since the last call, joined by spaces.
  std::string Take();

 private:
  std::vector<std::string> words_;
};

// "GET /path k=v", "200 k=v": first line and fields. `fields` false leaves the fields out.
std::string ToText(const http::RequestHead& head, bool fields = true);
std::string ToText(const http::ResponseHead& head, bool fields = true);
// "k=v k2=v2".
std::string ToText(const http::HeaderMap& headers);
std::string_view ToText(http::ErrorKind kind);

template <class Head>
class Recorder final : public http::MessageSink<Head> {
 public:
  Recorder(Journal& journal, std::string name) : journal_(journal), name_(std::move(name)) {}

  void OnHead(Head& head) override {
    journal_.Add(name_ + ":head(" + ToText(head, with_fields) + ")");
    last_head = &head;
    ++heads;
  }
  void OnData(buffer::Buffer& data) override {
    journal_.Add(name_ + ":data(" + data.ToString() + ")");
    body += data.ToString();
    data.Clear();
  }
  void OnEnd(http::HeaderMap* trailers) override {
    journal_.Add(trailers == nullptr ? name_ + ":end" : name_ + ":end(" + ToText(*trailers) + ")");
    ++ends;
  }
  void OnReset(const http::ProxyError& error) override {
    journal_.Add(name_ + ":reset(" + std::string(ToText(error.kind)) + ")");
    ++resets;
  }

  bool with_fields = false;
  std::string body;
  Head* last_head = nullptr;
  int heads = 0;
  int ends = 0;
  int resets = 0;

 private:
  Journal& journal_;
  std::string name_;
};

class FakeSource final : public http::MessageSource {
 public:
  FakeSource(Journal& journal, std::string name) : journal_(journal), name_(std::move(name)) {}

  void Pause(http::PauseReason reason) override;
  void Resume(http::PauseReason reason) override;
  const http::PauseMask& mask() const { return mask_; }
  bool paused() const { return mask_.paused(); }

 private:
  Journal& journal_;
  std::string name_;
  http::PauseMask mask_;
};

}  // namespace remora::fakes
