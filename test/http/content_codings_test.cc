#include "source/http/content_codings.h"

#include <catch2/catch.hpp>
#include <deque>
#include <string>
#include <vector>

namespace remora::http {
namespace {

struct Offered {
  std::string_view encoding;
  bool preferred = false;
  bool suits = true;
};

// "reason coding".
std::string Choose(const std::vector<Offered>& offered, std::string_view accept_encoding) {
  ContentCodings codings;
  std::deque<CodingOffer> offers;
  for (const Offered& one : offered) {
    CodingOffer& offer = offers.emplace_back();
    offer.encoding = one.encoding;
    offer.preferred = one.preferred;
    offer.suits = one.suits
                      ? [](const CodingOffer&, std::string_view) { return true; }
                      : [](const CodingOffer&, std::string_view type) { return type.empty(); };
    codings.Add(offer);
  }
  const CodingChoice& choice = codings.Choose(accept_encoding, "text/plain");
  // It stays, whatever is asked later.
  CHECK(&codings.Choose("gzip;q=0", "text/plain") == &choice);
  const char* const reasons[] = {"none", "identity", "any", "named"};
  return std::string(reasons[static_cast<int>(choice.reason)]) + " " + std::string(choice.encoding);
}

TEST_CASE("content codings: the highest weight wins, then the first that is named") {
  const std::vector<Offered> all = {{"gzip"}, {"br"}, {"zstd"}};
  CHECK(Choose(all, "gzip") == "named gzip");
  CHECK(Choose(all, "br, gzip") == "named br");
  CHECK(Choose(all, "gzip;q=0.5, br;q=0.8, zstd;q=0.7") == "named br");
  CHECK(Choose(all, "gzip;q=0.001, br;q=0") == "named gzip");
  CHECK(Choose(all, " ,, GZIP ; Q = 0.5 ,") == "named gzip");
  CHECK(Choose(all, "deflate, compress;q=1, zstd;q=0.1") == "named zstd");
}

TEST_CASE("content codings: a preferred one wins among equals") {
  const std::vector<Offered> all = {{"gzip"}, {"br", true}};
  CHECK(Choose(all, "gzip, br") == "named br");
  CHECK(Choose(all, "br, gzip") == "named br");
  CHECK(Choose(all, "gzip, br;q=0.9") == "named gzip");
  CHECK(Choose({{"gzip", true}, {"br", true}}, "gzip, br") == "named br");
}

TEST_CASE("content codings: what the star stands for") {
  const std::vector<Offered> all = {{"gzip"}, {"br"}};
  CHECK(Choose(all, "*") == "any gzip");
  CHECK(Choose(all, "gzip;q=0, *") == "any br");
  CHECK(Choose(all, "gzip;q=0, br;q=0, *") == "none ");
  CHECK(Choose(all, "*;q=0.5, br;q=0.6") == "named br");
  CHECK(Choose(all, "*;q=0") == "none ");
  CHECK(Choose({}, "*") == "none ");
}

TEST_CASE("content codings: none") {
  const std::vector<Offered> all = {{"gzip"}, {"br"}};
  CHECK(Choose(all, "") == "none ");
  CHECK(Choose(all, "identity") == "identity ");
  CHECK(Choose(all, "gzip;q=0.5, identity") == "identity ");
  CHECK(Choose(all, "deflate") == "none ");
  CHECK(Choose(all, "gzip;q=x") == "none ");
  CHECK(Choose(all, "gzip;q=0") == "none ");
  CHECK(Choose(all, "gzip;q=nan") == "none ");
}

TEST_CASE("content codings: those that do not suit the response are not on offer") {
  CHECK(Choose({{"gzip", false, false}, {"br"}}, "gzip;q=1, br;q=0.5") == "named br");
  CHECK(Choose({{"gzip", false, false}}, "gzip") == "none ");
  // Of two for the same coding the first that suits.
  CHECK(Choose({{"gzip", false, false}, {"br"}, {"gzip", true}}, "br, gzip") == "named gzip");
}

TEST_CASE("content codings: media types") {
  CHECK(MediaType("text/html; charset=utf-8") == "text/html");
  CHECK(MediaType(" text/html ") == "text/html");
  CHECK(MediaType(";") == "");
}

}  // namespace
}  // namespace remora::http
