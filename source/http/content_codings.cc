#include "source/http/content_codings.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "source/http/ascii.h"
#include "source/http/field_list.h"

namespace remora::http {
namespace {

// More in a chain than this, and the rest is not offered.
constexpr size_t kMostOffers = 64;

struct Wish {
  std::string_view coding;
  float weight = 1;
};

// Calls `visit` with each wish of the field that can be read.
template <class Visit>
void ForEachWish(std::string_view field, const Visit& visit) {
  while (!field.empty()) {
    const std::string_view part = NextElement(field);
    if (part.empty()) continue;
    const size_t semicolon = part.find(';');
    Wish wish{TrimField(part.substr(0, semicolon))};
    if (semicolon != std::string_view::npos) {
      const std::string_view parameter = part.substr(semicolon + 1);
      const size_t equals = parameter.find('=');
      if (equals != std::string_view::npos &&
          EqualsWord(TrimField(parameter.substr(0, equals)), "q")) {
        const std::string_view weight = TrimField(parameter.substr(equals + 1));
        if (!absl::SimpleAtof({weight.data(), weight.size()}, &wish.weight)) continue;
      }
    }
    visit(wish);
  }
}

}  // namespace

std::string_view MediaType(std::string_view content_type) {
  return TrimField(content_type.substr(0, content_type.find(';')));
}

void ContentCodings::Add(CodingOffer& offer) {
  offer.next = nullptr;
  *end_ = &offer;
  end_ = &offer.next;
}

const CodingChoice& ContentCodings::Choose(std::string_view accept_encoding,
                                           std::string_view media_type) {
  if (!decided_) choice_ = Decide(accept_encoding, media_type);
  decided_ = true;
  return choice_;
}

CodingChoice ContentCodings::Decide(std::string_view accept_encoding,
                                    std::string_view media_type) const {
  const CodingOffer* offers[kMostOffers];
  size_t count = 0;
  const auto find = [&](std::string_view coding) -> const CodingOffer** {
    for (size_t i = 0; i < count; ++i) {
      if (offers[i] != nullptr && EqualsWord(coding, offers[i]->encoding)) return &offers[i];
    }
    return nullptr;
  };
  for (const CodingOffer* offer = first_; offer != nullptr && count < kMostOffers;
       offer = offer->next) {
    if (offer->suits(*offer, media_type) && find(offer->encoding) == nullptr) {
      offers[count++] = offer;
    }
  }
  // What is refused goes, also where `*` follows.
  ForEachWish(accept_encoding, [&](const Wish& wish) {
    const CodingOffer** refused = wish.weight == 0 ? find(wish.coding) : nullptr;
    if (refused != nullptr) *refused = nullptr;
  });
  const CodingOffer* first = nullptr;
  for (size_t i = count; i > 0; --i) {
    if (offers[i - 1] != nullptr) first = offers[i - 1];
  }
  if (first == nullptr) return {};

  CodingChoice choice;
  float best = 0;
  ForEachWish(accept_encoding, [&](const Wish& wish) {
    const CodingOffer** named = find(wish.coding);
    const bool any = wish.coding == "*";
    const bool identity = EqualsWord(wish.coding, "identity");
    if (named == nullptr && !any && !identity) return;
    const bool wins = wish.weight > best ||
                      (wish.weight == best && best > 0 && named != nullptr && (*named)->preferred);
    if (!wins) return;
    best = wish.weight;
    if (named != nullptr) {
      choice = {CodingChoice::Reason::kNamed, (*named)->encoding};
    } else if (identity) {
      choice = {CodingChoice::Reason::kIdentity, {}};
    } else {
      choice = {CodingChoice::Reason::kAny, first->encoding};
    }
  });
  return choice;
}

}  // namespace remora::http
