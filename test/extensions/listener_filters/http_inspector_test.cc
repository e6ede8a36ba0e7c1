#include "source/extensions/listener_filters/http_inspector/http_inspector.h"

#include <catch2/catch.hpp>

namespace remora::extensions {
namespace {

const char* Name(HttpKind kind) {
  switch (kind) {
    case HttpKind::kUnclear:
      return "unclear";
    case HttpKind::kNone:
      return "none";
    case HttpKind::kHttp10:
      return "http/1.0";
    case HttpKind::kHttp11:
      return "http/1.1";
    case HttpKind::kHttp2:
      return "h2c";
  }
  return "";
}

std::string Recognised(std::string_view bytes) { return Name(RecogniseHttp(bytes)); }

TEST_CASE("HTTP inspector: whole first lines") {
  CHECK(Recognised("GET / HTTP/1.1\r\n") == "http/1.1");
  CHECK(Recognised("GET / HTTP/1.0\r\nHost: a\r\n") == "http/1.0");
  CHECK(Recognised("POST /a?b HTTP/1.1\n") == "http/1.1");
  CHECK(Recognised("CONNECT a:1 HTTP/1.1\r\n") == "http/1.1");
  CHECK(Recognised("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "h2c");
  CHECK(Recognised("GET  / HTTP/1.1\r\n") == "http/1.1");
}

TEST_CASE("HTTP inspector: what looks like a first line is one, as for Envoy") {
  CHECK(Recognised("BREW / HTTP/1.1\r\n") == "http/1.1");
  CHECK(Recognised("get / HTTP/1.1\r\n") == "http/1.1");
  CHECK(Recognised("GET / HTTP/1.2\r\n") == "http/1.0");
  CHECK(Recognised("GET / HTTP/2.0\r\n") == "http/1.0");
  CHECK(Recognised("GET /\r\n") == "http/1.0");
  CHECK(Recognised("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n") == "http/1.0");
  CHECK(Recognised("SSH-2.0-x\r\n") == "none");
  CHECK(Recognised("G\x01T / HTTP/1.1\r\n") == "none");
}

TEST_CASE("HTTP inspector: cut anywhere it is unclear") {
  for (const std::string_view whole :
       {"GET / HTTP/1.1\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PROPFIND /x HTTP/1.0\n"}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      INFO(whole << i);
      CHECK(Recognised(whole.substr(0, i)) == "unclear");
    }
  }
}

TEST_CASE("HTTP inspector: nobody waits for the end of what has begun otherwise") {
  CHECK(Recognised("\x16\x03\x01") == "none");
  CHECK(Recognised("\r\nGET / HTTP/1.1\r\n") == "none");
  CHECK(Recognised(" GET") == "none");
  CHECK(Recognised(std::string_view("\0", 1)) == "none");
}

}  // namespace
}  // namespace remora::extensions
