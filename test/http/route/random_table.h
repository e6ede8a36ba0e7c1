#pragma once

// Random route tables, and requests that come close to them. The same seed gives the same table.

#include <memory>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/http/route/config.h"
#include "test/http/route/request.h"

namespace remora::route {

// What a Request is made of.
struct RequestText {
  std::string authority;
  std::string path;
  std::string method;
  Fields fields;

  Request Make() const { return Request(authority, path, fields, method); }
  std::string ToString() const;
};

class RandomTable {
 public:
  explicit RandomTable(uint64_t seed);

  const RouteTableConfig& config() const { return config_; }
  const runtime::Snapshot& runtime() const { return runtime_; }
  // Made of the table's own domains, paths and values, with small changes.
  RequestText NextRequest();
  uint64_t NextNumber() { return random_.Next(); }

 private:
  bool Chance(uint32_t percent) { return random_.Below(100) < percent; }
  template <class T>
  const T& Pick(const std::vector<T>& choices) {
    return choices[random_.Below(choices.size())];
  }
  std::string Domain();
  std::string PathText();
  PathMatch MakeMatch();
  StringMatch MakeString();
  HeaderMatch MakeHeader();
  RouteConfig MakeRoute();
  FilterOverrides MakeOverrides(const std::string& level);

  base::Random random_;
  RouteTableConfig config_;
  runtime::Snapshot runtime_;
  std::vector<std::string> paths_;  // of the table, as literal texts
};

}  // namespace remora::route
