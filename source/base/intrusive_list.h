#pragma once

// IntrusiveList: a doubly linked list whose nodes live in the objects themselves.
//
// No allocation; an object knows how to leave the list it is in (Unlink), and leaves it by itself
// when destroyed. Single-threaded. The list does not own its elements.
// T must derive from ListNode<T, Tag>; the Tag lets an object be in several lists.

#include "source/base/check.h"

namespace remora::base {

template <class T, class Tag>
class IntrusiveList;

template <class T, class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { Unlink(); }

  bool linked() const { return next_ != nullptr; }
  void Unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class IntrusiveList<T, Tag>;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

template <class T, class Tag = void>
class IntrusiveList {
 public:
  using Node = ListNode<T, Tag>;
  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  ~IntrusiveList() {
    while (!empty()) PopFront();
    head_.next_ = head_.prev_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return *static_cast<T*>(head_.next_); }
  T& back() { return *static_cast<T*>(head_.prev_); }

  void PushBack(T& element) { InsertBefore(&head_, &static_cast<Node&>(element)); }
  void PushFront(T& element) { InsertBefore(head_.next_, &static_cast<Node&>(element)); }
  T& PopFront() {
    T& element = front();
    static_cast<Node&>(element).Unlink();
    return element;
  }
  // Takes over all elements of `other`, in order, behind our own.
  void Splice(IntrusiveList& other) {
    if (other.empty()) return;
    Node* first = other.head_.next_;
    Node* last = other.head_.prev_;
    other.head_.next_ = other.head_.prev_ = &other.head_;
    first->prev_ = head_.prev_;
    head_.prev_->next_ = first;
    last->next_ = &head_;
    head_.prev_ = last;
  }

  // Walks the list; the callback may unlink the element it is given.
  template <class F>
  void ForEach(F&& f) {
    for (Node* node = head_.next_; node != &head_;) {
      Node* next = node->next_;
      f(*static_cast<T*>(node));
      node = next;
    }
  }

 private:
  static void InsertBefore(Node* at, Node* node) {
    DCHECK(!node->linked());
    node->next_ = at;
    node->prev_ = at->prev_;
    at->prev_->next_ = node;
    at->prev_ = node;
  }
  Node head_;
};

}  // namespace remora::base
