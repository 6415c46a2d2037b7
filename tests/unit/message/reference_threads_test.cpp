// THREAD=REFERENCES beside a second reading of RFC 5256 section 3, step by step and as slow as it is written
// there.
#include "message/reference_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

struct Letter {
  ThreadBase base;
  int64_t date = 0;
};

struct Node {
  int message = -1;  // -1: a dummy
  Node* parent = nullptr;
  std::vector<Node*> children;
};

class Model {
 public:
  explicit Model(const std::vector<Letter>& letters) : letters_(letters) {}

  std::string threads() {
    for (size_t i = 0; i < letters_.size(); i++) link_message(static_cast<int>(i));
    for (const auto& node : nodes_) {
      if (node->parent == nullptr) root_.children.push_back(node.get());
    }
    std::vector<Node*> pruned;
    for (Node* child : root_.children) {
      for (Node* kept : prune(child, true)) pruned.push_back(kept);
    }
    root_.children = pruned;
    sort_top();
    join_subjects();
    sort_below(root_);
    std::string out;
    for (const Node* child : root_.children) out += text(*child);
    return out;
  }

 private:
  Node* make() { return nodes_.emplace_back(std::make_unique<Node>()).get(); }

  Node* find(const std::string& id) {
    Node*& node = ids_[id];
    if (node == nullptr) node = make();
    return node;
  }

  static bool is_above(const Node* above, const Node* node) {
    for (; node != nullptr; node = node->parent) {
      if (node == above) return true;
    }
    return false;
  }

  static void attach(Node* child, Node* parent) {
    if (is_above(child, parent)) return;
    child->parent = parent;
    parent->children.push_back(child);
  }

  void link_message(int number) {
    const ThreadBase& base = letters_[static_cast<size_t>(number)].base;
    Node* own = base.message_id.empty() ? make() : find(base.message_id);
    if (own->message >= 0) own = make();
    own->message = number;
    for (size_t i = 0; i < base.references.size(); i++) {
      Node* child = find(base.references[i]);
      if (i > 0 && child->parent == nullptr) attach(child, find(base.references[i - 1]));
    }
    if (own->parent != nullptr) {
      std::erase(own->parent->children, own);
      own->parent = nullptr;
    }
    if (!base.references.empty()) attach(own, find(base.references.back()));
  }

  // What stands in the node's place.
  static std::vector<Node*> prune(Node* node, bool at_top) {
    std::vector<Node*> kept;
    for (Node* child : node->children) {
      for (Node* one : prune(child, false)) kept.push_back(one);
    }
    node->children = kept;
    if (node->message >= 0) return {node};
    if (!at_top || kept.size() < 2) return kept;
    return {node};
  }

  std::pair<int64_t, int> place(const Node* node) const {
    if (node->message >= 0) return {letters_[static_cast<size_t>(node->message)].date, node->message};
    auto first = place(node->children.front());
    for (const Node* child : node->children) first = std::min(first, place(child));
    return first;
  }

  void sort(std::vector<Node*>& nodes) const {
    std::sort(nodes.begin(), nodes.end(),
              [this](const Node* a, const Node* b) { return place(a) < place(b); });
  }

  void sort_top() {
    for (Node* child : root_.children) {
      if (child->message < 0) sort(child->children);
    }
    sort(root_.children);
  }

  std::string subject(const Node* node) const {
    const int number = node->message >= 0 ? node->message : node->children.front()->message;
    return casemap(letters_[static_cast<size_t>(number)].base.subject.text);
  }

  bool is_reply(const Node* node) const {
    return node->message >= 0 && letters_[static_cast<size_t>(node->message)].base.subject.reply_or_forward;
  }

  void join_subjects() {
    std::map<std::string, Node*> table;
    std::map<Node*, std::string> subjects;
    for (Node* child : root_.children) {
      subjects[child] = subject(child);
      if (subjects[child].empty()) continue;
      Node*& known = table[subjects[child]];
      if (known == nullptr ||
          (known->message >= 0 && (child->message < 0 || (is_reply(known) && !is_reply(child))))) {
        known = child;
      }
    }
    const std::vector<Node*> top = root_.children;
    for (Node* child : top) {
      if (subjects[child].empty()) continue;
      Node*& known = table[subjects[child]];
      const bool still =
          std::find(root_.children.begin(), root_.children.end(), child) != root_.children.end();
      if (known == child || !still) continue;
      std::erase(root_.children, child);
      if (known->message < 0 && child->message < 0) {
        known->children.insert(known->children.end(), child->children.begin(), child->children.end());
      } else if (known->message < 0 || (is_reply(child) && !is_reply(known))) {
        known->children.push_back(child);
      } else {
        std::erase(root_.children, known);
        Node* dummy = make();
        dummy->children = {child, known};
        root_.children.push_back(dummy);
        known = dummy;
      }
    }
  }

  void sort_below(Node& node) {
    for (Node* child : node.children) sort_below(*child);
    sort(node.children);
  }

  static std::string text(const Node& node) {
    std::string out = "(" + (node.message >= 0 ? std::to_string(node.message) : std::string());
    for (const Node* child : node.children) out += text(*child);
    return out + ")";
  }

  const std::vector<Letter>& letters_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, Node*> ids_;
  Node root_;
};

std::string text(const ReferenceThreads& threads, ReferenceThreads::Item item) {
  std::string out = "(" + (item < threads.messages() ? std::to_string(item) : std::string());
  for (const auto child : threads.children(item)) out += text(threads, child);
  return out + ")";
}

std::string threads_of(const std::vector<Letter>& letters) {
  ReferenceThreads threads;
  for (const Letter& letter : letters) threads.add(letter.base, letter.date);
  threads.gather();
  threads.merge();
  threads.arrange();
  std::string out;
  for (const auto item : threads.top()) out += text(threads, item);
  return out;
}

class ThreadsOfRandomLetters : public testing::TestWithParam<uint64_t> {};

TEST_P(ThreadsOfRandomLetters, AreAsTheTextSays) {
  std::mt19937_64 dice(GetParam());
  const auto id = [&](uint64_t ids) { return std::to_string(dice() % ids) + "@x"; };
  for (int round = 0; round < 200; round++) {
    const uint64_t ids = 1 + dice() % 12;
    const char* const subjects[] = {"", "one", "ONE", "two", "three"};
    std::vector<Letter> letters(dice() % 12);
    for (Letter& letter : letters) {
      if (dice() % 6 != 0) letter.base.message_id = id(ids);
      for (uint64_t n = dice() % 5; n > 0; n--) letter.base.references.push_back(id(ids));
      letter.base.subject.text = subjects[dice() % std::size(subjects)];
      letter.base.subject.reply_or_forward = dice() % 2 == 0;
      letter.date = static_cast<int64_t>(dice() % 5);
    }
    ASSERT_EQ(threads_of(letters), Model(letters).threads());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ThreadsOfRandomLetters, testing::Range<uint64_t>(1, 21));

// Each in a time that a quadratic walk would miss by far; the tests' time limit tells.
TEST(ReferenceThreads, DepthCostsLittle) {
  constexpr int kLetters = 100'000;
  for (const bool backwards : {false, true}) {
    ReferenceThreads threads;
    for (int i = 0; i < kLetters; i++) {
      const int n = backwards ? kLetters - i : i;
      ThreadBase base;
      base.message_id = std::to_string(n) + "@x";
      if (n > 0) base.references = {std::to_string(n - 1) + "@x"};
      threads.add(base, n);
    }
    threads.gather();
    threads.merge();
    threads.arrange();
    ASSERT_EQ(threads.top().size(), 1u);
    size_t depth = 0;
    for (auto level = threads.top(); !level.empty(); level = threads.children(level.front())) depth++;
    EXPECT_EQ(depth, static_cast<size_t>(kLetters));
  }
}

TEST(LinkForest, KnowsRootsAsAWalkDoes) {
  std::mt19937_64 dice(7);
  constexpr uint32_t kNodes = 60;
  LinkForest forest;
  std::vector<uint32_t> parents(kNodes, LinkForest::kNone);
  for (uint32_t i = 0; i < kNodes; i++) ASSERT_EQ(forest.add(), i);
  const auto root = [&](uint32_t node) {
    while (parents[node] != LinkForest::kNone) node = parents[node];
    return node;
  };
  for (int step = 0; step < 20'000; step++) {
    const auto a = static_cast<uint32_t>(dice() % kNodes), b = static_cast<uint32_t>(dice() % kNodes);
    ASSERT_EQ(forest.root(a), root(a));
    if (parents[a] != LinkForest::kNone) {
      forest.cut(a);
      parents[a] = LinkForest::kNone;
    } else if (root(b) != a) {
      forest.link(a, b);
      parents[a] = b;
    }
  }
}

}  // namespace
}  // namespace posthouse::message
