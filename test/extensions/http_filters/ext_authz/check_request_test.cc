// What the service is told; the texts are those of a CheckRequest.

#include "source/extensions/http_filters/ext_authz/check_request.h"

#include <catch2/catch.hpp>

#include "envoy/service/auth/v3/external_auth.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "source/net/tls_facts.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using envoy::service::auth::v3::CheckRequest;

class FakeTls final : public net::TlsFacts {
 public:
  std::string_view version() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return ""; }
  std::string_view group() const override { return ""; }
  std::string session_id() const override { return ""; }
  std::string_view server_name() const override { return "app.example"; }
  std::string_view application_protocol() const override { return ""; }
  bool resumed() const override { return false; }
  event::Duration handshake_duration() const override { return 0; }
  bool peer_validated() const override { return true; }
  const net::CertificateFacts* peer() const override { return &theirs; }
  const std::vector<net::CertificateFacts>& peer_chain() const override { return chain; }
  const net::CertificateFacts* local() const override { return &ours; }

  net::CertificateFacts theirs;
  net::CertificateFacts ours;
  std::vector<net::CertificateFacts> chain;
};

struct Subject {
  Subject() : head(arena), body(blocks) {
    head.method = "POST";
    head.scheme = "https";
    head.authority = "a.example";
    head.path = "/p?q=1";
    info.start_wall = 1'500'000'000;
    info.bytes_received = 3;
  }
  CheckSubject Made() { return {head, info, 7, with_body ? &body : nullptr, max_body, extensions}; }
  CheckRequest Ask(const CheckContent& content) {
    CheckRequest request;
    CHECK(request.ParseFromString(MakeCheckRequest(content, Made())));
    return request;
  }
  std::string Difference(const CheckContent& content, const std::string& expected) {
    const auto wanted = fakes::ProtoFromText<CheckRequest>(expected);
    const CheckRequest got = Ask(content);
    std::string report;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&report);
    differencer.Compare(got, wanted);
    return report;
  }

  base::ArenaPool pool;
  base::Arena arena{pool};
  buffer::BlockPool blocks;
  http::RequestHead head;
  http::StreamInfo info;
  buffer::Buffer body;
  uint64_t max_body = 0;
  bool with_body = false;
  std::map<std::string, std::string> extensions;
};

std::vector<route::StringMatcher> Exact(const std::string& text) {
  route::StringMatch match;
  match.kind = route::StringMatch::Kind::kExact;
  match.text = text;
  std::vector<route::StringMatcher> matchers;
  matchers.push_back(*route::StringMatcher::Compile(match, 100));
  return matchers;
}

TEST_CASE("check request: of a plain request") {
  Subject subject;
  CHECK(subject.head.headers.Add("x-a", "1"));
  CHECK(subject.head.headers.Add("x-a", "\xe9"));
  CHECK(subject.head.headers.Add("x-envoy-auth-partial-body", "true"));
  CHECK(subject.Difference({}, R"(
      attributes {
        source { address {} }
        destination { address {} }
        request {
          time { seconds: 1 nanos: 500000000 }
          http {
            id: "7" method: "POST" path: "/p?q=1" host: "a.example" scheme: "https" size: 3
            protocol: "HTTP/1.1"
            headers { key: ":authority" value: "a.example" }
            headers { key: ":method" value: "POST" }
            headers { key: ":path" value: "/p?q=1" }
            headers { key: ":scheme" value: "https" }
            headers { key: "x-a" value: "1,!" }
          }
        }
        metadata_context {}
        route_metadata_context {}
      })") == "");
}

TEST_CASE("check request: which fields, and as they are") {
  Subject subject;
  CHECK(subject.head.headers.Add("x-a", "1"));
  CHECK(subject.head.headers.Add("x-b", "2"));
  CheckContent content;
  content.allowed = Exact("x-a");
  CHECK(subject.Ask(content).attributes().request().http().headers().size() == 1);
  content.disallowed = Exact("x-a");
  CHECK(subject.Ask(content).attributes().request().http().headers().empty());
  CheckContent raw;
  raw.raw_fields = true;
  raw.disallowed = Exact("x-b");
  CHECK(subject.head.headers.Add("x-a", "\xe9"));
  const CheckRequest asked = subject.Ask(raw);
  const auto& http = asked.attributes().request().http();
  CHECK(http.headers().empty());
  std::string text;
  for (const auto& field : http.header_map().headers()) {
    text += field.key() + "=" + field.raw_value() + " ";
  }
  CHECK(text == ":authority=a.example :path=/p?q=1 :method=POST :scheme=https x-a=1 x-a=\xe9 ");
}

TEST_CASE("check request: the body, whole and in part, as text and as bytes") {
  Subject subject;
  subject.with_body = true;
  subject.max_body = 4;
  subject.body.Append("ab\xff");
  const auto part = [](const CheckRequest& request) {
    return request.attributes().request().http().headers().at("x-envoy-auth-partial-body");
  };
  const CheckRequest whole = subject.Ask({});
  CHECK(whole.attributes().request().http().body() == "ab!");
  CHECK(part(whole) == "false");
  subject.body.Append("cd");
  CheckContent bytes;
  bytes.body_as_bytes = true;
  const CheckRequest partial = subject.Ask(bytes);
  CHECK(partial.attributes().request().http().body().empty());
  CHECK(partial.attributes().request().http().raw_body() ==
        "ab\xff"
        "c");
  CHECK(part(partial) == "true");
}

TEST_CASE("check request: the two ends of the connection") {
  Subject subject;
  CHECK(subject.head.headers.Add("x-envoy-downstream-service-cluster", "shop"));
  const net::Address proxy = *net::Address::Ip("192.0.2.9", 99);
  const net::Address remote = *net::Address::Ip("192.0.2.1", 11);
  const net::Address local = *net::Address::Ip("192.0.2.2", 22);
  FakeTls tls;
  tls.theirs.uri_sans = {"spiffe://t/a", "spiffe://t/b"};
  tls.theirs.dns_sans = {"a.example"};
  tls.theirs.pem = "-----BEGIN\na+b=\n";
  tls.ours.dns_sans = {"us.example"};
  http::ConnectionFacts connection;
  connection.direct_remote = &proxy;
  connection.remote = &remote;
  connection.local = &local;
  connection.tls = &tls;
  connection.requested_server_name = "app.example";
  subject.info.connection = &connection;
  CheckContent content;
  content.peer_certificate = true;
  content.tls_session = true;
  content.labels = {{"app", "shop"}};
  const CheckRequest request = subject.Ask(content);
  CHECK(fakes::ProtoFromText<CheckRequest>(
            "attributes { source { address { socket_address { address: '192.0.2.1' port_value: 11 "
            "} } service: 'shop' principal: 'spiffe://t/a' certificate: "
            "'-----BEGIN%0Aa%2Bb%3D%0A' } }")
            .attributes()
            .source()
            .SerializeAsString() == request.attributes().source().SerializeAsString());
  CHECK(request.attributes().destination().address().socket_address().port_value() == 22);
  CHECK(request.attributes().destination().principal() == "us.example");
  CHECK(request.attributes().destination().labels().at("app") == "shop");
  CHECK(request.attributes().tls_session().sni() == "app.example");
  tls.theirs.uri_sans.clear();
  CHECK(subject.Ask({}).attributes().source().principal() == "a.example");
  CHECK(subject.Ask({}).attributes().source().certificate().empty());
  CHECK_FALSE(subject.Ask({}).attributes().has_tls_session());
  tls.theirs.dns_sans.clear();
  tls.theirs.subject = "CN=a";
  CHECK(subject.Ask({}).attributes().source().principal() == "CN=a");
}

TEST_CASE("check request: metadata and what the route says") {
  Subject subject;
  http::Metadata dynamic;
  http::PutText(dynamic, "jwt", "sub", "ann");
  http::PutText(dynamic, "other", "x", "y");
  http::Metadata of_route;
  http::PutText(of_route, "team", "name", "blue");
  subject.info.dynamic_metadata = &dynamic;
  subject.info.route_metadata = &of_route;
  subject.extensions = {{"virtual_host", "shop"}};
  CheckContent content;
  content.metadata = {"jwt", "none"};
  content.route_metadata = {"team"};
  const auto attributes = subject.Ask(content).attributes();
  CHECK(attributes.metadata_context().filter_metadata().size() == 1);
  CHECK(
      attributes.metadata_context().filter_metadata().at("jwt").fields().at("sub").string_value() ==
      "ann");
  CHECK(attributes.route_metadata_context().filter_metadata().size() == 1);
  CHECK(attributes.context_extensions().at("virtual_host") == "shop");
}

}  // namespace
}  // namespace remora::extensions
