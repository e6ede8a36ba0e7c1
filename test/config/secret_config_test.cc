#include "source/config/secret_config.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/config/load_bootstrap.h"
#include "source/config/redact.h"
#include "source/config/secret_file.h"
#include "test/config/printed_config.h"
#include "test/fakes/folder.h"

namespace remora::config {
namespace {

namespace fs = std::filesystem;
namespace tlsv3 = envoy::extensions::transport_sockets::tls::v3;

template <typename Message>
Message Read(const std::string& yaml) {
  Message message;
  LoadOptions options;
  options.yaml = yaml;
  const LoadResult result = LoadMessage(options, message);
  INFO(result.errors.ToString());
  REQUIRE(result.ok());
  return message;
}

// A translation and what it reports.
struct Translating {
  std::optional<tls::Secret> Secret(const std::string& yaml) {
    return ParseSecret(Read<tlsv3::Secret>(yaml), FieldPath(), translation);
  }
  std::string Errors() const { return errors.ToString(); }

  Registry registry;
  ErrorList errors;
  ErrorList warnings;
  Translation translation{registry, errors, warnings};
};

TEST_CASE("a certificate takes its parts from files, texts, bytes and the environment") {
  const fakes::Folder directory;
  const std::string chain = directory.Write("chain.pem", "CHAIN");
  setenv("REMORA_TEST_KEY", "KEY", 1);
  Translating t;
  const auto secret =
      t.Secret("{name: a, tls_certificate: {certificate_chain: {filename: " + chain +
               "}, private_key: {environment_variable: REMORA_TEST_KEY}, password: {inline_string: "
               "P}, ocsp_staple: {inline_bytes: AAE=}, watched_directory: {path: /w}}}");
  CHECK(t.Errors().empty());
  REQUIRE(secret.has_value());
  CHECK(secret->name == "a");
  const auto& certificate = std::get<tls::Certificate>(secret->value);
  CHECK(certificate.chain == tls::Bytes{chain, "CHAIN"});
  CHECK(certificate.chain.Name() == chain);
  CHECK(certificate.private_key == tls::Bytes{"", "KEY"});
  CHECK(certificate.private_key.Name() == "<inline>");
  CHECK(certificate.password == tls::Bytes{"", "P"});
  CHECK(certificate.ocsp_staple == tls::Bytes{"", std::string("\0\1", 2)});
  CHECK(certificate.pkcs12.empty());
  CHECK(certificate.watched_directories == std::vector<std::string>{"/w"});
}

TEST_CASE("directories that data sources name are watched like the secret's own, each once") {
  Translating t;
  const auto secret = t.Secret(
      "{name: a, tls_certificate: {watched_directory: {path: /w}, certificate_chain: "
      "{inline_string: C, watched_directory: {path: /x}}, private_key: {inline_string: K, "
      "watched_directory: {path: /w}}}}");
  REQUIRE(secret.has_value());
  CHECK(tls::WatchedDirectories(secret->value) == std::vector<std::string>{"/w", "/x"});
}

TEST_CASE("a validation context says all that it says") {
  Translating t;
  const std::string spki(44, 'A');
  const std::string hash(64, 'b');
  const auto secret = t.Secret(
      "{name: a, validation_context: {trusted_ca: {inline_string: CA}, crl: {inline_string: CRL}, "
      "only_verify_leaf_cert_crl: true, verify_certificate_spki: [" +
      spki + "], verify_certificate_hash: [" + hash +
      "], allow_expired_certificate: true, trust_chain_verification: ACCEPT_UNTRUSTED, "
      "max_verify_depth: 3, match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: "
      "'spiffe://td/'}}, {san_type: OTHER_NAME, oid: 1.2.3, matcher: {exact: x, ignore_case: "
      "true}}]}}");
  CHECK(t.Errors().empty());
  REQUIRE(secret.has_value());
  tls::Validation expected;
  expected.name = "a";
  expected.trusted_ca = {"", "CA"};
  expected.crl = {"", "CRL"};
  expected.crl_leaf_only = true;
  expected.spki_pins = {spki};
  expected.certificate_hashes = {hash};
  expected.allow_expired = true;
  expected.accept_untrusted = true;
  expected.max_depth = 3;
  using Type = tls::SubjectAltNameMatch::Type;
  using Kind = tls::TextMatch::Kind;
  expected.subject_alt_names = {{Type::kUri, {Kind::kPrefix, "spiffe://td/"}, ""},
                                {Type::kOtherName, {Kind::kExact, "x", true}, "1.2.3"}};
  CHECK(std::get<tls::Validation>(secret->value) == expected);
}

TEST_CASE("a name without a type is looked for among names of every type") {
  Translating t;
  const auto secret =
      t.Secret("{name: a, validation_context: {match_subject_alt_names: [{exact: x}]}}");
  REQUIRE(secret.has_value());
  std::vector<tls::SubjectAltNameMatch::Type> types;
  for (const auto& match : std::get<tls::Validation>(secret->value).subject_alt_names) {
    CHECK(match.match == tls::TextMatch{tls::TextMatch::Kind::kExact, "x"});
    types.push_back(match.type);
  }
  using Type = tls::SubjectAltNameMatch::Type;
  CHECK(types == std::vector{Type::kDns, Type::kUri, Type::kEmail, Type::kIpAddress});
}

TEST_CASE("SPIFFE trust domains have a bundle each") {
  const std::string validator =
      "validation_context: {custom_validator_config: {name: spiffe, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig, "
      "trust_domains: [{name: a, trust_bundle: {inline_string: A}}, {name: ";
  Translating t;
  const auto secret =
      t.Secret("{name: s, " + validator + "b, trust_bundle: {inline_string: B}}]}}}}");
  REQUIRE(secret.has_value());
  CHECK(std::get<tls::Validation>(secret->value).trust_domains ==
        std::vector<tls::TrustDomain>{{"a", {"", "A"}}, {"b", {"", "B"}}});
  CHECK_FALSE(t.Secret("{name: s, " + validator + "a}]}}}}").has_value());
  CHECK(t.Errors() ==
        "validation_context.custom_validator_config.typed_config.trust_domains[1].name: Multiple "
        "trust bundles are given for one trust domain for a\n");
}

TEST_CASE("faults of secrets stand at their fields") {
  const struct {
    const char* text;
    const char* errors;
  } cases[] = {
      {"{name: a}", "Secret type not implemented\n"},
      {"{name: a, tls_certificate: {certificate_chain: {filename: /no/such}}}",
       "tls_certificate.certificate_chain.filename: file /no/such does not exist\n"},
      {"{name: a, tls_certificate: {certificate_chain: {filename: /tmp}}}",
       "tls_certificate.certificate_chain.filename: file /tmp is not a regular file\n"},
      {"{name: a, tls_certificate: {private_key: {environment_variable: REMORA_NONE}}}",
       "tls_certificate.private_key.environment_variable: Environment variable doesn't exist: "
       "REMORA_NONE\n"},
      {"{name: a, session_ticket_keys: {keys: [{inline_string: short}]}}",
       "session_ticket_keys.keys[0]: Incorrect TLS session ticket key length. Length 5, expected "
       "length 80.\n"},
      {"{name: a, validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: "
       "{safe_regex: {regex: 'a('}}}]}}",
       "validation_context.match_typed_subject_alt_names[0].matcher.safe_regex.regex: missing ): "
       "a(\n"},
      {"{name: a, validation_context: {match_typed_subject_alt_names: [{san_type: OTHER_NAME, "
       "matcher: {exact: a}}]}}",
       "validation_context.match_typed_subject_alt_names[0].oid: Must specify OID when matching "
       "OTHER_NAME SANs.\n"},
  };
  for (const auto& c : cases) {
    Translating t;
    CHECK_FALSE(t.Secret(c.text).has_value());
    CHECK(t.Errors() == c.errors);
  }
}

TEST_CASE("a secret without a source is one of the bootstrap's") {
  Translating t;
  t.translation.secrets["c"] = tls::Certificate{.chain = {"", "C"}, .private_key = {"", "K"}};
  t.translation.secrets["v"] = tls::Validation{.trusted_ca = {"", "CA"}};
  tls::SecretNeeds needs;
  needs.validation = tls::Validation{.allow_expired = true};
  AddCertificate(Read<tlsv3::SdsSecretConfig>("{name: c}"), FieldPath(), t.translation, needs);
  AddValidation(Read<tlsv3::SdsSecretConfig>("{name: v}"), FieldPath(), t.translation, needs);
  CHECK(t.Errors().empty());
  CHECK(needs.certificates ==
        std::vector<tls::Certificate>{{.chain = {"", "C"}, .private_key = {"", "K"}}});
  CHECK(needs.validation == tls::Validation{.trusted_ca = {"", "CA"}, .allow_expired = true});
  CHECK_FALSE(needs.waits());
  AddCertificate(Read<tlsv3::SdsSecretConfig>("{name: v}"), FieldPath(), t.translation, needs);
  AddTicketKeys(Read<tlsv3::SdsSecretConfig>("{name: x}"), FieldPath(), t.translation, needs);
  CHECK(t.Errors() ==
        "name: Unknown static certificate: v\n"
        "name: Unknown static session ticket keys: x\n");
}

TEST_CASE("a source is a file, with or without a directory to watch") {
  const fakes::Folder directory;
  const std::string path = directory.Write("sds.yaml", "");
  Translating t;
  tls::SecretNeeds needs;
  const auto add = [&](const std::string& config) {
    AddCertificate(Read<tlsv3::SdsSecretConfig>("{name: a, sds_config: {" + config + "}}"),
                   FieldPath(), t.translation, needs);
  };
  add("path: " + path);
  add("path_config_source: {path: " + path +
      ", watched_directory: {path: /w}}, resource_api_version: AUTO, initial_fetch_timeout: 0s");
  CHECK(t.Errors().empty());
  CHECK(needs.waits());
  CHECK(needs.certificate_sources ==
        std::vector<tls::SecretSource>{{"a", path, "", 15 * event::kSecond}, {"a", path, "/w", 0}});
  add("path_config_source: {path: /no/such}");
  CHECK(t.Errors() ==
        "sds_config.path_config_source.path: paths must refer to an existing path in the system: "
        "'/no/such' does not exist\n");
}

TEST_CASE("a source is a control plane: equal ones are one") {
  Translating t;
  tls::SecretNeeds needs;
  const auto add = [&](const std::string& config) {
    AddCertificate(Read<tlsv3::SdsSecretConfig>("{name: a, sds_config: {" + config + "}}"),
                   FieldPath(), t.translation, needs);
  };
  add("ads: {}");
  CHECK(t.Errors() == "sds_config.ads: the bootstrap has no dynamic_resources.ads_config\n");
  t.errors = {};
  t.translation.has_ads = true;
  t.translation.primary_clusters = {"xds"};
  const std::string api =
      "api_config_source: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}";
  add("ads: {}, initial_fetch_timeout: 3s");
  add("ads: {}, initial_fetch_timeout: 3s");
  add(api);
  CHECK(t.Errors().empty());
  REQUIRE(needs.certificate_sources.size() == 3);
  CHECK(needs.certificate_sources[0] == needs.certificate_sources[1]);
  CHECK(needs.certificate_sources[0] != needs.certificate_sources[2]);
  CHECK(needs.certificate_sources[0].initial_fetch_timeout == 3 * event::kSecond);
  const auto& source = *static_cast<const ConfigSource*>(needs.certificate_sources[2].server.get());
  CHECK(Describe(source) == "cluster xds");
}

TEST_CASE("sources that there are not yet are refused by name") {
  const struct {
    const char* text;
    const char* field;
  } cases[] = {
      {"self: {}", "self"},
  };
  for (const auto& c : cases) {
    tlsv3::SdsSecretConfig proto;
    LoadOptions options;
    options.yaml = std::string("{name: a, sds_config: {") + c.text + "}}";
    const LoadResult result = LoadMessage(options, proto);
    const std::string errors = result.errors.ToString();
    INFO(errors);
    CHECK(errors.find(c.field) != std::string::npos);
    CHECK(errors.find("not supported") != std::string::npos);
  }
}

TEST_CASE("secrets of the bootstrap are read, and their names differ") {
  CHECK(Printed("static_resources: {secrets: [{name: a, generic_secret: {secret: {inline_string: "
                "x}}}, {name: a, generic_secret: {secret: {inline_string: z}}}]}") ==
        "1: static_resources.secrets[1].name: Duplicate static generic_secret secret name a\n");
}

// --- files ---

// `secret`: a flow map.
std::string Response(const std::string& secret) {
  return "version_info: \"0\"\nresources:\n- {'@type': "
         "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, " +
         secret.substr(1) + "\n";
}

SecretFile ReadFileOf(const fakes::Folder& directory, const std::string& text,
                      const std::string& name = "sds.yaml") {
  const std::string path = directory.Write(name, text);
  SecretFile file = ReadSecretFile({"a", path, ""}, UnknownFieldPolicy::kWarn);
  // Where the file is does not matter to the tests.
  for (size_t at = file.error.find(path); at != std::string::npos; at = file.error.find(path)) {
    file.error.replace(at, path.size(), "FILE");
  }
  return file;
}

TEST_CASE("a file is a source of one secret, in YAML or JSON") {
  const fakes::Folder directory;
  SecretFile file =
      ReadFileOf(directory, Response("{name: a, generic_secret: {secret: {inline_string: x}}}"));
  CHECK(file.error.empty());
  CHECK(file.version == "0");
  REQUIRE(file.secret.has_value());
  CHECK(*file.secret == tls::Secret{"a", tls::GenericSecret{{"", "x"}, {}}});
  file = ReadFileOf(directory,
                    "{\"versionInfo\": \"7\", \"resources\": [{\"@type\": "
                    "\"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\", "
                    "\"name\": \"a\", \"genericSecret\": {\"secret\": {\"inlineString\": "
                    "\"x\"}}}]}",
                    "sds.json");
  CHECK(file.error.empty());
  CHECK(file.version == "7");
}

TEST_CASE("broken files say what is wrong and where") {
  const fakes::Folder directory;
  const struct {
    std::string text;
    const char* error;
    bool unreadable;
  } cases[] = {
      {"version_info: [", "FILE:", true},
      {"{{{:::", "FILE:", true},
      {"version_info: '0'", "FILE:1:1: resources: Missing SDS resources for a in onConfigUpdate()",
       false},
      {Response("{name: b, generic_secret: {secret: {inline_string: x}}}"),
       "FILE:3:89: resources[0].name: Unexpected SDS secret (expecting a): b", false},
      {Response("{name: a, generic_secret: {secret: {inline_string: x}}}") +
           "- {'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret}\n",
       "FILE:2:1: resources: Unexpected SDS secrets length: 2", false},
      {Response("{name: a}"), "FILE:3:3: resources[0]: Secret type not implemented", false},
      {Response("{name: a, tls_certificate: {private_key: {filename: /no/such}}}"),
       "FILE:3:134: resources[0].tls_certificate.private_key.filename: file /no/such does not "
       "exist",
       false},
      {"resources: [{'@type': type.googleapis.com/google.protobuf.Duration, value: 1s}]",
       "FILE:1:13: resources[0]: Unable to unpack as "
       "envoy.extensions.transport_sockets.tls.v3.Secret",
       false},
  };
  for (const auto& c : cases) {
    const SecretFile file = ReadFileOf(directory, c.text);
    INFO(file.error);
    CHECK_FALSE(file.secret.has_value());
    CHECK(file.error.starts_with(c.error));
    CHECK(file.unreadable == c.unreadable);
  }
  CHECK(ReadFileOf(directory, "").unreadable);
  const SecretFile missing = ReadSecretFile({"a", "/no/such.yaml", ""}, UnknownFieldPolicy::kWarn);
  CHECK(missing.unreadable);
}

TEST_CASE("fields that this version does not know are counted in files, and refused on demand") {
  const fakes::Folder directory;
  const std::string text =
      Response("{name: a, generic_secret: {secret: {inline_string: x}}, newer: 1}");
  const SecretFile file = ReadFileOf(directory, text);
  CHECK(file.secret.has_value());
  CHECK(file.unknown_fields == 1);
  CHECK_FALSE(ReadSecretFile({"a", directory.At("sds.yaml"), ""}, UnknownFieldPolicy::kReject)
                  .secret.has_value());
}

TEST_CASE("files that a secret names are read again, all of them") {
  const fakes::Folder directory;
  const std::string chain = directory.Write("chain", "C1");
  const std::string key = directory.Write("key", "K1");
  const auto make = [&](const char* chain_text, const char* key_text) {
    return tls::Certificate{
        .chain = {chain, chain_text}, .private_key = {key, key_text}, .password = {"", "inline"}};
  };
  const tls::Certificate before = make("C1", "K1");
  directory.Write("chain", "C2");
  directory.Write("key", "K2");
  const auto after = ReadFilesAgain(before);
  REQUIRE(after.ok());
  CHECK(*after == tls::SecretValue(make("C2", "K2")));
  fs::remove(key);
  CHECK(ReadFilesAgain(before).status().message() == "file " + key + " does not exist");
}

TEST_CASE("keys and passwords are not shown, wherever they stand") {
  auto secret = Read<tlsv3::Secret>(
      "{name: a, tls_certificate: {certificate_chain: {inline_string: C}, private_key: "
      "{inline_bytes: S0VZ}, password: {filename: /secret/path}}}");
  Redact(secret);
  CHECK(secret.tls_certificate().certificate_chain().inline_string() == "C");
  CHECK(secret.tls_certificate().private_key().inline_bytes() == "[redacted]");
  CHECK(secret.tls_certificate().password().filename() == "[redacted]");
  google::protobuf::Any any;
  auto keys = Read<tlsv3::Secret>("{name: b, generic_secret: {secret: {inline_string: S}}}");
  REQUIRE(any.PackFrom(keys));
  Redact(any);
  REQUIRE(any.UnpackTo(&keys));
  CHECK(keys.generic_secret().secret().inline_string() == "[redacted]");
}

}  // namespace
}  // namespace remora::config
