// IntrusiveList and Link.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/link.h"

namespace remora::base {
namespace {

struct OtherTag;
struct Item : ListNode<Item>, ListNode<Item, OtherTag> {
  explicit Item(char name) : name(name) {}
  char name;
};
using List = IntrusiveList<Item>;
using OtherList = IntrusiveList<Item, OtherTag>;

std::string Names(List& list) {
  std::string text;
  list.ForEach([&](Item& item) { text += item.name; });
  return text;
}

TEST_CASE("list: order, both ends") {
  Item a('a'), b('b'), c('c');
  List list;
  CHECK(list.empty());
  list.PushBack(b);
  list.PushBack(c);
  list.PushFront(a);
  CHECK(Names(list) == "abc");
  CHECK(list.front().name == 'a');
  CHECK(list.back().name == 'c');
  CHECK(list.PopFront().name == 'a');
  CHECK_FALSE(a.ListNode<Item>::linked());
  CHECK(Names(list) == "bc");
}

TEST_CASE("list: an element leaves by itself and when destroyed") {
  List list;
  Item a('a');
  list.PushBack(a);
  {
    Item b('b');
    list.PushBack(b);
    CHECK(Names(list) == "ab");
  }
  CHECK(Names(list) == "a");
  a.ListNode<Item>::Unlink();
  a.ListNode<Item>::Unlink();
  CHECK(list.empty());
}

TEST_CASE("list: a list that goes lets its elements go") {
  Item a('a');
  {
    List list;
    list.PushBack(a);
  }
  CHECK_FALSE(a.ListNode<Item>::linked());
}

TEST_CASE("list: an object can be in two") {
  Item a('a');
  List list;
  OtherList other;
  list.PushBack(a);
  other.PushBack(a);
  list.PopFront();
  CHECK(list.empty());
  CHECK(other.front().name == 'a');
  other.PopFront();
}

TEST_CASE("list: the walk may unlink what it is given") {
  Item a('a'), b('b'), c('c');
  List list;
  for (Item* item : {&a, &b, &c}) list.PushBack(*item);
  list.ForEach([](Item& item) {
    if (item.name != 'b') item.ListNode<Item>::Unlink();
  });
  CHECK(Names(list) == "b");
}

TEST_CASE("list: splice keeps the order and empties the other") {
  Item a('a'), b('b'), c('c'), d('d');
  List list, more, none;
  list.PushBack(a);
  list.PushBack(b);
  more.PushBack(c);
  more.PushBack(d);
  list.Splice(more);
  CHECK(Names(list) == "abcd");
  CHECK(more.empty());
  list.Splice(none);
  none.Splice(list);
  CHECK(Names(none) == "abcd");
  CHECK(list.empty());
}

struct Target : Linkable {
  int value = 7;
};

TEST_CASE("link: goes null when the target dies") {
  auto target = std::make_unique<Target>();
  Link<Target> first(*target);
  Link<Target> second;
  CHECK_FALSE(second);
  second.Set(*target);
  CHECK(second->value == 7);
  target.reset();
  CHECK_FALSE(first);
  CHECK(second.get() == nullptr);
}

TEST_CASE("link: the target forgets a link that dies or is set anew") {
  Target one, two;
  two.value = 8;
  std::optional<Link<Target>> link(std::in_place, one);
  Link<Target> other(one);
  link.reset();
  other.Set(two);
  one.BreakLinks();
  CHECK(other->value == 8);
  other.Reset();
  CHECK_FALSE(other);
}

TEST_CASE("link: can be broken before the target dies") {
  Target target;
  Link<Target> link(target);
  target.BreakLinks();
  CHECK_FALSE(link);
  link.Set(target);
  CHECK(link);
}

}  // namespace
}  // namespace remora::base
