#include "source/http/http1/framing_rules.h"

#include <string>
#include <vector>

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using http::Framing;
using http::Method;
using http::Version;

// Values of the fields of each name; the verdict is "none", "length 5", "chunked", "until close",
// "tunnel" or a status with its detail.
struct Row {
  const char* rows;  // of the catalogue of hostile inputs (reliability reference, 2.1 and 2.2)
  Version version;
  Method method;
  uint16_t status;  // 0: a request
  std::vector<std::string> content_length;
  std::vector<std::string> transfer_encoding;
  const char* verdict;
};

std::string Verdict(const Row& row) {
  FramingInput input;
  input.is_response = row.status != 0;
  input.version = row.version;
  input.method = row.method;
  input.status = row.status;
  input.content_length_count = static_cast<uint32_t>(row.content_length.size());
  input.transfer_encoding_count = static_cast<uint32_t>(row.transfer_encoding.size());
  if (!row.content_length.empty()) input.content_length = row.content_length.back();
  if (!row.transfer_encoding.empty()) input.transfer_encoding = row.transfer_encoding.back();
  const FramingDecision decision = DecideFraming(input);
  if (decision.rejected()) {
    return std::to_string(decision.status) + " " + std::string(decision.detail);
  }
  switch (decision.framing) {
    case Framing::kNone:
      return "none";
    case Framing::kLength:
      return "length " + std::to_string(decision.length);
    case Framing::kStreamed:
      return decision.chunked ? "chunked" : "until close";
    case Framing::kTunnel:
      return "tunnel";
  }
  return "?";
}

constexpr Version k10 = Version::kHttp10;
constexpr Version k11 = Version::kHttp11;
constexpr const char* kBoth = "400 http1.content_length_and_chunked_not_allowed";
constexpr const char* kBadLength = "400 http1.codec_error";
constexpr const char* kBadCoding = "501 http1.invalid_transfer_encoding";

TEST_CASE("framing of requests, every smuggling shape") {
  const std::vector<Row> table = {
      {"-", k11, Method::kGet, 0, {}, {}, "none"},
      {"-", k10, Method::kPost, 0, {}, {}, "none"},
      {"-", k11, Method::kPost, 0, {"0"}, {}, "none"},
      {"-", k11, Method::kPost, 0, {"5"}, {}, "length 5"},
      {"-", k10, Method::kPost, 0, {"5"}, {}, "length 5"},
      {"-", k11, Method::kPost, 0, {}, {"chunked"}, "chunked"},
      {"-", k11, Method::kPost, 0, {}, {"ChUnKeD"}, "chunked"},
      {"1", k11, Method::kPost, 0, {"13"}, {"chunked"}, kBoth},
      {"2", k11, Method::kPost, 0, {"4"}, {"chunked"}, kBoth},
      {"2", k11, Method::kPost, 0, {"0"}, {"chunked"}, kBoth},
      {"3", k11, Method::kPost, 0, {"5"}, {"xchunked"}, kBoth},
      {"3", k11, Method::kPost, 0, {}, {"xchunked"}, kBadCoding},
      {"3", k11, Method::kPost, 0, {}, {"chunk"}, kBadCoding},
      {"3", k11, Method::kPost, 0, {}, {"cow"}, kBadCoding},
      {"3", k11, Method::kPost, 0, {}, {"identity"}, kBadCoding},
      {"3", k11, Method::kPost, 0, {}, {""}, kBadCoding},
      {"4", k11, Method::kPost, 0, {}, {"chunked, identity"}, kBadCoding},
      {"4", k11, Method::kPost, 0, {}, {"chunked, gzip"}, kBadCoding},
      {"4", k11, Method::kPost, 0, {}, {"chunked, chunked"}, kBadCoding},
      {"4", k11, Method::kPost, 0, {}, {"gzip"}, kBadCoding},
      {"5", k11, Method::kPost, 0, {}, {"gzip, chunked"}, kBadCoding},
      {"6", k11, Method::kPost, 0, {}, {",chunked"}, kBadCoding},
      {"6", k11, Method::kPost, 0, {}, {"chunked,"}, kBadCoding},
      {"7", k11, Method::kPost, 0, {}, {"chunked;"}, kBadCoding},
      {"7", k11, Method::kPost, 0, {}, {"chunked;q=1"}, kBadCoding},
      {"7", k11, Method::kPost, 0, {}, {"\"chunked\""}, kBadCoding},
      {"8",
       k11,
       Method::kPost,
       0,
       {},
       {"\xa0"
        "chunked"},
       kBadCoding},
      {"8", k11, Method::kPost, 0, {}, {"chunked\xff"}, kBadCoding},
      {"8", k11, Method::kPost, 0, {}, {"chunked\x85"}, kBadCoding},
      {"12",
       k11,
       Method::kPost,
       0,
       {},
       {"chunked", "chunked"},
       "400 http1.invalid_transfer_encoding"},
      {"12",
       k11,
       Method::kPost,
       0,
       {},
       {"identity", "chunked"},
       "400 http1.invalid_transfer_encoding"},
      {"15", k10, Method::kPost, 0, {}, {"chunked"}, "400 http1.transfer_encoding_not_allowed"},
      {"17", k11, Method::kPost, 0, {"5", "6"}, {}, kBadLength},
      {"17", k11, Method::kPost, 0, {"6", "5"}, {}, kBadLength},
      {"18", k11, Method::kPost, 0, {"5", "5"}, {}, kBadLength},
      {"18", k11, Method::kPost, 0, {"5, 5"}, {}, kBadLength},
      {"19", k11, Method::kPost, 0, {"5, 0"}, {}, kBadLength},
      {"19", k11, Method::kPost, 0, {"5,"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"+5"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"-5"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"0x10"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"1_0"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"1e1"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"10.0"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"\"5\""}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"5z"}, {}, kBadLength},
      {"20", k11, Method::kPost, 0, {"1 0"}, {}, kBadLength},
      {"21", k11, Method::kPost, 0, {""}, {}, kBadLength},
      {"21", k11, Method::kPost, 0, {"", "5"}, {}, kBadLength},
      {"22", k11, Method::kPost, 0, {"18446744073709551621"}, {}, kBadLength},
      {"22", k11, Method::kPost, 0, {"4294967301"}, {}, "length 4294967301"},
      {"22", k11, Method::kPost, 0, {"9999999999999999999"}, {}, "length 9999999999999999999"},
      {"22", k11, Method::kPost, 0, {std::string(400, '9')}, {}, kBadLength},
      {"22", k11, Method::kPost, 0, {std::string(400, '0') + "5"}, {}, kBadLength},
      {"23",
       k11,
       Method::kPost,
       0,
       {"\xa0"
        "5"},
       {},
       kBadLength},
      {"23", k11, Method::kPost, 0, {"\xef\xbc\x95"}, {}, kBadLength},
      {"24", k11, Method::kPost, 0, {"0010"}, {}, "length 10"},
      {"26", k11, Method::kGet, 0, {"5"}, {}, "length 5"},
      {"26", k11, Method::kHead, 0, {"5"}, {}, "length 5"},
      {"26", k11, Method::kDelete, 0, {}, {"chunked"}, "chunked"},
      {"58", k11, Method::kConnect, 0, {}, {}, "tunnel"},
      {"58", k11, Method::kConnect, 0, {"0"}, {}, "tunnel"},
      {"58", k11, Method::kConnect, 0, {"5"}, {}, "400 http1.body_disallowed"},
      {"58", k11, Method::kConnect, 0, {}, {"chunked"}, "400 http1.transfer_encoding_not_allowed"},
  };
  for (const Row& row : table) {
    INFO("row " << row.rows << ", expecting " << row.verdict);
    CHECK(Verdict(row) == row.verdict);
  }
}

TEST_CASE("framing of responses") {
  const std::vector<Row> table = {
      {"-", k11, Method::kGet, 200, {"5"}, {}, "length 5"},
      {"-", k11, Method::kGet, 200, {"0"}, {}, "none"},
      {"-", k11, Method::kGet, 200, {}, {"chunked"}, "chunked"},
      {"-", k11, Method::kGet, 200, {}, {}, "until close"},
      {"-", k10, Method::kGet, 200, {}, {}, "until close"},
      {"-", k11, Method::kHead, 200, {"5"}, {}, "none"},
      {"-", k11, Method::kHead, 200, {}, {"chunked"}, "none"},
      {"-", k11, Method::kGet, 304, {"5"}, {}, "none"},
      {"-", k11, Method::kGet, 204, {}, {}, "none"},
      {"-", k11, Method::kGet, 204, {"0"}, {}, "none"},
      {"-", k11, Method::kGet, 100, {}, {}, "none"},
      {"-", k11, Method::kConnect, 200, {}, {}, "tunnel"},
      {"-", k11, Method::kConnect, 403, {"5"}, {}, "length 5"},
      {"81", k11, Method::kGet, 200, {"5", "6"}, {}, "502 http1.codec_error"},
      {"81", k11, Method::kGet, 200, {"+2"}, {}, "502 http1.codec_error"},
      {"81", k11, Method::kGet, 200, {"-2"}, {}, "502 http1.codec_error"},
      {"81", k11, Method::kGet, 200, {"18446744073709551618"}, {}, "502 http1.codec_error"},
      {"81", k11, Method::kGet, 200, {""}, {}, "502 http1.codec_error"},
      {"81", k11, Method::kHead, 200, {"x"}, {}, "502 http1.codec_error"},
      {"82",
       k11,
       Method::kGet,
       200,
       {"5"},
       {"chunked"},
       "502 http1.content_length_and_chunked_not_allowed"},
      {"83",
       k11,
       Method::kGet,
       200,
       {},
       {"chunked", "chunked"},
       "502 http1.invalid_transfer_encoding"},
      {"83", k11, Method::kGet, 200, {}, {"chunked, gzip"}, "502 http1.invalid_transfer_encoding"},
      {"83", k10, Method::kGet, 200, {}, {"chunked"}, "502 http1.transfer_encoding_not_allowed"},
      {"86", k11, Method::kGet, 204, {"5"}, {}, "502 http1.content_length_not_allowed"},
      {"86", k11, Method::kGet, 204, {}, {"chunked"}, "502 http1.transfer_encoding_not_allowed"},
      {"87", k11, Method::kGet, 100, {"5"}, {}, "502 http1.content_length_not_allowed"},
  };
  for (const Row& row : table) {
    INFO("row " << row.rows << ", status " << row.status << ", expecting " << row.verdict);
    CHECK(Verdict(row) == row.verdict);
  }
}

}  // namespace
}  // namespace remora::http1
