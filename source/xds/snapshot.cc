#include "source/xds/snapshot.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "source/base/hash.h"

namespace remora::xds {
namespace {

constexpr std::string_view kHead = "remora snapshot 1\n";
constexpr size_t kChecksumDigits = 16;
constexpr size_t kBodyBegin = kHead.size() + kChecksumDigits + 1;
constexpr size_t kNumberBytes = sizeof(uint64_t);

class BodyWriter {
 public:
  void Number(uint64_t number) {
    for (size_t i = 0; i < kNumberBytes; ++i) text_ += static_cast<char>(number >> (8 * i));
  }
  void Text(std::string_view text) {
    Number(text.size());
    text_ += text;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// What is not there is 0 or empty, and `failed` from then on.
class BodyReader {
 public:
  explicit BodyReader(std::string_view text) : text_(text) {}

  uint64_t Number() {
    uint64_t number = 0;
    for (const char byte : Take(kNumberBytes)) {
      number = number >> 8 | uint64_t{static_cast<unsigned char>(byte)} << 56;
    }
    return number;
  }
  std::string Text() { return std::string(Take(Number())); }
  // A number of things of which each takes at least one number.
  uint64_t Count() {
    const uint64_t count = Number();
    if (count > text_.size() / kNumberBytes) failed_ = true;
    return failed_ ? 0 : count;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view Take(uint64_t size) {
    if (failed_ || size > text_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }

  std::string_view text_;
  bool failed_ = false;
};

std::string Checksum(std::string_view body) {
  return absl::StrFormat("%016x", base::XxHash64(body));
}

// None: of a type that this version does not know.
std::optional<SnapshotPart> ReadPart(BodyReader& reader) {
  SnapshotPart part;
  part.source = reader.Text();
  const std::optional<ResourceType> type = TypeOfUrl(reader.Text());
  part.version = reader.Text();
  part.at = static_cast<int64_t>(reader.Number());
  const uint64_t count = reader.Count();
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    SnapshotResource& resource = part.resources.emplace_back();
    resource.name = reader.Text();
    resource.version = reader.Text();
    resource.bytes = std::make_shared<const std::string>(reader.Text());
  }
  if (!type.has_value()) return std::nullopt;
  part.type = *type;
  return part;
}

}  // namespace

bool SameResources(const Snapshot& a, const Snapshot& b) {
  return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                    [](const SnapshotPart& x, const SnapshotPart& y) {
                      return x.source == y.source && x.type == y.type && x.version == y.version &&
                             x.resources == y.resources;
                    });
}

std::string EncodeSnapshot(const Snapshot& snapshot) {
  BodyWriter writer;
  writer.Text(snapshot.node_id);
  writer.Text(snapshot.node_cluster);
  writer.Number(snapshot.parts.size());
  for (const SnapshotPart& part : snapshot.parts) {
    writer.Text(part.source);
    writer.Text(TypeUrl(part.type));
    writer.Text(part.version);
    writer.Number(static_cast<uint64_t>(part.at));
    writer.Number(part.resources.size());
    for (const SnapshotResource& resource : part.resources) {
      writer.Text(resource.name);
      writer.Text(resource.version);
      writer.Text(*resource.bytes);
    }
  }
  const std::string body = writer.Take();
  std::string bytes(kHead);
  bytes += Checksum(body);
  bytes += '\n';
  bytes += body;
  return bytes;
}

absl::StatusOr<Snapshot> DecodeSnapshot(std::string_view bytes) {
  if (!bytes.starts_with(kHead)) {
    return absl::InvalidArgumentError("it is no snapshot, or one of another version of the format");
  }
  absl::Status damaged = absl::DataLossError("it is damaged");
  if (bytes.size() < kBodyBegin || bytes[kBodyBegin - 1] != '\n') return damaged;
  const std::string_view body = bytes.substr(kBodyBegin);
  if (bytes.substr(kHead.size(), kChecksumDigits) != Checksum(body)) return damaged;
  BodyReader reader(body);
  Snapshot snapshot;
  snapshot.node_id = reader.Text();
  snapshot.node_cluster = reader.Text();
  const uint64_t count = reader.Count();
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    std::optional<SnapshotPart> part = ReadPart(reader);
    if (part.has_value()) snapshot.parts.push_back(*std::move(part));
  }
  if (reader.failed() || !reader.at_end()) return damaged;
  return snapshot;
}

}  // namespace remora::xds
