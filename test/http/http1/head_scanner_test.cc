#include "source/http/http1/head_scanner.h"

#include <random>
#include <string>

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using Result = HeadScanner::Result;

struct Verdict {
  Result result = Result::kIncomplete;
  size_t size = 0;
  bool operator==(const Verdict&) const = default;
};

// The same rules, one byte at a time and without state between calls.
Verdict Reference(std::string_view text, bool trailers = false) {
  size_t line = trailers ? 0 : std::string_view::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte == '\r') {
      if (i + 1 == text.size()) return {};
      if (text[i + 1] != '\n') return {Result::kInvalid, 0};
      if (i == line) return {Result::kComplete, i + 2};
      line = i + 2;
      ++i;
    } else if (byte == 0x7f || (byte < 0x20 && byte != '\t')) {
      return {Result::kInvalid, 0};
    }
  }
  return {};
}

// Scans in pieces that end at the given cuts, each a block of its own.
Verdict ScanCut(std::string_view text, std::vector<size_t> cuts, bool trailers = false) {
  Pools pools;
  buffer::Buffer input(pools.blocks);
  HeadScanner scanner;
  if (trailers) scanner.RestartForTrailers();
  cuts.push_back(text.size());
  size_t from = 0;
  for (const size_t cut : cuts) {
    input.Append(text.substr(from, cut - from));
    from = cut;
    HeadScanner::Lines lines;
    const Result result = scanner.Scan(input, 1 << 20, lines);
    if (result == Result::kInvalid) return {result, 0};
    if (result == Result::kComplete) {
      // Every line feed of the head is found, by table or by search.
      uint32_t at = 0;
      for (uint32_t i = 0; at < scanner.size(); ++i) {
        const uint32_t feed = lines.Feed(i, text.data(), at);
        REQUIRE(feed < scanner.size());
        REQUIRE(text[feed] == '\n');
        REQUIRE(text.substr(at, feed - at).find('\n') == std::string_view::npos);
        at = feed + 1;
      }
      return {result, scanner.size()};
    }
  }
  return {};
}

TEST_CASE("a head ends with its first empty line, wherever it is cut") {
  const std::string heads[] = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next\r\n\r\n",
      "GET / HTTP/1.1\r\nA: " + std::string(11, 'x') + "\r\nB: " + std::string(27, 'y') +
          "\tz\xc3\xa4\r\n\r\n\x01\x02 body",
      "x\r\n\r\n",
      "x\r\n" + std::string(70, 'n') + ": " + std::string(61, 'v') + "\r\n\r\n\n\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\rZ",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
      std::string("GET / HTTP/1.1\r\nHost: \0\r\n\r\n", 26),
  };
  for (const std::string& head : heads) {
    const Verdict expected = Reference(head);
    for (size_t cut = 0; cut <= head.size(); ++cut) {
      INFO(head << " cut at " << cut);
      CHECK(ScanCut(head, {cut}) == expected);
    }
    std::vector<size_t> every(head.size());
    for (size_t i = 0; i < every.size(); ++i) every[i] = i;
    CHECK(ScanCut(head, every) == expected);
  }
}

TEST_CASE("trailer sections may be empty") {
  CHECK(ScanCut("\r\nrest", {}, true) == Verdict{Result::kComplete, 2});
  CHECK(ScanCut("\r\n", {1}, true) == Verdict{Result::kComplete, 2});
  CHECK(ScanCut("a: b\r\n\r\n", {3}, true) == Verdict{Result::kComplete, 8});
  CHECK(ScanCut("\rx", {1}, true) == Verdict{Result::kInvalid, 0});
  CHECK(ScanCut("\n", {}, true) == Verdict{Result::kInvalid, 0});
}

TEST_CASE("random lines, cut at random, are judged as by the reference") {
  std::mt19937 random(20260701);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 3000; ++round) {
    std::string text = "GET / HTTP/1.1\r\n";
    const size_t lines = below(8);
    for (size_t i = 0; i < lines; ++i) {
      text += std::string(1 + below(70), static_cast<char>('a' + below(26))) + "\r\n";
    }
    text += "\r\n" + std::string(below(40), '\n');
    const size_t mutations = below(3);
    constexpr char kBytes[] = {'\r', '\n', '\t', '\0', '\x7f', '\x80', '\xff', '\x1f', ' '};
    for (size_t i = 0; i < mutations; ++i) {
      const char byte = kBytes[below(sizeof(kBytes))];
      if (below(2) == 0) {
        text[below(text.size())] = byte;
      } else {
        text.insert(below(text.size()), 1, byte);
      }
    }
    std::vector<size_t> cuts;
    for (size_t at = below(60); at < text.size(); at += 1 + below(90)) cuts.push_back(at);
    const bool trailers = below(4) == 0;
    INFO("round " << round << ": " << text);
    CHECK(ScanCut(text, cuts, trailers) == Reference(text, trailers));
  }
}

TEST_CASE("the limit holds for complete and for endless heads") {
  Pools pools;
  HeadScanner::Lines lines;
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  buffer::Buffer input(pools.blocks);
  input.Append(head);
  HeadScanner exact;
  CHECK(exact.Scan(input, static_cast<uint32_t>(head.size()), lines) == Result::kComplete);
  HeadScanner less;
  CHECK(less.Scan(input, static_cast<uint32_t>(head.size() - 1), lines) == Result::kTooLarge);
  buffer::Buffer endless(pools.blocks);
  endless.Append("GET /" + std::string(70000, 'x'));
  HeadScanner scanner;
  CHECK(scanner.Scan(endless, 60 * 1024, lines) == Result::kTooLarge);
}

}  // namespace
}  // namespace remora::http1
