#pragma once

// Link: a pointer between two ownership trees that goes null by itself.
//
// `Linkable` is a base of the object pointed at; `Link<T>` is held by the other side. When the
// target dies every Link to it becomes null; when a Link dies the target forgets it. Intrusive,
// single-threaded, no allocation. It replaces weak_ptr and "is it still alive" flags
// (design rule: between trees only Link).

#include "source/base/intrusive_list.h"

namespace remora::base {

class LinkNode;
class Linkable;

class LinkNode : public ListNode<LinkNode> {
 protected:
  friend class Linkable;
  Linkable* target_ = nullptr;
};

class Linkable {
 public:
  Linkable() = default;
  ~Linkable() { BreakLinks(); }
  Linkable(const Linkable&) = delete;
  Linkable& operator=(const Linkable&) = delete;

  // Makes every Link to this object null now (before the destructor runs).
  void BreakLinks() {
    while (!links_.empty()) links_.PopFront().target_ = nullptr;
  }

 private:
  template <class T>
  friend class Link;
  void AddLink(LinkNode& node) { links_.PushBack(node); }
  IntrusiveList<LinkNode> links_;
};

template <class T>
class Link final : public LinkNode {
 public:
  Link() = default;
  explicit Link(T& target) { Set(target); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void Set(T& target) {
    Reset();
    target_ = &target;
    static_cast<Linkable&>(target).AddLink(*this);
  }
  void Reset() {
    Unlink();
    target_ = nullptr;
  }
  T* get() const { return static_cast<T*>(target_); }
  T* operator->() const { return get(); }
  explicit operator bool() const { return target_ != nullptr; }
};

}  // namespace remora::base
