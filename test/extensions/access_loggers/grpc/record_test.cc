// Records of the access log service: exchanges in, messages out.

#include "source/extensions/access_loggers/grpc/record.h"

#include <catch2/catch.hpp>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace remora::extensions {
namespace {

namespace data = envoy::data::accesslog::v3;

template <class Entry>
std::string Difference(const std::string& record, const std::string& expected) {
  Entry entry;
  if (!entry.ParseFromString(record)) return "no record";
  Entry wanted;
  if (!google::protobuf::TextFormat::ParseFromString(expected, &wanted)) return "no text";
  std::string report;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&report);
  differencer.Compare(entry, wanted);
  return report;
}

TEST_CASE("gRPC access log record: nothing is known") {
  const http::StreamInfo info;
  std::string http;
  AppendHttpRecord({info}, {}, http);
  CHECK(Difference<data::HTTPAccessLogEntry>(
            http,
            "common_properties { start_time {} } protocol_version: HTTP11 request {} "
            "response {}") == "");
  std::string tcp;
  AppendTcpRecord({info}, tcp);
  CHECK(Difference<data::TCPAccessLogEntry>(
            tcp, "common_properties { start_time {} } connection_properties {}") == "");
}

TEST_CASE("gRPC access log record: times are since the start, unknown ones are not there") {
  http::StreamInfo info;
  info.start_wall = 1'700'000'000'123'456'789;
  info.start = 10 * event::kSecond;
  info.end = info.start + 2'500 * event::kMillisecond;
  info.upstream_first_byte = info.start + 7;
  info.version_known = false;
  std::string out;
  AppendTcpRecord({info}, out);
  CHECK(Difference<data::TCPAccessLogEntry>(
            out,
            "common_properties { start_time { seconds: 1700000000 nanos: 123456789 } "
            "duration { seconds: 2 nanos: 500000000 } "
            "time_to_first_upstream_rx_byte { nanos: 7 } } connection_properties {}") == "");
}

TEST_CASE("gRPC access log record: every flag that a message has") {
  // DO and UDO have no field.
  for (size_t i = 0; i < static_cast<size_t>(http::ResponseFlag::kCount); ++i) {
    const auto flag = static_cast<http::ResponseFlag>(i);
    const std::string_view word = http::kFlagWords[i];
    if (word == "DO" || word == "UDO") continue;
    http::StreamInfo info;
    info.flags.Set(flag);
    std::string out;
    AppendTcpRecord({info}, out);
    data::TCPAccessLogEntry entry;
    REQUIRE(entry.ParseFromString(out));
    INFO(word);
    CHECK(entry.common_properties().response_flags().ByteSizeLong() > 0);
  }
}

TEST_CASE("gRPC access log record: metadata that filters left") {
  http::Metadata metadata;
  http::MetadataValue& value = metadata["com.example"];
  value.kind = http::MetadataValue::Kind::kStruct;
  http::MetadataValue& list = value.fields["list"];
  list.kind = http::MetadataValue::Kind::kList;
  list.items.resize(2);
  list.items[0].kind = http::MetadataValue::Kind::kNumber;
  list.items[0].number = 1.5;
  value.fields["word"].kind = http::MetadataValue::Kind::kString;
  value.fields["word"].text = "w";
  http::StreamInfo info;
  info.dynamic_metadata = &metadata;
  std::string out;
  AppendTcpRecord({info}, out);
  CHECK(Difference<data::TCPAccessLogEntry>(
            out,
            "common_properties { start_time {} metadata { filter_metadata { key: 'com.example' "
            "value { fields { key: 'list' value { list_value { values { number_value: 1.5 } "
            "values { null_value: NULL_VALUE } } } } "
            "fields { key: 'word' value { string_value: 'w' } } } } } } "
            "connection_properties {}") == "");
}

}  // namespace
}  // namespace remora::extensions
