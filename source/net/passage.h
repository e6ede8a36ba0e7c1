#pragma once

// Passage: what a downstream connection hands on to upstream connections that are made for it
// alone: who the client is and where it wanted to go (for a PROXY header), and the address that
// they come from.
//
//   Session --owns--> Passage <--guests-- pools of connections that nobody else may use
//
// Owner: the downstream connection's session, which makes it when a cluster asks for it. Thread:
// the session's worker. Nothing fails. When it goes, its guests are told: what was made for the
// connection is of no use to another.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/net/address.h"
#include "source/net/downstream_session.h"

namespace remora::net {

class PassageGuest : public base::ListNode<PassageGuest> {
 public:
  // It has left the list.
  virtual void OnPassageEnd() = 0;

 protected:
  ~PassageGuest() = default;
};

class Passage {
 public:
  Passage(Address client, Address destination, std::vector<ConnectionTlv> tlvs,
          std::shared_ptr<const Source> source)
      : client_(std::move(client)),
        destination_(std::move(destination)),
        tlvs_(std::move(tlvs)),
        source_(std::move(source)) {}
  ~Passage() {
    while (!guests_.empty()) guests_.PopFront().OnPassageEnd();
  }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  const Address& client() const { return client_; }
  const Address& destination() const { return destination_; }
  const std::vector<ConnectionTlv>& tlvs() const { return tlvs_; }
  // Null: as the cluster says.
  const Source* source() const { return source_.get(); }
  void Add(PassageGuest& guest) { guests_.PushBack(guest); }

 private:
  Address client_;
  Address destination_;
  std::vector<ConnectionTlv> tlvs_;
  std::shared_ptr<const Source> source_;
  base::IntrusiveList<PassageGuest> guests_;
};

}  // namespace remora::net
