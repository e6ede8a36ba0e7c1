#include "source/extensions/http_filters/compressor/compressor.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "envoy/extensions/filters/http/compressor/v3/compressor.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;
using http::Framing;
using http::HeaderId;

std::string Library(const std::string& word, const std::string& type,
                    const std::string& fields = "") {
  return "compressor_library { name: '" + word +
         "' typed_config { [type.googleapis.com/envoy.extensions.compression." + word +
         ".compressor.v3." + type + "] { " + fields + " } } } ";
}
const std::string kGzip = Library("gzip", "Gzip");
const std::string kBrotli = Library("brotli", "Brotli");
const std::string kZstd = Library("zstd", "Zstd");

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Compressor>();
  return registry;
}

std::string Errors(const std::string& config) {
  std::string errors;
  fakes::ParseFilter(Registry(), "c", ProtoFromText<Compressor::Proto>(config), errors);
  return errors;
}

std::string Inflated(std::string_view coding, std::string_view bytes) {
  buffer::BlockPool pool;
  buffer::Buffer in(pool);
  buffer::Buffer out(pool);
  in.Append(bytes);
  const auto library = coding == "gzip" ? compression::MakeGunzip(15)
                       : coding == "br" ? compression::MakeUnbrotli(true)
                                        : compression::MakeUnzstd({});
  const auto decompressor = library->Make();
  CHECK(decompressor->Decompress(in, 1'000'000, out) == compression::Failure::kNone);
  return out.ToString() + (decompressor->whole() ? "" : "...");
}

struct World : fakes::ChainWorld {
  explicit World(const std::vector<std::string>& filters, const std::string& route = "") {
    std::string errors;
    fakes::RouteLevels levels;
    for (size_t i = 0; i < filters.size(); ++i) {
      const std::string name = "c" + std::to_string(i);
      AddWithState(fakes::ParseFilter(Registry(), name,
                                      ProtoFromText<Compressor::Proto>(filters[i]), errors));
      if (!route.empty()) {
        levels.route.push_back(fakes::ParseOverride(
            Registry(), name, ProtoFromText<Compressor::RouteProto>(route), errors));
      }
    }
    CHECK(errors == "");
    UseRoutes(fakes::OneRoute(std::move(levels)));
    upstream.with_fields = downstream.with_fields = true;
  }
  World& Ask(const Fields& fields, std::string_view method = "GET") {
    MakeRequest(method, "/", fields);
    Start();
    Request();
    return *this;
  }
  // The response's head as the client gets it.
  std::string Answer(const Fields& fields, std::string_view body, uint16_t status = 200) {
    http::ResponseHead& head = MakeResponse(status, fields);
    head.framing = body.empty() ? Framing::kNone : Framing::kStreamed;
    for (const auto& [name, value] : fields) {
      if (name != "content-length") continue;
      head.length = std::stoul(value);
      if (!body.empty()) head.framing = Framing::kLength;
    }
    ResponseHead(head);
    if (!body.empty()) ResponseData(body);
    ResponseEnd();
    Turn();
    return fakes::ToText(*downstream.last_head);
  }
  uint64_t Count(const std::string& name, const std::string& library = "gzip") {
    return Stat("http.test.compressor." + library + "." + library + "." + name);
  }
};

const std::string kBody(1'000, 'x');
const std::string kLength = std::to_string(kBody.size());

TEST_CASE("compressor: a response for a client that accepts it") {
  for (const auto& [config, coding] :
       {std::pair{kGzip, "gzip"}, {kBrotli, "br"}, {kZstd, "zstd"}}) {
    World world({config});
    CHECK(world.Ask({{"accept-encoding", "gzip, br, zstd"}})
              .Answer({{"content-type", "text/plain"}, {"content-length", kLength}}, kBody) ==
          std::string("200 content-type=text/plain content-encoding=") + coding +
              " vary=Accept-Encoding");
    CHECK(world.downstream.last_head->framing == Framing::kStreamed);
    CHECK(world.downstream.body.size() < 100);
    CHECK(Inflated(coding, world.downstream.body) == kBody);
    CHECK(world.downstream.ends == 1);
  }
  World world({kGzip});
  world.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(world.Count("compressed") == 1);
  CHECK(world.Count("not_compressed") == 0);
  CHECK(world.Count("header_compressor_used") == 1);
  CHECK(world.Count("total_uncompressed_bytes") == kBody.size());
  CHECK(world.Count("total_compressed_bytes") == world.downstream.body.size());
  CHECK(world.Count("request.not_compressed") == 1);
}

TEST_CASE("compressor: what a response may say against it") {
  const auto fields_of = [](const Fields& fields, std::string_view body, uint16_t status = 200,
                            const std::string& more = "") {
    World world({kGzip + more});
    const std::string head = world.Ask({{"accept-encoding", "gzip"}}).Answer(fields, body, status);
    CHECK(world.downstream.body == body);
    return head;
  };
  CHECK(fields_of({{"content-type", "image/png"}}, kBody) == "200 content-type=image/png");
  CHECK(fields_of({{"content-encoding", "br"}}, kBody) == "200 content-encoding=br");
  CHECK(fields_of({{"cache-control", "max-age=1, No-Transform"}}, kBody) ==
        "200 cache-control=max-age=1, No-Transform");
  CHECK(fields_of({{"content-length", "29"}}, std::string(29, 'x')) == "200 content-length=29");
  CHECK(fields_of({{"content-length", "1000"}}, "") ==
        "200 content-length=1000 vary=Accept-Encoding");
  CHECK(fields_of({}, "", 204) == "204 vary=Accept-Encoding");
  const std::string response = "response_direction_config { uncompressible_response_codes: 206 ";
  CHECK(fields_of({}, kBody, 206, response + "}") == "206");
  CHECK(fields_of({{"etag", "\"a\""}}, kBody, 200, response + "disable_on_etag_header: true }") ==
        "200 etag=\"a\"");
}

TEST_CASE("compressor: entity tags") {
  const auto etag_of = [](const std::string& etag, const std::string& more) {
    World world({kGzip + more});
    world.Ask({{"accept-encoding", "gzip"}}).Answer({{"etag", etag}}, kBody);
    CHECK(world.downstream.last_head->headers.Has(HeaderId::kContentEncoding));
    return std::string(world.downstream.last_head->headers.Get(HeaderId::kEtag));
  };
  CHECK(etag_of("\"a\"", "") == "");
  CHECK(etag_of("\"\"", "") == "");
  CHECK(etag_of("W/\"a\"", "") == "W/\"a\"");
  CHECK(etag_of("w/\"a\"", "disable_on_etag_header: false") == "w/\"a\"");
  const std::string weaken =
      "response_direction_config { weaken_etag_on_compress: true disable_on_etag_header: true }";
  CHECK(etag_of("\"a\"", weaken) == "W/\"a\"");
  CHECK(etag_of("W/\"a\"", weaken) == "W/\"a\"");
}

TEST_CASE("compressor: vary grows, once") {
  const auto vary_of = [](const Fields& fields) {
    World world({kGzip});
    world.Ask({}).Answer(fields, kBody);
    CHECK(world.downstream.body == kBody);
    std::string all;
    world.downstream.last_head->headers.ForEach([&](const http::HeaderEntry& entry) {
      if (entry.id == HeaderId::kVary) all += "[" + std::string(entry.value()) + "]";
    });
    return all;
  };
  CHECK(vary_of({}) == "[Accept-Encoding]");
  CHECK(vary_of({{"vary", "origin"}}) == "[origin, Accept-Encoding]");
  CHECK(vary_of({{"vary", "origin"}, {"vary", "cookie"}}) == "[origin,cookie, Accept-Encoding]");
  CHECK(vary_of({{"vary", "ACCEPT-encoding"}}) == "[ACCEPT-encoding]");
}

TEST_CASE("compressor: what the client's field led to is counted") {
  const auto counts = [](const Fields& fields) {
    World world({kGzip + "response_direction_config {}"});
    world.Ask(fields).Answer({}, kBody);
    std::string text;
    for (const char* name : {"no_accept_header", "header_identity", "header_compressor_used",
                             "header_wildcard", "header_not_valid"}) {
      if (world.Count(name) > 0) text += std::string(name) + " ";
    }
    return text + std::to_string(world.Count("response.compressed"));
  };
  CHECK(counts({}) == "no_accept_header 0");
  CHECK(counts({{"accept-encoding", "identity"}}) == "header_identity 0");
  CHECK(counts({{"accept-encoding", "*"}}) == "header_wildcard 1");
  CHECK(counts({{"accept-encoding", "br"}}) == "header_not_valid 0");
  CHECK(counts({{"accept-encoding", "br"}, {"accept-encoding", "gzip"}}) ==
        "header_compressor_used 1");
}

TEST_CASE("compressor: several in a chain agree on one") {
  const auto coding_of = [](const std::vector<std::string>& filters, const std::string& accept) {
    World world(filters);
    world.Ask({{"accept-encoding", accept}}).Answer({{"content-type", "text/html"}}, kBody);
    CHECK(world.downstream.last_head->headers.Count(HeaderId::kContentEncoding) <= 1);
    return std::string(world.downstream.last_head->headers.Get(HeaderId::kContentEncoding));
  };
  CHECK(coding_of({kGzip, kBrotli}, "gzip, br") == "gzip");
  CHECK(coding_of({kGzip, kBrotli}, "gzip;q=0.5, br") == "br");
  CHECK(coding_of({kGzip, kBrotli + "choose_first: true"}, "gzip, br") == "br");
  CHECK(coding_of({kGzip, kBrotli}, "*") == "gzip");
  CHECK(coding_of({kBrotli, kGzip}, "*") == "br");
  CHECK(coding_of({kGzip + "content_type: 'text/plain'", kBrotli}, "gzip, br;q=0.1") == "br");
  World world({kGzip, kBrotli});
  world.Ask({{"accept-encoding", "br"}}).Answer({}, kBody);
  CHECK(world.Count("header_compressor_overshadowed") == 1);
  CHECK(world.Count("header_compressor_used", "brotli") == 1);
}

TEST_CASE("compressor: what streams is not kept back") {
  World world({kGzip});
  world.Ask({{"accept-encoding", "gzip"}});
  http::ResponseHead& head = world.MakeResponse(200);
  head.framing = Framing::kStreamed;
  world.ResponseHead(head);
  world.ResponseData("one");
  world.ResponseData("two");
  world.Turn();  // flushes, which the chain hands on in the next one
  world.Turn();
  CHECK(Inflated("gzip", world.downstream.body) == "onetwo...");
  world.ResponseData("three");
  world.Turn();
  world.Turn();
  CHECK(Inflated("gzip", world.downstream.body) == "onetwothree...");
  const size_t size = world.downstream.body.size();
  world.Turn();
  world.Turn();
  CHECK(world.downstream.body.size() == size);
  world.ResponseEnd({{"x", "y"}});
  CHECK(Inflated("gzip", world.downstream.body) == "onetwothree");
  world.Take();
}

TEST_CASE("compressor: an exchange that ends in the midst of it") {
  World world({kGzip});
  world.Ask({{"accept-encoding", "gzip"}});
  http::ResponseHead& head = world.MakeResponse(200);
  head.framing = Framing::kStreamed;
  world.ResponseHead(head);
  world.ResponseData("one");
  world.Complete();
  world.Turn();
  CHECK(world.downstream.ends == 0);
}

TEST_CASE("compressor: requests, where they are to be") {
  const std::string on =
      "request_direction_config { common_config { min_content_length { value: 10 } } }";
  const auto ask = [](const std::string& config, const Fields& fields) {
    World world({config});
    http::RequestHead& head = world.MakeRequest("POST", "/", fields);
    head.framing = Framing::kLength;
    head.length = 11;
    world.Start();
    world.Request("hello world");
    world.Turn();
    CHECK(world.upstream.ends == 1);
    const bool done = world.upstream.last_head->headers.Has(HeaderId::kContentEncoding);
    CHECK(world.Count("request.compressed") == (done && fields.size() == 1 ? 1 : 0));
    if (!done) CHECK(world.upstream.body == "hello world");
    return fakes::ToText(*world.upstream.last_head) +
           (done && fields.size() == 1 ? " " + Inflated("gzip", world.upstream.body) : "");
  };
  CHECK(ask(kGzip + on, {{"content-length", "11"}}) == "POST / content-encoding=gzip hello world");
  CHECK(ask(kGzip, {{"content-length", "11"}}) == "POST / content-length=11");
  CHECK(ask(kGzip + "request_direction_config {}", {{"content-length", "11"}}) ==
        "POST / content-length=11");
}

TEST_CASE("compressor: accept-encoding can be kept from the upstream") {
  const std::string hide = "response_direction_config { remove_accept_encoding_header: true }";
  World world({kGzip + hide});
  world.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(fakes::ToText(*world.upstream.last_head) == "GET /");
  CHECK(world.Count("response.compressed") == 1);
  World off({kGzip + "remove_accept_encoding_header: true runtime_enabled { default_value { value: "
                     "false } runtime_key: 'x' }"});
  off.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(fakes::ToText(*off.upstream.last_head) == "GET / accept-encoding=gzip");
  CHECK(off.Count("compressed") == 0);
}

TEST_CASE("compressor: a route switches it") {
  World off({kGzip}, "disabled: true");
  off.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(off.downstream.body == kBody);
  const std::string disabled =
      "response_direction_config { common_config { enabled { default_value {} runtime_key: 'x' } } "
      "}";
  World on(
      {kGzip + disabled},
      "overrides { response_direction_config { remove_accept_encoding_header { value: true } } "
      "}");
  on.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(Inflated("gzip", on.downstream.body) == kBody);
  CHECK(fakes::ToText(*on.upstream.last_head) == "GET /");
  World as_is({kGzip + disabled}, "overrides {}");
  as_is.Ask({{"accept-encoding", "gzip"}}).Answer({}, kBody);
  CHECK(as_is.downstream.body == kBody);
}

TEST_CASE("compressor: bad configuration") {
  CHECK(Errors(kGzip) == "");
  CHECK(Errors("compressor_library { name: 'x' typed_config { "
               "[type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor] {} } "
               "}") ==
        "filter.compressor_library.typed_config: Didn't find a registered implementation for "
        "'x' with type URL: "
        "'envoy.extensions.filters.http.compressor.v3.Compressor'\n");
  CHECK(Errors(Library("zstd", "Zstd",
                       "dictionary { inline_bytes: '\\067\\244\\060\\354xxxxxxxx' }")) ==
        "filter.compressor_library.typed_config.dictionary: is no dictionary of zstd\n");
}

}  // namespace
}  // namespace remora::extensions
