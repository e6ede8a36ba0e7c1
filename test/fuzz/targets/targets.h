#pragma once

// The fuzz targets: functions of bytes that must not crash, leak, or break a stated property.
//
// libfuzzer.cc mutates one of them (tools/fuzz), replay_test.cc feeds all of them their corpora in
// every test run. A property that does not hold throws FuzzFailure: the replay reports it, and
// under libFuzzer it ends the process, which is how libFuzzer learns of it. Thread: one; no state
// is kept between two calls.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace remora::fuzz {

class FuzzFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void Require(bool holds, const std::string& what) {
  if (!holds) throw FuzzFailure(what);
}

struct Target {
  const char* name;  // of the folder of its corpus
  void (*run)(std::string_view input);
};

// Requests and responses into the codecs, whole and in pieces: the same events both times.
void RunHttp1Request(std::string_view input);
void RunHttp1Response(std::string_view input);
// Requests through server codec and client codec: what is forwarded, read by the strict parser of
// test/harness, is exactly the requests that were accepted, or nothing.
void RunHttp1Proxy(std::string_view input);
// The same for HTTP/2: frames behind the preface, and the bridge from HTTP/2 to HTTP/1.
void RunHttp2Request(std::string_view input);
void RunHttp2Response(std::string_view input);
void RunHttp2Proxy(std::string_view input);
// Operations on a HeaderMap beside the same ones on a vector.
void RunHeaderMap(std::string_view input);
// A random route table beside the linear matcher.
void RunRouteTable(std::string_view input);
// Request targets beside a plain model of the normal form, and under every target policy.
void RunPath(std::string_view input);
// Format strings: parsed, printed; a constant prints itself.
void RunFormat(std::string_view input);
// First bytes of a connection: what a prefix says for certain, the whole says too.
void RunClientHello(std::string_view input);
// The same, and what is read, written and read again, is the same.
void RunProxyProtocol(std::string_view input);
// Text to message to values: ends with values or with positioned errors.
void RunConfig(std::string_view input);

// All of them; without `config` those that need no protobuf.
std::vector<Target> CoreTargets();
std::vector<Target> ConfigTargets();

}  // namespace remora::fuzz
