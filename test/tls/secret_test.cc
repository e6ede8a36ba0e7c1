#include "source/tls/secret.h"

#include <catch2/catch.hpp>

namespace remora::tls {
namespace {

TEST_CASE("A validation context over another one replaces what it states and adds to lists") {
  Validation defaults;
  defaults.trusted_ca = {"/ca", "CA"};
  defaults.subject_alt_names = {
      {SubjectAltNameMatch::Type::kDns, {TextMatch::Kind::kExact, "a"}, ""}};
  defaults.spki_pins = {"p"};
  defaults.allow_expired = true;
  defaults.max_depth = 3;
  CHECK(MergeValidation(defaults, {}) == defaults);
  CHECK(MergeValidation({}, defaults) == defaults);

  Validation over;
  over.trusted_ca = {"", "other"};
  over.subject_alt_names = {{SubjectAltNameMatch::Type::kUri, {TextMatch::Kind::kExact, "b"}, ""}};
  over.max_depth = 5;
  over.trust_domains = {{"td", {"", "bundle"}}};
  const Validation merged = MergeValidation(defaults, over);
  Validation expected = defaults;
  expected.trusted_ca = over.trusted_ca;
  expected.subject_alt_names.push_back(over.subject_alt_names[0]);
  expected.max_depth = 5;
  expected.trust_domains = over.trust_domains;
  CHECK(merged == expected);
}

TEST_CASE("All bytes of a secret are found") {
  SecretValue certificate = Certificate{.chain = {"1", ""},
                                        .private_key = {"2", ""},
                                        .pkcs12 = {"3", ""},
                                        .password = {"4", ""},
                                        .ocsp_staple = {"5", ""}};
  std::string paths;
  for (const Bytes* bytes : AllBytes(certificate)) paths += bytes->path;
  CHECK(paths == "12345");
  SecretValue validation = Validation{.trusted_ca = {"1", ""},
                                      .crl = {"2", ""},
                                      .trust_domains = {{"a", {"3", ""}}, {"b", {"4", ""}}}};
  CHECK(AllBytes(validation).size() == 4);
  SecretValue keys = TicketKeys{{{"1", ""}, {"2", ""}, {"3", ""}}, {}};
  CHECK(AllBytes(keys).size() == 3);
  CHECK(KindName(keys) == "session_ticket_keys");
}

}  // namespace
}  // namespace remora::tls
