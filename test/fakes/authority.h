#pragma once

// Authority: a certificate authority for tests, made while they run, with keys that nobody keeps.
//
// Every certificate says "remora test" in its organisation. Time is real: validity is given in
// seconds from now. Thread: one. What cannot be made ends the test.

#include <memory>
#include <string>
#include <vector>

namespace remora::fakes {

struct CertificateWish {
  std::string common_name = {};
  // As OpenSSL writes them: "DNS:a.example", "URI:spiffe://x/y", "IP:127.0.0.1",
  // "otherName:1.2.3.4;UTF8:text".
  std::vector<std::string> names = {};
  std::string raw_dns_name = {};  // bytes as they are, a zero byte too
  bool empty_dns_name = false;
  bool rsa = false;
  bool authority = false;
  bool must_staple = false;
  int valid_from = -3600;
  int valid_for = 3600;
  size_t padding = 0;  // bytes of an extension that nobody knows
};

struct Minted {
  std::string certificate;  // PEM
  std::string key;          // PEM
  std::string serial;       // decimal
};

class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();

  const std::string& pem() const { return pem_; }
  Minted Issue(const CertificateWish& wish);
  // A list that revokes these serial numbers.
  std::string Revoke(const std::vector<std::string>& serials);
  // A list of `count` numbers that belong to no certificate.
  std::string RevokeMany(int count);

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string pem_;
  int next_serial_ = 1000;
};

}  // namespace remora::fakes
