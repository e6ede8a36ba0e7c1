#include "source/config/core_config.h"

#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/strip.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/socket_option.pb.h"
#include "google/protobuf/duration.pb.h"
#include "source/config/read_file.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;

constexpr int64_t kMaxSeconds = std::numeric_limits<int64_t>::max() / event::kSecond;
constexpr event::Duration kLongest = 100LL * 366 * 24 * 3600 * event::kSecond;

std::optional<ParsedAddress> ParsePipe(const core::Pipe& proto, const FieldPath& path,
                                       Translation& translation) {
  const std::string& name = proto.path();
  if (name.size() >= sizeof(sockaddr_un::sun_path)) {
    translation.errors.Add(
        path.Field("path"),
        Concat("Path \"", name, "\" exceeds maximum UNIX domain socket path size of ",
               sizeof(sockaddr_un::sun_path), "."));
    return std::nullopt;
  }
  if (name.starts_with("@") && proto.mode() != 0) {
    translation.errors.Add(path.Field("mode"), "Cannot set mode for Abstract AF_UNIX sockets");
    return std::nullopt;
  }
  const absl::StatusOr<net::Address> address = net::Address::Unix(name, proto.mode());
  if (!address.ok()) {
    translation.errors.Add(path.Field("path"), std::string(address.status().message()));
    return std::nullopt;
  }
  return ParsedAddress{*address};
}

// The only addresses at which an IPv6 socket can take IPv4 connections too.
bool CanBeIpv4Compat(const net::Address& address) {
  const std::string ip = address.IpString();
  return address.kind() == net::Address::Kind::kIpv6 && (ip == "::" || ip.starts_with("::ffff:"));
}

std::optional<ParsedAddress> ParseSocketAddress(const core::SocketAddress& proto,
                                                const FieldPath& path, Translation& translation) {
  bool good = true;
  const auto fail = [&](std::string_view field, std::string_view message) {
    translation.errors.Add(path.Field(field), message);
    good = false;
  };
  if (proto.protocol() != core::SocketAddress::TCP) {
    fail("protocol", Concat("protocol ", core::SocketAddress::Protocol_Name(proto.protocol()),
                            " is not supported"));
  }
  if (proto.port_value() > std::numeric_limits<uint16_t>::max()) {
    fail("port_value", Concat("must be at most 65535 (", proto.port_value(), ")"));
  }
  // A zero byte would end the text early for the kernel's parser.
  const bool has_zero = proto.address().find('\0') != std::string::npos;
  const absl::StatusOr<net::Address> address =
      net::Address::Ip(proto.address(), static_cast<uint16_t>(proto.port_value()));
  if (!address.ok() || has_zero) {
    fail("address", Concat("malformed IP address: ", proto.address()));
  } else if (good && proto.ipv4_compat() && !CanBeIpv4Compat(*address)) {
    fail("ipv4_compat",
         Concat("Only IPv6 address '::' or valid IPv4-mapped IPv6 address can set ipv4_compat: ",
                address->ToString()));
  }
  if (!good) return std::nullopt;
  return ParsedAddress{*address, proto.ipv4_compat()};
}

bool FitsInt(int64_t value) {
  return value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max();
}

net::SocketOption ParseSocketOption(const core::SocketOption& proto, const FieldPath& path,
                                    Translation& translation) {
  const auto to_int = [&](int64_t value, std::string_view field) {
    if (!FitsInt(value)) {
      translation.errors.Add(path.Field(field),
                             Concat("value is out of range for an int (", value, ")"));
      return 0;
    }
    return static_cast<int>(value);
  };
  net::SocketOption option;
  option.level = to_int(proto.level(), "level");
  option.name = to_int(proto.name(), "name");
  if (proto.value_case() == core::SocketOption::kBufValue) {
    option.value = proto.buf_value();
  } else {
    const int value = to_int(proto.int_value(), "int_value");
    option.value.assign(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  switch (proto.state()) {
    case core::SocketOption::STATE_BOUND:
      option.state = net::SocketOption::State::kBound;
      break;
    case core::SocketOption::STATE_LISTENING:
      option.state = net::SocketOption::State::kListening;
      break;
    default:
      option.state = net::SocketOption::State::kPrebind;
  }
  return option;
}

}  // namespace

event::Duration ParseDuration(const google::protobuf::Duration& proto, const FieldPath& path,
                              Translation& translation) {
  if (proto.seconds() < 0 || proto.nanos() < 0) {
    translation.errors.Add(path, "Invalid duration: Expected positive duration");
    return 0;
  }
  if (proto.seconds() > kMaxSeconds || proto.nanos() >= event::kSecond) {
    translation.errors.Add(path, "Invalid duration: Duration out-of-range");
    return 0;
  }
  if (proto.seconds() >= kLongest / event::kSecond) return kLongest;
  return proto.seconds() * event::kSecond + proto.nanos();
}

std::optional<ParsedAddress> ParseAddress(const core::Address& proto, const FieldPath& path,
                                          Translation& translation) {
  switch (proto.address_case()) {
    case core::Address::kSocketAddress:
      return ParseSocketAddress(proto.socket_address(), path.Field("socket_address"), translation);
    case core::Address::kPipe:
      return ParsePipe(proto.pipe(), path.Field("pipe"), translation);
    case core::Address::ADDRESS_NOT_SET:
      break;
  }
  translation.errors.Add(path, "Address must be set");
  return std::nullopt;
}

std::optional<net::CidrRange> ParseCidrRange(const core::CidrRange& proto, const FieldPath& path,
                                             Translation& translation) {
  const absl::StatusOr<net::Address> address = net::Address::Ip(proto.address_prefix(), 0);
  if (!address.ok()) {
    translation.errors.Add(path.Field("address_prefix"), std::string(address.status().message()));
    return std::nullopt;
  }
  return net::CidrRange(*address, proto.prefix_len().value());
}

std::vector<net::SocketOption> ParseSocketOptions(
    const google::protobuf::RepeatedPtrField<core::SocketOption>& protos, const FieldPath& path,
    Translation& translation) {
  std::vector<net::SocketOption> options;
  for (int i = 0; i < protos.size(); ++i) {
    options.push_back(
        ParseSocketOption(protos[i], path.Index(static_cast<size_t>(i)), translation));
  }
  return options;
}

std::shared_ptr<const net::Source> ParseSource(const core::BindConfig& proto, const FieldPath& path,
                                               Translation& translation) {
  const size_t errors_before = translation.errors.size();
  auto source = std::make_shared<net::Source>();
  source->freebind = proto.freebind().value();
  source->options =
      ParseSocketOptions(proto.socket_options(), path.Field("socket_options"), translation);
  for (const net::SocketOption& option : source->options) {
    if (option.state != net::SocketOption::State::kListening) continue;
    translation.warnings.Add(path.Field("socket_options"),
                             "STATE_LISTENING of a connection: accepted without effect");
  }
  if (proto.has_source_address()) {
    std::optional<ParsedAddress> parsed =
        ParseSocketAddress(proto.source_address(), path.Field("source_address"), translation);
    if (parsed.has_value()) source->address = std::move(parsed->address);
  }
  if (translation.errors.size() != errors_before) return nullptr;
  return source;
}

net::TcpKeepalive ParseKeepalive(const core::TcpKeepalive& proto) {
  net::TcpKeepalive keepalive;
  if (proto.has_keepalive_probes()) keepalive.probes = proto.keepalive_probes().value();
  if (proto.has_keepalive_time()) keepalive.time_seconds = proto.keepalive_time().value();
  if (proto.has_keepalive_interval()) {
    keepalive.interval_seconds = proto.keepalive_interval().value();
  }
  return keepalive;
}

upstream::Locality ParseLocality(const core::Locality& proto) {
  return {proto.region(), proto.zone(), proto.sub_zone()};
}

std::string ReadDataSource(const core::DataSource& proto, uint64_t max_size, const FieldPath& path,
                           Translation& translation) {
  absl::StatusOr<std::string> text = std::string();
  std::string_view field;
  switch (proto.specifier_case()) {
    case core::DataSource::kFilename:
      field = "filename";
      text = ReadFile(proto.filename(), max_size);
      break;
    case core::DataSource::kInlineBytes:
      field = "inline_bytes";
      text = proto.inline_bytes();
      break;
    case core::DataSource::kInlineString:
      field = "inline_string";
      text = proto.inline_string();
      break;
    case core::DataSource::kEnvironmentVariable: {
      field = "environment_variable";
      const char* value = getenv(proto.environment_variable().c_str());
      if (value == nullptr) {
        text = absl::NotFoundError(
            Concat("Environment variable doesn't exist: ", proto.environment_variable()));
      } else {
        text = std::string(value);
      }
      break;
    }
    case core::DataSource::SPECIFIER_NOT_SET:
      return "";
  }
  if (text.ok() && text->size() > max_size) {
    text = absl::ResourceExhaustedError(
        Concat("response body size is ", text->size(), " bytes; maximum is ", max_size));
  }
  if (text.ok()) return *std::move(text);
  translation.errors.Add(path.Field(field), std::string(text.status().message()));
  return "";
}

std::string ParseDataSource(const core::DataSource& proto, uint64_t max_size, const FieldPath& path,
                            Translation& translation) {
  if (proto.has_watched_directory()) {
    translation.errors.Add(path.Field("watched_directory"), "not supported here");
  }
  return ReadDataSource(proto, max_size, path, translation);
}

std::string_view TypeName(std::string_view type_url) {
  const size_t slash = type_url.rfind('/');
  return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

std::string TypeUrlOf(std::string_view type) { return Concat("type.googleapis.com/", type); }

std::string ExtensionName(std::string_view type) {
  absl::string_view name = ToAbsl(type);
  if (!absl::ConsumePrefix(&name, "envoy.extensions.")) return std::string(type);
  const size_t message = name.rfind('.');
  const size_t version = message == 0 ? message : name.rfind('.', message - 1);
  if (version == absl::string_view::npos) return std::string(type);
  return Concat("envoy.", std::string_view(name.data(), version));
}

std::string NoImplementation(std::string_view name, std::string_view type_url) {
  return Concat("Didn't find a registered implementation for '", name, "' with type URL: '",
                TypeName(type_url), "'");
}

void AddNoImplementation(std::string_view name, std::string_view type_url, const FieldPath& path,
                         Translation& translation) {
  // Without a type there is no typed_config to point at.
  translation.errors.Add(type_url.empty() ? path : path.Field("typed_config"),
                         NoImplementation(name, type_url));
}

}  // namespace remora::config
