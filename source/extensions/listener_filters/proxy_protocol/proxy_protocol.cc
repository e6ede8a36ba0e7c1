#include "source/extensions/listener_filters/proxy_protocol/proxy_protocol.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "source/net/proxy_header.h"

namespace remora::extensions {
namespace {

using envoy::config::core::v3::ProxyProtocolConfig;
using envoy::config::core::v3::ProxyProtocolPassThroughTLVs;
using net::ProxyHeader;
using net::ProxyHeaderParse;

constexpr std::string_view kNameSpace = "envoy.filters.listener.proxy_protocol";
// What is looked at first: more than any header without many TLVs.
constexpr size_t kFirstLook = 536;

// `proxy_proto.[<stat_prefix>.]`
struct ProxyProtocolStats {
  stats::NamedCounter<"not_found_disallowed"> not_found_disallowed;  // Closed: no header.
  stats::NamedCounter<"not_found_allowed"> not_found_allowed;        // Served without one.
};

// `proxy_proto.[<stat_prefix>.]versions.v<N>.`, of one version.
struct VersionStats {
  explicit VersionStats(const net::ListenerFilterSetup& setup, int version)
      : found(Make(setup, version, "found")),
        disallowed(Make(setup, version, "disallowed")),
        error(Make(setup, version, "error")) {}

  stats::Counter found;
  stats::Counter disallowed;  // A header that is not to be read.
  stats::Counter error;       // A malformed one.

 private:
  static stats::Counter Make(const net::ListenerFilterSetup& setup, int version,
                             std::string_view name) {
    return setup.scope.MakeCounter(setup.shard,
                                   absl::StrCat("versions.v", version, ".", std::string(name)));
  }
};

// Without a prefix.
struct LegacyStats {
  stats::NamedCounter<"downstream_cx_proxy_proto_error"> downstream_cx_proxy_proto_error;
};

// Values go into JSON and headers: a byte that is no part of UTF-8 becomes `!`, as in Envoy.
std::string Sanitised(std::string_view value);

class Reader final : public net::ListenerFilter {
 public:
  Reader(const ProxyProtocol::Config& config, const net::ListenerFilterSetup& setup)
      : config_(config),
        stats_(setup.scope.Make<ProxyProtocolStats>(setup.shard)),
        version_1_(setup, 1),
        version_2_(setup, 2),
        legacy_(setup.scope.root().Make<LegacyStats>(setup.shard)) {}

  size_t most_bytes() const override { return kFirstLook; }
  Answer Inspect(std::string_view bytes, bool ended, net::Findings& findings) override;

 private:
  const VersionStats& Version(int version) const { return version == 1 ? version_1_ : version_2_; }
  Answer OnAbsent();
  Answer OnMalformed(int version);
  Answer OnHeader(const ProxyHeader& header, net::Findings& findings);
  void KeepTlvs(const ProxyHeader& header, net::Accepted& accepted) const;

  const ProxyProtocol::Config& config_;
  ProxyProtocolStats stats_;
  VersionStats version_1_;
  VersionStats version_2_;
  LegacyStats legacy_;
};

net::ListenerFilter::Answer Reader::Inspect(std::string_view bytes, bool, net::Findings& findings) {
  ProxyHeader header;
  const ProxyHeaderParse parsed = net::ParseProxyHeader(bytes, header);
  if (header.version != 0 && !config_.version_allowed[header.version]) {
    Version(header.version).disallowed.Inc();
    if (!config_.required) return Answer::kContinue;
    legacy_.downstream_cx_proxy_proto_error.Inc();
    return Answer::kReject;
  }
  switch (parsed) {
    case ProxyHeaderParse::kIncomplete:
      findings.look = std::max(header.size, kFirstLook);
      return Answer::kMore;
    case ProxyHeaderParse::kAbsent:
      return OnAbsent();
    case ProxyHeaderParse::kMalformed:
      return OnMalformed(header.version);
    case ProxyHeaderParse::kComplete:
      break;
  }
  return OnHeader(header, findings);
}

net::ListenerFilter::Answer Reader::OnAbsent() {
  if (!config_.required) {
    stats_.not_found_allowed.Inc();
    return Answer::kContinue;
  }
  stats_.not_found_disallowed.Inc();
  legacy_.downstream_cx_proxy_proto_error.Inc();
  return Answer::kReject;
}

net::ListenerFilter::Answer Reader::OnMalformed(int version) {
  Version(version).error.Inc();
  legacy_.downstream_cx_proxy_proto_error.Inc();
  return Answer::kReject;
}

net::ListenerFilter::Answer Reader::OnHeader(const ProxyHeader& header, net::Findings& findings) {
  Version(header.version).found.Inc();
  findings.take = header.size;
  if (header.local) return Answer::kContinue;
  net::Accepted& accepted = findings.accepted;
  KeepTlvs(header, accepted);
  accepted.remote = header.source;
  if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
  if (!(*accepted.local == header.destination)) {
    accepted.local = header.destination;
    accepted.local_restored = true;
  }
  return Answer::kContinue;
}

void Reader::KeepTlvs(const ProxyHeader& header, net::Accepted& accepted) const {
  for (const net::ProxyTlv& tlv : header.tlvs) {
    for (const ProxyProtocol::Rule& rule : config_.rules) {
      if (rule.type != tlv.type) continue;
      accepted.metadata.push_back({rule.name_space, rule.key, Sanitised(tlv.value)});
    }
    const auto& passed = config_.passed_tlvs;
    if (config_.passes_all_tlvs ||
        std::find(passed.begin(), passed.end(), tlv.type) != passed.end()) {
      accepted.tlvs.push_back({tlv.type, std::string(tlv.value)});
    }
  }
}

// How many bytes the UTF-8 sequence at the front has; 0: there is none.
size_t SequenceSize(std::string_view text) {
  const auto at = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  size_t size = 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) size = 2;
  if (first >= 0xe0 && first <= 0xef) size = 3;
  if (first >= 0xf0 && first <= 0xf4) size = 4;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than needed, surrogates, above U+10FFFF.
  if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;
  if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;
  return size;
}

std::string Sanitised(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const size_t size = SequenceSize(value);
    if (size == 0) {
      out.push_back('!');
    } else {
      out.append(value.substr(0, size));
    }
    value.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

}  // namespace

std::optional<ProxyProtocol::Config> ProxyProtocol::Parse(const Proto& proto,
                                                          config::ConfigContext&) {
  Config config;
  config.required = !proto.allow_requests_without_proxy_protocol();
  config.stat_prefix = proto.stat_prefix();
  for (const auto& rule : proto.rules()) {
    if (!rule.has_on_tlv_present()) continue;
    const auto& place = rule.on_tlv_present();
    config.rules.push_back(
        {static_cast<uint8_t>(rule.tlv_type()),
         place.metadata_namespace().empty() ? std::string(kNameSpace) : place.metadata_namespace(),
         place.key()});
  }
  for (const int version : proto.disallowed_versions()) {
    config.version_allowed[version == ProxyProtocolConfig::V1 ? 1 : 2] = false;
  }
  if (proto.has_pass_through_tlvs()) {
    const auto& passed = proto.pass_through_tlvs();
    config.passes_all_tlvs = passed.match_type() == ProxyProtocolPassThroughTLVs::INCLUDE_ALL;
    for (const uint32_t type : passed.tlv_type()) {
      config.passed_tlvs.push_back(static_cast<uint8_t>(type));
    }
  }
  return config;
}

std::string ProxyProtocol::StatScope(const Config& config) {
  return config.stat_prefix.empty() ? "proxy_proto"
                                    : absl::StrCat("proxy_proto.", config.stat_prefix);
}

std::unique_ptr<net::ListenerFilter> ProxyProtocol::Create(const Config& config,
                                                           const net::ListenerFilterSetup& setup) {
  return std::make_unique<Reader>(config, setup);
}

}  // namespace remora::extensions
