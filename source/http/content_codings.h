#pragma once

// ContentCodings: which coding a response is to have, of those that the filters of a chain offer.
//
// RFC 9110 section 12.5.3, read as Envoy does: the coding with the highest weight wins; the one
// that is named first among equals, unless another one is preferred; `*` is the first on offer.
//
// Owner: the stream's arena, made by the first filter that offers one. Thread: its worker. Offers
// are members of their filters. Nothing fails: a field that makes no sense asks for no coding.

#include <cstdint>
#include <string_view>

namespace remora::http {

struct CodingOffer {
  std::string_view encoding;
  bool preferred = false;  // among those that the client likes as much
  // Whether a response of this media type may get it; an empty one may get any.
  bool (*suits)(const CodingOffer& offer, std::string_view media_type) = nullptr;
  CodingOffer* next = nullptr;
};

struct CodingChoice {
  enum class Reason : uint8_t {
    kNone,      // nothing on offer is acceptable
    kIdentity,  // the client would rather have none
    kAny,       // it takes whatever there is
    kNamed,
  };
  Reason reason = Reason::kNone;
  std::string_view encoding;  // empty: none
};

// content-type without its parameters.
std::string_view MediaType(std::string_view content_type);

class ContentCodings {
 public:
  // In the order of the chain. Of several for one coding the first counts.
  void Add(CodingOffer& offer);
  // Decided at the first call, for all of them: a response gets one coding.
  const CodingChoice& Choose(std::string_view accept_encoding, std::string_view media_type);

 private:
  CodingChoice Decide(std::string_view accept_encoding, std::string_view media_type) const;

  CodingOffer* first_ = nullptr;
  CodingOffer** end_ = &first_;
  bool decided_ = false;
  CodingChoice choice_;
};

}  // namespace remora::http
