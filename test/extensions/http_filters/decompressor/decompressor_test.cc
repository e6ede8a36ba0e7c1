#include "source/extensions/http_filters/decompressor/decompressor.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "envoy/extensions/filters/http/decompressor/v3/decompressor.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;
using http::Framing;
using http::HeaderId;

std::string Library(const std::string& word, const std::string& type,
                    const std::string& fields = "") {
  return "decompressor_library { name: 'Unpack' typed_config { "
         "[type.googleapis.com/envoy.extensions.compression." +
         word + ".decompressor.v3." + type + "] { " + fields + " } } } ";
}
const std::string kGzip = Library("gzip", "Gzip");

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Decompressor>();
  return registry;
}

std::string Packed(std::string_view coding, std::string_view text) {
  buffer::BlockPool pool;
  buffer::Buffer in(pool);
  buffer::Buffer out(pool);
  in.Append(text);
  const auto library = coding == "gzip" ? compression::MakeGzip({})
                       : coding == "br" ? compression::MakeBrotli({})
                                        : compression::MakeZstd({});
  const auto compressor = library->Make();
  compressor->Compress(in, out);
  compressor->Finish(out);
  return out.ToString();
}

struct World : fakes::ChainWorld {
  explicit World(const std::string& config) {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "d", ProtoFromText<Decompressor::Proto>(config), errors));
    CHECK(errors == "");
    UseRoutes(fakes::OneRoute());
    upstream.with_fields = downstream.with_fields = true;
  }
  // The request's head as the upstream gets it.
  std::string Ask(const Fields& fields, std::string_view body, const Fields& trailers = {},
                  size_t piece = 7) {
    http::RequestHead& head = MakeRequest("POST", "/", fields);
    head.framing = body.empty() ? Framing::kNone : Framing::kLength;
    head.length = body.size();
    Start();
    RequestHead();
    for (size_t at = 0; at < body.size() && downstream.heads == 0; at += piece) {
      RequestData(body.substr(at, piece));
    }
    if (downstream.heads == 0) RequestEnd(trailers);
    Turn();
    return upstream.heads == 0 ? "" : fakes::ToText(*upstream.last_head);
  }
  // The response's head as the client gets it.
  std::string Answer(const Fields& fields, std::string_view body, const Fields& trailers = {},
                     size_t piece = 7) {
    http::ResponseHead& head = MakeResponse(200, fields);
    head.framing = body.empty() ? Framing::kNone : Framing::kStreamed;
    ResponseHead(head);
    for (size_t at = 0; at < body.size() && downstream.resets == 0; at += piece) {
      ResponseData(body.substr(at, piece));
    }
    if (downstream.resets == 0) ResponseEnd(trailers);
    Turn();
    return fakes::ToText(*downstream.last_head);
  }
  uint64_t Count(const std::string& name, const std::string& coding = "gzip") {
    return Stat("http.test.decompressor.Unpack." + coding + "." + name);
  }
};

TEST_CASE("decompressor: responses, of each coding") {
  for (const auto& [word, type, coding] :
       {std::tuple{"gzip", "Gzip", "gzip"}, std::tuple{"brotli", "Brotli", "br"},
        std::tuple{"zstd", "Zstd", "zstd"}}) {
    World world(Library(word, type));
    world.Ask({}, "");
    const std::string bytes = Packed(coding, "hello world");
    CHECK(world.Answer({{"content-encoding", coding}, {"content-length", "9"}}, bytes) == "200");
    CHECK(world.downstream.body == "hello world");
    CHECK(world.downstream.last_head->framing == Framing::kStreamed);
    CHECK(world.Count("response.decompressed", word) == 1);
    CHECK(world.Count("response.total_compressed_bytes", word) == bytes.size());
    CHECK(world.Count("response.total_uncompressed_bytes", word) == 11);
    CHECK(world.Count("request.decompressed", word) == 0);
  }
}

TEST_CASE("decompressor: requests, and the upstream learns that it may compress") {
  World world(kGzip);
  CHECK(world.Ask({{"content-encoding", "GZIP"}}, Packed("gzip", "hello")) ==
        "POST / accept-encoding=gzip");
  CHECK(world.upstream.body == "hello");
  CHECK(world.Count("request.decompressed") == 1);
  const auto wishes = [](const std::string& value, const std::string& more = "") {
    return World(kGzip + more).Ask({{"accept-encoding", value}}, "");
  };
  CHECK(wishes("br") == "POST / accept-encoding=br,gzip");
  CHECK(wishes("gzip;q=0.1, br;q=1") == "POST / accept-encoding=br;q=1,gzip");
  CHECK(wishes("br", "request_direction_config { advertise_accept_encoding {} }") ==
        "POST / accept-encoding=br");
  CHECK(wishes("br",
               "response_direction_config { common_config { enabled { default_value {} "
               "runtime_key: 'x' } } }") == "POST / accept-encoding=br");
}

TEST_CASE("decompressor: what stays as it is") {
  const auto answer = [](const Fields& fields, const std::string& more = "") {
    World world(kGzip + more);
    world.Ask({}, "");
    const std::string head = world.Answer(fields, Packed("gzip", "hello"));
    const bool done = world.downstream.body == "hello";
    CHECK(world.Count("response.decompressed") == (done ? 1 : 0));
    CHECK(world.Count("response.not_decompressed") == (done ? 0 : 1));
    return head + (done ? " done" : "");
  };
  CHECK(answer({}) == "200");
  CHECK(answer({{"content-encoding", "br"}}) == "200 content-encoding=br");
  // The last one is the outermost.
  CHECK(answer({{"content-encoding", "gzip, br"}}) == "200 content-encoding=gzip, br");
  CHECK(answer({{"content-encoding", "br, gzip"}}) == "200 content-encoding=br done");
  CHECK(answer({{"content-encoding", "br"}, {"content-encoding", "gzip"}}) ==
        "200 content-encoding=br done");
  const Fields no_transform = {{"cache-control", "no-transform"}, {"content-encoding", "gzip"}};
  CHECK(answer(no_transform) == "200 cache-control=no-transform content-encoding=gzip");
  CHECK(answer(no_transform,
               "response_direction_config { common_config { "
               "ignore_no_transform_header: true } }") == "200 cache-control=no-transform done");
  CHECK(answer({{"content-encoding", "gzip"}},
               "response_direction_config { common_config { enabled { default_value {} "
               "runtime_key: 'x' } } }") == "200 content-encoding=gzip");
}

TEST_CASE("decompressor: trailers say how much it was") {
  World world(kGzip);
  world.Ask({}, "");
  const std::string bytes = Packed("gzip", "hello");
  world.Answer({{"content-encoding", "gzip"}}, bytes, {{"x", "y"}});
  const std::string journal = world.Take();
  CHECK(journal.ends_with(
      "down:end(x=y x-envoy-decompressor-unpack-compressed-bytes=" + std::to_string(bytes.size()) +
      " x-envoy-decompressor-unpack-uncompressed-bytes=5)"));
}

TEST_CASE("decompressor: a request that is damaged, cut short, or a bomb gets 400") {
  const std::string bomb = Packed("gzip", std::string(1'000'000, '\0'));
  for (const std::string& body :
       {std::string("no gzip at all"), Packed("gzip", "hello").substr(0, 15), bomb,
        Packed("gzip", "hello") + "more"}) {
    World world(kGzip);
    world.Ask({{"content-encoding", "gzip"}}, body);
    CHECK(world.downstream.heads == 1);
    CHECK(world.downstream.last_head->status == 400);
    CHECK(world.downstream.body == "The body cannot be decompressed.");
    CHECK(world.info.response_code_details == "decompression_failed");
    CHECK(world.upstream.ends == 0);
    CHECK(world.upstream.body.size() <= 100 * body.size());
    CHECK(world.Count("decompressor_library.zlib_data_error") == 1);
  }
}

TEST_CASE("decompressor: such a response is cut off") {
  for (const std::string& body :
       {std::string("no gzip at all"), Packed("gzip", "hello").substr(0, 15),
        Packed("gzip", std::string(1'000'000, '\0'))}) {
    World world(kGzip);
    world.Ask({}, "");
    world.Answer({{"content-encoding", "gzip"}}, body);
    CHECK(world.downstream.ends == 0);
    CHECK(world.downstream.resets == 1);
    CHECK(world.downstream.body.size() <= 100 * body.size());
    CHECK(world.Count("decompressor_library.zlib_data_error") == 1);
  }
}

TEST_CASE("decompressor: the ratio is configured") {
  const std::string zeros(100'000, '\0');
  World world(Library("gzip", "Gzip", "max_inflate_ratio { value: 1032 }"));
  world.Ask({}, "");
  world.Answer({{"content-encoding", "gzip"}}, Packed("gzip", zeros));
  CHECK(world.downstream.body == zeros);
  World brotli(Library("brotli", "Brotli"));
  brotli.Ask({}, "");
  brotli.Answer({{"content-encoding", "br"}}, Packed("br", zeros));
  CHECK(brotli.downstream.resets == 1);
  CHECK(brotli.Count("decompressor_library.brotli_output_overflow", "brotli") == 1);
  World trailing(Library("brotli", "Brotli"));
  trailing.Ask({}, "");
  trailing.Answer({{"content-encoding", "br"}}, Packed("br", "hello") + "more");
  CHECK(trailing.Count("decompressor_library.brotli_redundant_input", "brotli") == 1);
  World zstd(Library("zstd", "Zstd"));
  zstd.Ask({}, "");
  zstd.Answer({{"content-encoding", "zstd"}}, "no zstd");
  CHECK(zstd.Count("decompressor_library.zstd_generic_error", "zstd") == 1);
}

TEST_CASE("decompressor: bad configuration") {
  const auto errors_of = [](const std::string& config) {
    std::string errors;
    fakes::ParseFilter(Registry(), "d", ProtoFromText<Decompressor::Proto>(config), errors);
    return errors;
  };
  CHECK(errors_of(Library("zstd", "Zstd",
                          "dictionaries { inline_string: 'words' } dictionaries { inline_bytes: "
                          "'\\067\\244\\060\\354xxxxxxxx' }")) ==
        "filter.decompressor_library.typed_config.dictionaries: has one that is no dictionary "
        "of zstd\n");
  CHECK(errors_of("decompressor_library { name: 'x' typed_config { type_url: 'a/b' } }") ==
        "filter.decompressor_library.typed_config: Didn't find a registered implementation "
        "for 'x' with type URL: 'b'\n");
}

}  // namespace
}  // namespace remora::extensions
