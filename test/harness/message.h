#pragma once

// Message: one HTTP/1 message as a test sees it, and a small strict parser for it.
//
// The parser shares no code with the product: it is the second opinion. It accepts nothing that two
// recipients could read differently: no bare CR or LF, no folded lines, no white space around
// names, never both or several of Content-Length and Transfer-Encoding, no chunk extension. What
// breaks a rule throws MalformedMessage, so that a test fails when the proxy sends such a thing.

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace remora::harness {

struct Field {
  std::string name;
  std::string value;
};

struct Message {
  std::string first_line;
  std::string method;  // requests
  std::string target;
  int status = 0;  // responses
  std::string reason;
  std::string version;
  std::vector<Field> fields;
  std::string body;
  bool chunked = false;
  std::vector<size_t> chunks;  // their sizes
  std::vector<Field> trailers;
  std::vector<int> interim;  // status codes of 1xx responses before this one

  // Names in any case. The first value; empty when there is none.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Count(name) > 0; }
  size_t Count(std::string_view name) const;
};

enum class MessageKind { kRequest, kResponse };

class MalformedMessage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Takes one message from the front of `bytes`; nothing when more bytes are needed. `ended`: no more
// will come. `bodiless`: the answer to HEAD.
std::optional<Message> TakeMessage(std::string& bytes, MessageKind kind, bool ended = false,
                                   bool bodiless = false);

}  // namespace remora::harness
