#include <algorithm>
#include <ctime>

#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

constexpr int64_t kDaySeconds = 24 * 60 * 60;

// google.protobuf.Timestamp in JSON.
std::string TimeText(int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm parts = {};
  char text[sizeof("-2147481748-01-01T00:00:00Z")];
  if (gmtime_r(&time, &parts) == nullptr) return "";
  return {text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void WriteNames(const char* kind, const std::vector<std::string>& names, JsonWriter& json) {
  for (const std::string& name : names) {
    json.BeginObject();
    json.StringField(kind, name);
    json.EndObject();
  }
}

// envoy.admin.v3.CertificateDetails.
void WriteCertificate(const ServedCertificate& certificate, int64_t now, JsonWriter& json) {
  const net::CertificateFacts& facts = certificate.facts;
  const int64_t days = std::max<int64_t>(0, (facts.not_after - now) / kDaySeconds);
  json.BeginObject();
  json.StringField("path", certificate.path);
  json.StringField("serial_number", facts.serial);
  json.Key("subject_alt_names");
  json.BeginArray();
  WriteNames("dns", facts.dns_sans, json);
  WriteNames("uri", facts.uri_sans, json);
  WriteNames("ip_address", facts.ip_sans, json);
  json.EndArray();
  json.StringField("days_until_expiration", Concat(static_cast<uint64_t>(days)));
  json.StringField("valid_from", TimeText(facts.not_before));
  json.StringField("expiration_time", TimeText(facts.not_after));
  json.EndObject();
}

void WriteList(const char* name, const std::vector<ServedCertificate>& certificates, int64_t now,
               JsonWriter& json) {
  json.Key(name);
  json.BeginArray();
  for (const ServedCertificate& certificate : certificates) {
    WriteCertificate(certificate, now, json);
  }
  json.EndArray();
}

// envoy.admin.v3.Certificates.
Response Certificates(const EndpointTable& table, const Request&) {
  const Environment& environment = table.environment();
  std::vector<ServedContext> contexts;
  if (environment.certificates) contexts = environment.certificates();
  const int64_t now = environment.clock.WallNow() / event::kSecond;
  JsonWriter json;
  json.BeginObject();
  json.Key("certificates");
  json.BeginArray();
  for (const ServedContext& context : contexts) {
    json.BeginObject();
    WriteList("ca_cert", context.authorities, now, json);
    WriteList("cert_chain", context.certificates, now, json);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return Json(json.TakeText() + "\n");
}

}  // namespace

void AddCertificateEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back({"/certs", "print certs on machine", &Certificates});
}

}  // namespace remora::admin
