#pragma once

// HeaderBlock: the fields of one HEADERS block, proved and made into a head or trailers
// (RFC 9113 section 8).
//
// Fields are added one by one as HPACK yields them, kept in memory that is used again for the next
// block, and copied to the message's arena once, as `name: value CR LF` lines: a serializer of
// HTTP/1 may then copy runs of them. Strict: what HTTP/1 could read in another way than we do is
// refused. Cookies become one field; Host is the authority or agrees with it.
//
// Owner: a http2::Session, because blocks never overlap. Thread: its worker. The first fault is
// kept and the rest of the block ignored, so that a block costs no more than its limit.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http2/options.h"
#include "source/http/message.h"

namespace remora::http2 {

// What a message may ask for, and what is known of it from elsewhere.
struct RequestRules {
  bool allow_connect = false;  // extended CONNECT
  bool ends = false;           // END_STREAM: no body follows
};
struct ResponseRules {
  http::Method request_method = http::Method::kGet;
  std::string_view upgrade;  // asked for by extended CONNECT
  bool ends = false;
};

class HeaderBlock {
 public:
  enum class Fault : uint8_t {
    kNone,
    kInvalidField,  // a name, a value or a place that no field may have
    kMalformed,     // fields that make no message
    kTooLarge,      // bytes or fields
    kUnderscore,
    kWrongLength,  // a body that is not what was announced: found by the stream
  };

  // The options outlive the block.
  explicit HeaderBlock(const CodecOptions& options) : options_(options) {}

  void Start();
  void Add(std::string_view name, std::string_view value);
  Fault fault() const { return fault_; }

  // Fills a head in its arena. False when there is a fault.
  bool TakeRequest(const RequestRules& rules, http::RequestHead& head);
  bool TakeResponse(const ResponseRules& rules, http::ResponseHead& head);
  // Fields that have no place behind a body are left out.
  bool TakeTrailers(http::HeaderMap& trailers);

 private:
  enum Pseudo : uint8_t { kMethod, kScheme, kAuthority, kPath, kProtocol, kStatus, kPseudoCount };
  struct Text {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  struct Line {
    uint32_t offset;
    uint32_t value_size;
    uint16_t name_size;
    http::HeaderId id;
  };

  bool Fail(Fault fault) {
    if (fault_ == Fault::kNone) fault_ = fault;
    return false;
  }
  void AddPseudo(std::string_view name, std::string_view value);
  void AddField(std::string_view name, std::string_view value);
  void AddLine(std::string_view name, std::string_view value, http::HeaderId id);
  bool Keeps(std::string_view value, http::HeaderId id);
  bool Has(Pseudo name) const { return (seen_ >> name & 1) != 0; }
  std::string_view Get(Pseudo name) const {
    return {base_ + pseudo_[name].offset, pseudo_[name].size};
  }
  // Copies everything to the arena, and the lines into the map.
  void Settle(http::HeaderMap& headers);
  bool CheckTarget(http::RequestHead& head);
  bool CheckPath(const http::RequestHead& head);
  bool CheckAuthority(http::RequestHead& head);
  bool DecideRequestFraming(const RequestRules& rules, http::RequestHead& head);
  bool DecideResponseFraming(const ResponseRules& rules, http::ResponseHead& head);

  const CodecOptions& options_;
  std::string text_;
  std::vector<Line> lines_;
  std::string cookie_;
  const char* base_ = nullptr;  // text_ in the arena
  Text pseudo_[kPseudoCount];
  Text host_;
  uint8_t seen_ = 0;
  Fault fault_ = Fault::kNone;
  bool host_seen_ = false;
  bool length_seen_ = false;
  bool fields_begun_ = false;
  bool expects_continue_ = false;
  uint64_t length_ = 0;
  uint32_t bytes_ = 0;
  uint32_t count_ = 0;
};

}  // namespace remora::http2
