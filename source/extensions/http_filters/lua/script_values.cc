// What scripts may ask about their stream, as values.

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>

#include "absl/strings/str_cat.h"
#include "source/extensions/http_filters/lua/lua.h"
#include "source/extensions/http_filters/lua/script_stream.h"
#include "source/http/escape.h"
#include "source/http/route/route_table.h"
#include "source/net/address.h"
#include "source/net/tls_facts.h"

namespace remora::extensions {

using http::MetadataValue;
using lua::Ask;
using lua::Item;

namespace {

// Where routes keep what is for a filter of another name.
constexpr std::string_view kCanonicalName = "envoy.filters.http.lua";

const MetadataValue* FindSpace(const http::Metadata* metadata, std::string_view name) {
  if (metadata == nullptr) return nullptr;
  const auto found = metadata->find(name);
  return found != metadata->end() ? &found->second : nullptr;
}

const EVP_MD* DigestOf(std::string_view name) {
  if (name == "sha1") return EVP_sha1();
  if (name == "sha224") return EVP_sha224();
  if (name == "sha256") return EVP_sha256();
  if (name == "sha384") return EVP_sha384();
  if (name == "sha512") return EVP_sha512();
  return nullptr;
}

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

// --- trees

void ScriptStream::PutTree(const MetadataValue& value, std::string_view name) {
  Item item;
  item.name = name;
  item.kind = static_cast<Item::Kind>(value.kind);
  item.text = value.text;
  item.number = value.number;
  item.boolean = value.boolean;
  item.count = static_cast<uint32_t>(value.items.size() + value.fields.size());
  items_.push_back(item);
  for (const MetadataValue& element : value.items) PutTree(element, {});
  for (const auto& [member, inner] : value.fields) PutTree(inner, member);
}
static_assert(static_cast<int>(Item::Kind::kStruct) ==
                  static_cast<int>(MetadataValue::Kind::kStruct) &&
              static_cast<int>(Item::Kind::kString) ==
                  static_cast<int>(MetadataValue::Kind::kString));

void ScriptStream::PutTree(const http::Metadata& values) {
  Item item;
  item.kind = Item::Kind::kStruct;
  item.count = static_cast<uint32_t>(values.size());
  items_.push_back(item);
  for (const auto& [name, value] : values) PutTree(value, name);
}

void ScriptStream::PutMember(const MetadataValue* tree, const std::string_view* key) {
  if (tree == nullptr) return;
  if (key == nullptr) return PutTree(*tree, {});
  const auto found = tree->fields.find(*key);
  if (found != tree->fields.end()) PutTree(found->second, {});
}

void ScriptStream::PutText(std::string_view text) {
  Item item;
  item.kind = Item::Kind::kString;
  item.text = text;
  items_.push_back(item);
}

void ScriptStream::PutTexts(const std::vector<std::string>& texts) {
  Item item;
  item.kind = Item::Kind::kList;
  item.count = static_cast<uint32_t>(texts.size());
  items_.push_back(item);
  for (const std::string& text : texts) PutText(text);
}

void ScriptStream::LookAtTree(Ask what, std::string_view name_space, const std::string_view* key) {
  http::FilterContext& context = filter_.context();
  const route::MatchResult& match = context.match();
  const http::Metadata* const of_route = match.route != nullptr ? match.route->metadata() : nullptr;
  if (what == Ask::kFilterContext) return PutMember(&filter_.FilterContextValue(), key);
  if (what == Ask::kDynamicMetadata) {
    const http::Metadata* const all = context.stream_info().dynamic_metadata;
    if (!name_space.empty()) return PutMember(FindSpace(all, name_space), key);
    if (all != nullptr) PutTree(*all);
    return;
  }
  const http::Metadata* const metadata = what != Ask::kVirtualHostMetadata ? of_route
                                         : match.virtual_host != nullptr
                                             ? match.virtual_host->metadata()
                                             : nullptr;
  const MetadataValue* space = FindSpace(metadata, context.filter_name());
  if (space == nullptr) space = FindSpace(metadata, kCanonicalName);
  PutMember(space, key);
}

// --- facts

void ScriptStream::LookAtConnection(Ask what) {
  const http::StreamInfo& info = filter_.context().stream_info();
  const http::ConnectionFacts* const connection = info.connection;
  const net::Address* address = nullptr;
  switch (what) {
    case Ask::kProtocol:
      return PutText(http::VersionName(info.version));
    case Ask::kRouteName:
      return PutText(filter_.context().route() != nullptr
                         ? std::string_view(filter_.context().route()->name())
                         : std::string_view());
    case Ask::kVirtualClusterName:
      return PutText(info.virtual_cluster_name);
    case Ask::kServerName:
      return PutText(connection != nullptr ? connection->requested_server_name
                                           : std::string_view());
    case Ask::kLocalAddress:
    case Ask::kDirectLocalAddress:
      if (connection != nullptr) address = connection->FindLocal();
      break;
    case Ask::kDirectRemoteAddress:
      if (connection != nullptr) address = connection->direct_remote;
      break;
    default:
      address = info.downstream_remote;
  }
  text_ = address != nullptr ? address->ToString() : "";
  PutText(text_);
}

void ScriptStream::LookAtTls(Ask what) {
  const http::ConnectionFacts* const connection = filter_.context().stream_info().connection;
  const net::TlsFacts* const tls = connection != nullptr ? connection->tls : nullptr;
  if (tls == nullptr) return;
  static const net::CertificateFacts kNone;
  const net::CertificateFacts& peer = tls->peer() != nullptr ? *tls->peer() : kNone;
  const net::CertificateFacts& local = tls->local() != nullptr ? *tls->local() : kNone;
  const auto put_boolean = [&](bool on) {
    items_.emplace_back().kind = Item::Kind::kBoolean;
    items_.back().boolean = on;
  };
  const auto put_number = [&](int64_t number) {
    items_.emplace_back().kind = Item::Kind::kNumber;
    items_.back().number = static_cast<double>(number);
  };
  switch (what) {
    case Ask::kTlsVersion:
      return PutText(tls->version());
    case Ask::kTlsCipher:
      return PutText(tls->cipher());
    case Ask::kTlsSessionId:
      text_ = tls->session_id();
      return PutText(text_);
    case Ask::kPeerPresented:
      return put_boolean(tls->peer() != nullptr);
    case Ask::kPeerValidated:
      return put_boolean(tls->peer_validated());
    case Ask::kPeerDigest:
      return PutText(peer.fingerprint_256);
    case Ask::kPeerSerial:
      return PutText(peer.serial);
    case Ask::kPeerIssuer:
      return PutText(peer.issuer);
    case Ask::kPeerSubject:
      return PutText(peer.subject);
    case Ask::kPeerUriSans:
      return PutTexts(peer.uri_sans);
    case Ask::kPeerDnsSans:
      return PutTexts(peer.dns_sans);
    case Ask::kPeerPem:
      text_.clear();
      http::AppendUrlEncodedPem(peer.pem, text_);
      return PutText(text_);
    case Ask::kPeerPemChain:
      text_.clear();
      for (const auto& certificate : tls->peer_chain()) {
        http::AppendUrlEncodedPem(certificate.pem, text_);
      }
      return PutText(text_);
    case Ask::kPeerNotBefore:
      return put_number(peer.not_before);
    case Ask::kPeerNotAfter:
      return put_number(peer.not_after);
    case Ask::kLocalSubject:
      return PutText(local.subject);
    case Ask::kLocalUriSans:
      return PutTexts(local.uri_sans);
    default:
      return PutTexts(local.dns_sans);
  }
}

lua::Items ScriptStream::Look(Ask what, std::string_view name_space, const std::string_view* key) {
  items_.clear();
  if (what <= Ask::kDynamicMetadata) {
    RerouteIfChanged();
    LookAtTree(what, name_space, key);
  } else if (what < Ask::kTlsVersion) {
    RerouteIfChanged();
    LookAtConnection(what);
  } else {
    LookAtTls(what);
  }
  return {items_.data(), items_.size()};
}

// --- what scripts say

namespace {

// The value at `item`, with what is in it; gives back what is behind.
const Item* Read(const Item* item, const Item* end, MetadataValue& value) {
  value.kind = static_cast<MetadataValue::Kind>(item->kind);
  value.boolean = item->boolean;
  value.number = item->number;
  value.text = item->text;
  const Item* next = item + 1;
  for (uint32_t i = 0; i < item->count && next < end; ++i) {
    MetadataValue& inner = item->kind == Item::Kind::kList ? value.items.emplace_back()
                                                           : value.fields[std::string(next->name)];
    next = Read(next, end, inner);
  }
  return next;
}

}  // namespace

const char* ScriptStream::SetMetadata(std::string_view name_space, std::string_view key,
                                      lua::Items value) {
  size_t size = name_space.size() + key.size();
  for (size_t i = 0; i < value.size; ++i) {
    size += sizeof(MetadataValue) + value.data[i].name.size() + value.data[i].text.size();
  }
  if (const char* const error = Write(size); error != nullptr) return error;
  MetadataValue read;
  Read(value.data, value.data + value.size, read);
  filter_.KeepMetadata(std::string(name_space), std::string(key), std::move(read));
  return nullptr;
}

std::string_view ScriptStream::VerifySignature(std::string_view hash, std::string_view key,
                                               std::string_view signature, std::string_view text) {
  const EVP_MD* const digest = DigestOf(hash);
  if (digest == nullptr) {
    text_ = absl::StrCat(std::string(hash), " is not supported.");
    return text_;
  }
  CBS der;
  CBS_init(&der, Bytes(key), key.size());
  const bssl::UniquePtr<EVP_PKEY> public_key(EVP_parse_public_key(&der));
  bssl::ScopedEVP_MD_CTX context;
  if (public_key == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, public_key.get()) != 1) {
    return "Failed to initialize digest verify.";
  }
  if (EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text),
                       text.size()) != 1) {
    return "Failed to verify digest. Error code: 0";
  }
  return "";
}

}  // namespace remora::extensions
