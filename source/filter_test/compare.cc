#include "source/filter_test/compare.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "remora/filter_test/v1/case.pb.h"
#include "source/config/format_config.h"

namespace remora::filter_test {
namespace {

constexpr size_t kMostShown = 200;

class Differences {
 public:
  void Add(const std::string& where, const std::string& expected, const std::string& was) {
    lines_.push_back(absl::StrCat(where, ": expected ", expected, ", was ", was));
  }
  void Check(const std::string& where, const std::string& expected, const std::string& was) {
    if (expected != was) Add(where, expected, was);
  }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

std::string Quoted(const std::string& text) {
  std::string shown = "\"";
  for (const char c : text.substr(0, kMostShown)) {
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\r') {
      shown += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&shown, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      shown += c;
    }
  }
  shown += '"';
  if (text.size() > kMostShown) absl::StrAppend(&shown, "... (", text.size(), " bytes)");
  return shown;
}

// All values of that name.
std::vector<std::string> ValuesOf(const Fields& fields, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [other, value] : fields) {
    if (other == name) values.push_back(Quoted(value));
  }
  return values;
}

template <class List>
void CompareFields(const std::string& where, const List& expected, const Fields& were,
                   Differences& differences) {
  for (const v1::Field& field : expected) {
    const std::vector<std::string> values = ValuesOf(were, field.name());
    bool found = false;
    for (const std::string& value : values) found = found || value == Quoted(field.value());
    if (found) continue;
    differences.Add(absl::StrCat(where, " ", field.name()), Quoted(field.value()),
                    values.empty() ? "not there" : absl::StrJoin(values, " and "));
  }
}

void CompareMessage(const std::string& where, const v1::Message& expected, const Seen& seen,
                    Differences& differences) {
  if (!seen.begun) {
    differences.Add(where, "a message", "none");
    return;
  }
  const auto text = [&](const char* what, const std::string& wanted, const std::string& was) {
    if (!wanted.empty()) differences.Check(where + what, Quoted(wanted), Quoted(was));
  };
  text(".method", expected.method(), seen.method);
  text(".path", expected.path(), seen.path);
  text(".authority", expected.authority(), seen.authority);
  if (expected.status() != 0) {
    differences.Check(where + ".status", absl::StrCat(expected.status()),
                      absl::StrCat(seen.status));
  }
  CompareFields(where + ".headers", expected.headers(), seen.headers, differences);
  for (const std::string& name : expected.without()) {
    const std::vector<std::string> values = ValuesOf(seen.headers, name);
    if (!values.empty()) {
      differences.Add(absl::StrCat(where, ".headers ", name), "nothing",
                      absl::StrJoin(values, " and "));
    }
  }
  if (expected.no_body() || expected.body_size() > 0) {
    differences.Check(where + ".body", Quoted(absl::StrJoin(expected.body(), "")),
                      Quoted(seen.body));
  }
  CompareFields(where + ".trailers", expected.trailers(), seen.trailers, differences);
  if (!seen.ended) differences.Add(where, "its end", seen.reset ? "a reset" : "no end");
}

void CompareMetadata(const v1::Expect& expected, const Outcome& outcome, Differences& differences) {
  const http::MetadataValue wanted = config::ToMetadataValue(expected.metadata());
  for (const auto& [name, fields] : wanted.fields) {
    for (const auto& [key, value] : fields.fields) {
      const auto space = outcome.metadata.find(name);
      const http::MetadataValue* was = nullptr;
      if (space != outcome.metadata.end()) was = space->second.Find({key});
      std::string wanted_text;
      std::string was_text;
      value.AppendJson(wanted_text);
      if (was != nullptr) was->AppendJson(was_text);
      differences.Check(absl::StrCat("metadata ", name, " ", key), wanted_text,
                        was == nullptr ? "not there" : was_text);
    }
  }
}

std::string WhoAnswered(const Outcome& outcome) {
  if (outcome.answered_by_filter) return "FILTER";
  return outcome.client.ended ? "UPSTREAM" : "NOBODY";
}

}  // namespace

std::vector<std::string> Compare(const v1::Expect& expected, const Outcome& outcome) {
  Differences differences;
  differences.Check("answered_by", v1::Expect::Answer_Name(expected.answered_by()),
                    WhoAnswered(outcome));
  if (expected.has_request()) {
    CompareMessage("request", expected.request(), outcome.upstream, differences);
  }
  if (expected.has_response()) {
    CompareMessage("response", expected.response(), outcome.client, differences);
  }
  if (!expected.details().empty()) {
    differences.Check("details", Quoted(expected.details()), Quoted(outcome.details));
  }
  CompareMetadata(expected, outcome, differences);
  const std::map<std::string, int64_t> wanted(expected.stats().begin(), expected.stats().end());
  for (const auto& [name, value] : wanted) {
    const auto found = outcome.stats.find(name);
    differences.Check("stats " + name, absl::StrCat(value),
                      found == outcome.stats.end() ? "not there" : absl::StrCat(found->second));
  }
  return differences.Take();
}

}  // namespace remora::filter_test
