#include "source/extensions/http_filters/dynamic_modules/host_table.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "source/base/log.h"
#include "source/config/text.h"
#include "source/extensions/http_filters/dynamic_modules/handle_table.h"
#include "source/extensions/http_filters/dynamic_modules/module_config.h"
#include "source/extensions/http_filters/dynamic_modules/module_filter.h"
#include "source/http/request_part.h"

namespace remora::extensions {
namespace {

using Kind = http::MetadataValue::Kind;

remora_bytes ToBytes(std::string_view text) { return {text.data(), text.size()}; }

// Nothing when it is too long, or of null.
std::optional<std::string_view> Read(remora_bytes bytes, uint64_t limit = kMaxModuleText) {
  if (bytes.size > limit || (bytes.data == nullptr && bytes.size > 0)) return std::nullopt;
  return std::string_view(bytes.data, bytes.size);
}

// --- what needs no stream

int32_t Has(remora_bytes capability) {
  constexpr std::string_view kCapabilities[] = {"calls", "timers", "metrics", "metadata"};
  const std::optional<std::string_view> name = Read(capability);
  return name.has_value() && std::find(std::begin(kCapabilities), std::end(kCapabilities), *name) !=
                                 std::end(kCapabilities);
}

base::LogLevel LevelOf(uint32_t level) {
  switch (level) {
    case REMORA_LOG_DEBUG:
      return base::LogLevel::kDebug;
    case REMORA_LOG_INFO:
      return base::LogLevel::kInfo;
    case REMORA_LOG_WARNING:
      return base::LogLevel::kWarning;
    default:
      return base::LogLevel::kError;
  }
}

int32_t LogEnabled(uint32_t level) {
  return base::LogEnabled(base::Logger::kFilter, LevelOf(level)) ? 1 : 0;
}

void Log(uint32_t level, remora_bytes text) {
  const std::optional<std::string_view> read = Read(text);
  if (read.has_value() && LogEnabled(level) == 1) {
    base::WriteLog(base::Logger::kFilter, LevelOf(level), config::Concat("module: ", *read));
  }
}

// --- configurations

ConfigReading* FindReading(remora_config config) {
  return static_cast<ConfigReading*>(
      HandleTable::OfThread().Find(config, HandleTable::Kind::kConfig));
}

// Null: there is nothing at the end of that path.
const http::MetadataValue* Walk(const http::MetadataValue* value, const remora_bytes* path,
                                size_t depth) {
  constexpr size_t kMaxDepth = 100;
  if (depth > kMaxDepth || (path == nullptr && depth > 0)) return nullptr;
  for (size_t i = 0; i < depth && value != nullptr; ++i) {
    const std::optional<std::string_view> step = Read(path[i]);
    if (!step.has_value()) return nullptr;
    if (value->kind == Kind::kStruct) {
      const auto found = value->fields.find(*step);
      value = found == value->fields.end() ? nullptr : &found->second;
    } else {
      size_t index = 0;
      const bool is_element = value->kind == Kind::kList &&
                              absl::SimpleAtoi(config::ToAbsl(*step), &index) &&
                              index < value->items.size();
      value = is_element ? &value->items[index] : nullptr;
    }
  }
  return value;
}

// Writes no more than the module's struct has room for.
int32_t Give(const http::MetadataValue* value, remora_value* to) {
  if (to == nullptr) return REMORA_INVALID;
  remora_value given{};
  given.size = to->size;
  if (value != nullptr) {
    given.kind = static_cast<uint32_t>(value->kind);
    given.boolean = value->boolean ? 1 : 0;
    given.number = value->number;
    given.text = ToBytes(value->text);
    given.count = value->kind == Kind::kList ? value->items.size() : value->fields.size();
  }
  std::copy_n(reinterpret_cast<const char*>(&given), std::min(to->size, sizeof(given)),
              reinterpret_cast<char*>(to));
  return value == nullptr ? REMORA_ABSENT : REMORA_OK;
}
static_assert(static_cast<int>(Kind::kNull) == REMORA_NULL &&
              static_cast<int>(Kind::kBoolean) == REMORA_BOOLEAN &&
              static_cast<int>(Kind::kNumber) == REMORA_NUMBER &&
              static_cast<int>(Kind::kString) == REMORA_STRING &&
              static_cast<int>(Kind::kList) == REMORA_LIST &&
              static_cast<int>(Kind::kStruct) == REMORA_STRUCT);

int32_t ConfigValue(remora_config config, const remora_bytes* path, size_t depth,
                    remora_value* value) {
  const ConfigReading* const reading = FindReading(config);
  if (reading == nullptr) return REMORA_GONE;
  return Give(Walk(reading->value, path, depth), value);
}

int32_t ConfigMember(remora_config config, const remora_bytes* path, size_t depth, size_t index,
                     remora_bytes* name) {
  const ConfigReading* const reading = FindReading(config);
  if (reading == nullptr) return REMORA_GONE;
  if (name == nullptr) return REMORA_INVALID;
  const http::MetadataValue* const value = Walk(reading->value, path, depth);
  if (value == nullptr || index >= value->fields.size()) return REMORA_ABSENT;
  *name = ToBytes(std::next(value->fields.begin(), static_cast<ptrdiff_t>(index))->first);
  return REMORA_OK;
}

int32_t ConfigError(remora_config config, remora_bytes field, remora_bytes message) {
  ConfigReading* const reading = FindReading(config);
  if (reading == nullptr) return REMORA_GONE;
  const std::optional<std::string_view> place = Read(field);
  const std::optional<std::string_view> text = Read(message);
  if (!place.has_value() || !text.has_value()) return REMORA_INVALID;
  reading->errors.emplace_back(*place, *text);
  return REMORA_OK;
}

bool IsMetricName(std::string_view name) {
  constexpr size_t kMaxName = 200;
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

int32_t DefineMetric(remora_config config, uint32_t kind, remora_bytes name, uint32_t* metric) {
  ConfigReading* const reading = FindReading(config);
  if (reading == nullptr) return REMORA_GONE;
  if (reading->metrics == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> read = Read(name);
  if (metric == nullptr || kind > REMORA_HISTOGRAM || !read.has_value() || !IsMetricName(*read) ||
      reading->metrics->size() >= ConfigReading::kMaxMetrics) {
    reading->errors.emplace_back("", "the module defines a metric that cannot be");
    return REMORA_INVALID;
  }
  *metric = static_cast<uint32_t>(reading->metrics->size());
  reading->metrics->push_back({std::string(*read), kind});
  return REMORA_OK;
}

// --- heads

int32_t GetPart(remora_stream stream, uint32_t part, remora_bytes* value) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const http::RequestHead* const head = filter->request_head();
  if (head == nullptr) return REMORA_NOT_NOW;
  if (part > REMORA_PATH || value == nullptr) return filter->Refuse();
  *value = ToBytes(http::GetPart(*head, static_cast<http::RequestPart>(part)));
  return REMORA_OK;
}

int32_t SetPart(remora_stream stream, uint32_t part, remora_bytes value) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  http::RequestHead* const head = filter->changed_request_head();
  if (head == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> text = Read(value);
  if (part > REMORA_PATH || !text.has_value() ||
      !http::SetPart(*head, static_cast<http::RequestPart>(part), *text)) {
    return filter->Refuse();
  }
  return REMORA_OK;
}

int32_t GetStatus(remora_stream stream, uint32_t* status) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (filter->response_head() == nullptr) return REMORA_NOT_NOW;
  if (status == nullptr) return filter->Refuse();
  *status = filter->response_head()->status;
  return REMORA_OK;
}

int32_t SetStatus(remora_stream stream, uint32_t status) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (filter->response_head() == nullptr) return REMORA_NOT_NOW;
  if (status < 200 || status > 599) return filter->Refuse();
  filter->response_head()->status = static_cast<uint16_t>(status);
  return REMORA_OK;
}

static_assert(static_cast<int>(http::RequestPart::kMethod) == REMORA_METHOD &&
              static_cast<int>(http::RequestPart::kScheme) == REMORA_SCHEME &&
              static_cast<int>(http::RequestPart::kAuthority) == REMORA_AUTHORITY &&
              static_cast<int>(http::RequestPart::kPath) == REMORA_PATH);
static_assert(static_cast<int>(http::Framing::kNone) == REMORA_NO_BODY &&
              static_cast<int>(http::Framing::kLength) == REMORA_LENGTH &&
              static_cast<int>(http::Framing::kStreamed) == REMORA_STREAMED &&
              static_cast<int>(http::Framing::kTunnel) == REMORA_TUNNEL);

int32_t GetFraming(remora_stream stream, uint32_t direction, uint32_t* framing, uint64_t* length) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (framing == nullptr || length == nullptr || direction > REMORA_RESPONSE) {
    return filter->Refuse();
  }
  const auto give = [&](const auto* head) -> int32_t {
    if (head == nullptr) return REMORA_NOT_NOW;
    *framing = static_cast<uint32_t>(head->framing);
    *length = head->length;
    return REMORA_OK;
  };
  return direction == REMORA_REQUEST ? give(filter->request_head()) : give(filter->response_head());
}

int32_t SetFraming(remora_stream stream, uint32_t direction, uint32_t framing, uint64_t length) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const auto set = [&](auto* head) -> int32_t {
    if (head == nullptr) return REMORA_NOT_NOW;
    if (head->framing == http::Framing::kTunnel || framing >= REMORA_TUNNEL) {
      return filter->Refuse();
    }
    head->framing = static_cast<http::Framing>(framing);
    head->length = length;
    return REMORA_OK;
  };
  if (direction > REMORA_RESPONSE) return filter->Refuse();
  return direction == REMORA_REQUEST ? set(filter->changed_request_head())
                                     : set(filter->response_head());
}

int32_t HeaderGet(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes* value) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const http::HeaderMap* const fields = filter->Fields(map);
  if (fields == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> read = Read(name);
  if (!read.has_value() || value == nullptr) return filter->Refuse();
  const http::HeaderEntry* const entry = fields->Find(*read);
  if (entry == nullptr) return REMORA_ABSENT;
  *value = ToBytes(entry->value());
  return REMORA_OK;
}

int32_t HeaderNext(remora_stream stream, uint32_t map, uint32_t* cursor, remora_field* field) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const http::HeaderMap* const fields = filter->Fields(map);
  if (fields == nullptr) return REMORA_NOT_NOW;
  if (cursor == nullptr || field == nullptr) return filter->Refuse();
  while (*cursor < fields->entry_count()) {
    const http::HeaderEntry& entry = fields->entries()[(*cursor)++];
    if (entry.removed()) continue;
    *field = {ToBytes(entry.name()), ToBytes(entry.value())};
    return REMORA_OK;
  }
  return REMORA_ABSENT;
}

// What HeaderAdd and HeaderSet share; `change` is one of HeaderMap's.
template <class Change>
int32_t ChangeHeader(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes value,
                     const Change& change) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  http::HeaderMap* const fields = filter->ChangedFields(map);
  if (fields == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> read_name = Read(name);
  const std::optional<std::string_view> read_value = Read(value);
  if (!read_name.has_value() || !read_value.has_value() ||
      !change(*fields, *read_name, *read_value)) {
    return filter->Refuse();
  }
  return REMORA_OK;
}

int32_t HeaderAdd(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes value) {
  return ChangeHeader(stream, map, name, value,
                      [](http::HeaderMap& fields, std::string_view n, std::string_view v) {
                        return fields.Add(n, v);
                      });
}

int32_t HeaderSet(remora_stream stream, uint32_t map, remora_bytes name, remora_bytes value) {
  return ChangeHeader(stream, map, name, value,
                      [](http::HeaderMap& fields, std::string_view n, std::string_view v) {
                        return fields.Set(n, v);
                      });
}

int32_t HeaderRemove(remora_stream stream, uint32_t map, remora_bytes name) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  http::HeaderMap* const fields = filter->ChangedFields(map);
  if (fields == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> read = Read(name);
  if (!read.has_value()) return filter->Refuse();
  return fields->Remove(*read) > 0 ? REMORA_OK : REMORA_ABSENT;
}

// --- bodies

int32_t DataSize(remora_stream stream, size_t* size) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (size == nullptr) return filter->Refuse();
  if (filter->data() == nullptr) return REMORA_NOT_NOW;
  *size = filter->data()->length();
  return REMORA_OK;
}

int32_t DataPieces(remora_stream stream, size_t first, remora_bytes* pieces, size_t max,
                   size_t* count) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (pieces == nullptr || count == nullptr) return filter->Refuse();
  if (filter->data() == nullptr) return REMORA_NOT_NOW;
  const buffer::Buffer& data = *filter->data();
  *count = 0;
  for (size_t i = first; i < data.slice_count() && *count < max; ++i) {
    pieces[(*count)++] = ToBytes(data.Piece(i));
  }
  return REMORA_OK;
}

int32_t DataDrain(remora_stream stream, size_t size) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (filter->data() == nullptr) return REMORA_NOT_NOW;
  if (size > filter->data()->length()) return filter->Refuse();
  filter->data()->Drain(size);
  return REMORA_OK;
}

int32_t DataAppend(remora_stream stream, remora_bytes bytes) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (filter->data() == nullptr) return REMORA_NOT_NOW;
  const std::optional<std::string_view> read = Read(bytes, kMaxModuleBytes);
  if (!read.has_value()) return filter->Refuse();
  filter->data()->Append(*read);
  return REMORA_OK;
}

int32_t AddData(remora_stream stream, uint32_t direction, remora_bytes bytes) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const std::optional<std::string_view> read = Read(bytes, kMaxModuleBytes);
  if (!read.has_value() || direction > REMORA_RESPONSE) return filter->Refuse();
  buffer::Buffer data(filter->context().blocks());
  data.Append(*read);
  if (direction == REMORA_REQUEST) {
    filter->context().AddRequestData(data);
  } else {
    filter->context().AddResponseData(data);
  }
  return REMORA_OK;
}

// --- the stream

int32_t Resume(remora_stream stream, uint32_t direction) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (direction > REMORA_RESPONSE) return filter->Refuse();
  if (direction == REMORA_REQUEST) {
    filter->context().ResumeRequest();
  } else {
    filter->context().ResumeResponse();
  }
  return REMORA_OK;
}

// Nothing when one of them cannot be sent.
std::optional<CallFields> ReadFields(const remora_field* fields, size_t count) {
  if (count > kMaxModuleFields || (fields == nullptr && count > 0)) return std::nullopt;
  CallFields read;
  for (size_t i = 0; i < count; ++i) {
    const std::optional<std::string_view> name = Read(fields[i].name);
    const std::optional<std::string_view> value = Read(fields[i].value);
    if (!name.has_value() || !value.has_value() || !http::IsValidHeaderName(*name) ||
        !http::IsValidHeaderValue(*value)) {
      return std::nullopt;
    }
    read.emplace_back(*name, *value);
  }
  return read;
}

int32_t LocalReply(remora_stream stream, const remora_reply* reply) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (reply == nullptr) return filter->Refuse();
  const remora_reply given = CopyOf(*reply);
  const std::optional<std::string_view> body = Read(given.body, kMaxModuleBytes);
  const std::optional<std::string_view> details = Read(given.details);
  std::optional<CallFields> fields = ReadFields(given.fields, given.field_count);
  if (given.status < 200 || given.status > 599 || !body.has_value() || !details.has_value() ||
      !fields.has_value()) {
    return filter->Refuse();
  }
  http::LocalReply value;
  value.status = static_cast<uint16_t>(given.status);
  value.body = *body;
  value.details = filter->context().arena().Copy(*details);
  if (given.grpc_status >= 0) value.grpc_status = static_cast<uint32_t>(given.grpc_status);
  value.fields = std::move(*fields);
  filter->context().SendLocalReply(std::move(value));
  return REMORA_OK;
}

int32_t Reset(remora_stream stream) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  filter->context().ResetStream();
  return REMORA_OK;
}

int32_t Reroute(remora_stream stream) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  filter->context().Reroute();
  return REMORA_OK;
}

int32_t SetBufferLimit(remora_stream stream, uint32_t direction, uint64_t bytes) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (direction > REMORA_RESPONSE || bytes > kMaxModuleBytes) return filter->Refuse();
  if (direction == REMORA_REQUEST) {
    filter->context().SetRequestBufferLimit(bytes);
  } else {
    filter->context().SetResponseBufferLimit(bytes);
  }
  return REMORA_OK;
}

int32_t SawRequest(remora_stream stream) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  return filter != nullptr && filter->context().saw_request() ? 1 : 0;
}

const void* RouteConfig(remora_stream stream) {
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  return filter == nullptr ? nullptr : filter->RouteValue();
}

// --- statistics

int32_t CounterAdd(remora_stream stream, uint32_t metric, uint64_t n) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const ModuleState::Metric* const found = filter->state().Find(metric, REMORA_COUNTER);
  if (found == nullptr) return filter->Refuse();
  found->counter.Add(n);
  return REMORA_OK;
}

int32_t GaugeAdd(remora_stream stream, uint32_t metric, int64_t n) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const ModuleState::Metric* const found = filter->state().Find(metric, REMORA_GAUGE);
  if (found == nullptr) return filter->Refuse();
  found->gauge.Add(static_cast<uint64_t>(n));
  return REMORA_OK;
}

int32_t HistogramRecord(remora_stream stream, uint32_t metric, uint64_t value) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const ModuleState::Metric* const found = filter->state().Find(metric, REMORA_HISTOGRAM);
  if (found == nullptr) return filter->Refuse();
  found->histogram.Record(value);
  return REMORA_OK;
}

// --- metadata

int32_t MetadataGet(remora_stream stream, remora_bytes name_space, const remora_bytes* path,
                    size_t depth, remora_value* value) {
  const ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const std::optional<std::string_view> name = Read(name_space);
  if (!name.has_value() || value == nullptr) return filter->Refuse();
  const http::Metadata* const metadata = filter->context().stream_info().dynamic_metadata;
  if (metadata == nullptr) return Give(nullptr, value);
  const auto found = metadata->find(*name);
  return Give(found == metadata->end() ? nullptr : Walk(&found->second, path, depth), value);
}

int32_t MetadataSet(remora_stream stream, remora_bytes name_space, remora_bytes key,
                    const remora_value* value) {
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  const std::optional<std::string_view> name = Read(name_space);
  const std::optional<std::string_view> field = Read(key);
  if (!name.has_value() || name->empty() || !field.has_value() || value == nullptr) {
    return filter->Refuse();
  }
  const remora_value given = CopyOf(*value);
  const std::optional<std::string_view> text = Read(given.text);
  if (given.kind < REMORA_BOOLEAN || given.kind > REMORA_STRING || !text.has_value()) {
    return filter->Refuse();
  }
  http::MetadataValue added;
  added.kind = Kind::kStruct;
  http::MetadataValue& made = added.fields[std::string(*field)];
  made.kind = static_cast<Kind>(given.kind);
  made.boolean = given.boolean != 0;
  made.number = given.number;
  if (made.kind == Kind::kString) made.text = *text;
  filter->metadata().Merge(filter->context().stream_info(), std::string(*name), std::move(added));
  return REMORA_OK;
}

// --- calls and timers

// Fields that say where a message goes and how it ends: the host writes them.
bool IsHosts(std::string_view name) {
  constexpr std::string_view kNames[] = {"host",    "content-length", "transfer-encoding",
                                         "upgrade", "connection",     "keep-alive",
                                         "te",      "trailer",        "proxy-connection"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// Nothing when it cannot be sent.
std::optional<CallRequest> ReadCall(const remora_call_request& given) {
  constexpr uint64_t kMaxTimeout = 3600 * 1000;
  constexpr uint64_t kDefaultBody = 64 << 10;
  const auto or_else = [](const remora_bytes& bytes, std::string_view otherwise) {
    const std::optional<std::string_view> read = Read(bytes);
    return read.has_value() && read->empty() ? otherwise : read;
  };
  const std::optional<std::string_view> cluster = Read(given.cluster);
  if (!cluster.has_value()) return std::nullopt;
  const std::optional<std::string_view> method = or_else(given.method, "GET");
  const std::optional<std::string_view> authority = or_else(given.authority, *cluster);
  const std::optional<std::string_view> path = Read(given.path);
  const std::optional<std::string_view> body = Read(given.body, kMaxModuleBytes);
  std::optional<CallFields> fields = ReadFields(given.fields, given.field_count);
  if (!method.has_value() || !http::IsValidPart(http::RequestPart::kMethod, *method) ||
      !authority.has_value() || !http::IsValidPart(http::RequestPart::kAuthority, *authority) ||
      !path.has_value() || !http::IsValidPart(http::RequestPart::kPath, *path) ||
      !body.has_value() || !fields.has_value() || given.timeout_milliseconds > kMaxTimeout ||
      given.max_body_bytes > kMaxModuleBytes ||
      std::any_of(fields->begin(), fields->end(),
                  [](const auto& field) { return IsHosts(field.first); })) {
    return std::nullopt;
  }
  CallRequest request{std::string(*cluster), std::string(*method), std::string(*authority),
                      std::string(*path),    std::move(*fields),   std::string(*body)};
  if (given.timeout_milliseconds > 0) {
    request.timeout =
        static_cast<event::Duration>(given.timeout_milliseconds) * event::kMillisecond;
  }
  request.max_body = given.max_body_bytes > 0 ? given.max_body_bytes : kDefaultBody;
  return request;
}

int32_t CallStart(remora_stream stream, const remora_call_request* request, remora_call* call) {
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (request == nullptr || call == nullptr) return filter->Refuse();
  const std::optional<CallRequest> read = ReadCall(CopyOf(*request));
  if (!read.has_value()) return filter->Refuse();
  return filter->StartCall(*read, *call);
}

int32_t CallCancel(remora_stream stream, remora_call call) {
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  return filter == nullptr ? REMORA_GONE : filter->CancelCall(call);
}

int32_t TimerStart(remora_stream stream, uint64_t milliseconds, remora_timer* timer) {
  constexpr uint64_t kMaxTime = uint64_t{24} * 3600 * 1000;
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  if (filter == nullptr) return REMORA_GONE;
  if (timer == nullptr || milliseconds > kMaxTime) return filter->Refuse();
  return filter->StartTimer(static_cast<event::Duration>(milliseconds) * event::kMillisecond,
                            *timer);
}

int32_t TimerCancel(remora_stream stream, remora_timer timer) {
  ModuleFilter* const filter = ModuleFilter::Find(stream);
  return filter == nullptr ? REMORA_GONE : filter->CancelTimer(timer);
}

constexpr remora_host kTable = {
    .size = sizeof(remora_host),
    .abi_version = REMORA_FILTER_ABI_VERSION,
    .reserved = 0,
    .has = &Has,
    .log_enabled = &LogEnabled,
    .log = &Log,
    .config_value = &ConfigValue,
    .config_member = &ConfigMember,
    .config_error = &ConfigError,
    .define_metric = &DefineMetric,
    .get_part = &GetPart,
    .set_part = &SetPart,
    .get_status = &GetStatus,
    .set_status = &SetStatus,
    .get_framing = &GetFraming,
    .set_framing = &SetFraming,
    .header_get = &HeaderGet,
    .header_next = &HeaderNext,
    .header_add = &HeaderAdd,
    .header_set = &HeaderSet,
    .header_remove = &HeaderRemove,
    .data_size = &DataSize,
    .data_pieces = &DataPieces,
    .data_drain = &DataDrain,
    .data_append = &DataAppend,
    .add_data = &AddData,
    .resume = &Resume,
    .local_reply = &LocalReply,
    .reset = &Reset,
    .reroute = &Reroute,
    .set_buffer_limit = &SetBufferLimit,
    .saw_request = &SawRequest,
    .route_config = &RouteConfig,
    .counter_add = &CounterAdd,
    .gauge_add = &GaugeAdd,
    .histogram_record = &HistogramRecord,
    .metadata_get = &MetadataGet,
    .metadata_set = &MetadataSet,
    .call_start = &CallStart,
    .call_cancel = &CallCancel,
    .timer_start = &TimerStart,
    .timer_cancel = &TimerCancel,
};

}  // namespace

const remora_host& HostTable() { return kTable; }

}  // namespace remora::extensions
