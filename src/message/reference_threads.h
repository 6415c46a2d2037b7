// The threading algorithm REFERENCES (RFC 5256 section 3).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "message/link_forest.h"
#include "message/thread.h"

namespace posthouse::message {

// Give it all messages in the order of the mailbox, then call gather(), merge() and arrange(), which are
// apart so that a caller can do something else in between. n log n, whatever the messages say.
class ReferenceThreads {
 public:
  // An item is a message, by its number from 0, or from messages() on one that is not there but has at least
  // two children. Those stand only at the top.
  using Item = uint32_t;

  void add(const ThreadBase& base, int64_t sent_date);
  size_t messages() const { return dates_.size(); }
  // Octets, about.
  size_t memory() const { return memory_; }

  void gather();   // steps 2 and 3
  void merge();    // steps 4 and 5
  void arrange();  // step 6
  // After it: nothing stays in memory but the answer.
  void settle();

  // After arrange(), sorted.
  std::span<const Item> top() const;
  std::span<const Item> children(Item item) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  using Node = LinkForest::Node;
  struct Linked {  // by a Message-ID, or a message without one
    Node parent = kNone;
    Item message = kNone;
  };
  struct Range {
    uint32_t begin = 0, end = 0;
  };
  // Strangers choose the texts: no hash table, but most of them differ in a digest already.
  template <class Value>
  class ByText {
   public:
    Value* find(std::string_view text);
    // What is there, or `value` put there; and whether it was.
    std::pair<Value*, bool> add(std::string_view text, const Value& value);
    void clear() { map_.clear(); }

   private:
    struct Key {
      size_t digest;
      std::string text;
    };
    struct Less {
      using is_transparent = void;
      template <class A, class B>
      bool operator()(const A& a, const B& b) const {
        return a.digest != b.digest ? a.digest < b.digest : a.text < b.text;
      }
    };
    struct Looked {
      size_t digest;
      std::string_view text;
    };
    std::map<Key, Value, Less> map_;
  };

  Node add_node();
  Node node_of(const std::string& id);
  Node own_node(const std::string& id);
  void link(Node child, Node parent);
  Node real_or_top(Node dummy);
  bool is_message(Item item) const { return item < messages(); }
  std::vector<Item>& children_of_dummy(Item item) { return dummies_[item - messages()]; }
  const std::vector<Item>& children_of_dummy(Item item) const { return dummies_[item - messages()]; }
  Item add_dummy(std::vector<Item> children);
  bool is_before(Item a, Item b) const;
  Item first_of(Item item) const;
  std::vector<Item> sorted_top() const;
  const std::string& subject_of(Item item) const { return subjects_[first_of(item)]; }
  bool is_reply(Item item) const { return is_message(item) && replies_[item]; }
  void merge_into(Item& known, Item current);

  LinkForest forest_;
  std::vector<Linked> nodes_;
  ByText<Node> by_id_;
  std::vector<Node> node_of_message_, resolved_;
  std::vector<int64_t> dates_;
  std::vector<std::string> subjects_;       // base subjects, as they are compared
  std::vector<bool> replies_;               // or forwarded ones
  std::vector<Item> parents_;               // of items; kNone at the top
  std::vector<std::vector<Item>> dummies_;  // their children; none left: it is gone
  std::vector<Item> order_;                 // all items, siblings together and sorted
  std::vector<Range> ranges_;               // in it: of each item's children, and last the top
  size_t memory_ = 0;
};

}  // namespace posthouse::message
