#include "message/reference_threads.h"

#include <algorithm>
#include <tuple>

#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kNodeMemory = 128;  // of one identifier beside its text, and of one message

}  // namespace

template <class Value>
Value* ReferenceThreads::ByText<Value>::find(std::string_view text) {
  const auto found = map_.find(Looked{std::hash<std::string_view>()(text), text});
  return found == map_.end() ? nullptr : &found->second;
}

template <class Value>
std::pair<Value*, bool> ReferenceThreads::ByText<Value>::add(std::string_view text, const Value& value) {
  const Looked looked{std::hash<std::string_view>()(text), text};
  const auto place = map_.lower_bound(looked);
  if (place != map_.end() && !Less()(looked, place->first)) return {&place->second, false};
  return {&map_.emplace_hint(place, Key{looked.digest, std::string(text)}, value)->second, true};
}

ReferenceThreads::Node ReferenceThreads::add_node() {
  memory_ += kNodeMemory;
  nodes_.emplace_back();
  return forest_.add();
}

ReferenceThreads::Node ReferenceThreads::node_of(const std::string& id) {
  const auto next = static_cast<Node>(nodes_.size());
  const auto [node, fresh] = by_id_.add(id, next);
  if (!fresh) return *node;
  memory_ += id.size();
  return add_node();
}

// Only the first message with an identifier has it; others, and those without one, have nodes nobody names.
ReferenceThreads::Node ReferenceThreads::own_node(const std::string& id) {
  if (id.empty()) return add_node();
  const Node node = node_of(id);
  return nodes_[node].message == kNone ? node : add_node();
}

// Unless that made a loop. `child` has no parent.
void ReferenceThreads::link(Node child, Node parent) {
  if (forest_.root(parent) == child) return;
  forest_.link(child, parent);
  nodes_[child].parent = parent;
}

// Step 1.
void ReferenceThreads::add(const ThreadBase& base, int64_t sent_date) {
  const Node own = own_node(base.message_id);
  nodes_[own].message = static_cast<Item>(messages());
  node_of_message_.push_back(own);
  dates_.push_back(sent_date);
  std::string subject = casemap(std::string_view(base.subject.text).substr(0, limits::kThreadSubject));
  memory_ += subject.size();
  subjects_.push_back(std::move(subject));
  replies_.push_back(base.subject.reply_or_forward);
  Node parent = kNone;
  for (const std::string& id : base.references) {
    const Node child = node_of(id);
    if (parent != kNone && nodes_[child].parent == kNone) link(child, parent);
    parent = child;
  }
  if (nodes_[own].parent != kNone) {
    forest_.cut(own);
    nodes_[own].parent = kNone;
  }
  if (parent != kNone) link(own, parent);
}

// The next message above, or the dummy at the top.
ReferenceThreads::Node ReferenceThreads::real_or_top(Node dummy) {
  std::vector<Node> way;
  Node at = dummy;
  while (true) {
    if (resolved_[at] != kNone) {
      at = resolved_[at];
      break;
    }
    way.push_back(at);
    const Node above = nodes_[at].parent;
    if (above == kNone) break;
    at = above;
    if (nodes_[at].message != kNone) break;
  }
  for (const Node passed : way) resolved_[passed] = at;
  return at;
}

ReferenceThreads::Item ReferenceThreads::add_dummy(std::vector<Item> children) {
  const auto dummy = static_cast<Item>(parents_.size());
  for (const Item child : children) parents_[child] = dummy;
  parents_.push_back(kNone);
  dummies_.push_back(std::move(children));
  return dummy;
}

// Dummies go, but for those at the top that hold several together.
void ReferenceThreads::gather() {
  parents_.assign(messages(), kNone);
  resolved_.assign(nodes_.size(), kNone);
  std::map<Node, std::vector<Item>> together;
  for (Item message = 0; message < messages(); message++) {
    Node above = nodes_[node_of_message_[message]].parent;
    if (above == kNone) continue;
    if (nodes_[above].message == kNone) above = real_or_top(above);
    if (nodes_[above].message != kNone) {
      parents_[message] = nodes_[above].message;
    } else {
      together[above].push_back(message);
    }
  }
  for (auto& [node, children] : together) {
    if (children.size() > 1) add_dummy(std::move(children));
  }
  by_id_.clear();
}

// By sent date, then as they stand in the mailbox (section 2.2). Of messages.
bool ReferenceThreads::is_before(Item a, Item b) const {
  return std::tie(dates_[a], a) < std::tie(dates_[b], b);
}

// A dummy is sorted as its first child is.
ReferenceThreads::Item ReferenceThreads::first_of(Item item) const {
  if (is_message(item)) return item;
  const std::vector<Item>& children = children_of_dummy(item);
  return *std::min_element(children.begin(), children.end(),
                           [this](Item a, Item b) { return is_before(a, b); });
}

// Step 4.
std::vector<ReferenceThreads::Item> ReferenceThreads::sorted_top() const {
  std::vector<std::pair<Item, Item>> top;  // its first message, and itself
  for (Item item = 0; item < parents_.size(); item++) {
    if (parents_[item] != kNone || (!is_message(item) && children_of_dummy(item).empty())) continue;
    top.emplace_back(first_of(item), item);
  }
  std::sort(top.begin(), top.end(),
            [this](const auto& a, const auto& b) { return is_before(a.first, b.first); });
  std::vector<Item> items;
  items.reserve(top.size());
  for (const auto& [first, item] : top) items.push_back(item);
  return items;
}

// Step 5.C, behind (iv).
void ReferenceThreads::merge_into(Item& known, Item current) {
  if (!is_message(known)) {
    std::vector<Item> moved;
    if (is_message(current)) {
      moved = {current};
    } else {
      moved.swap(children_of_dummy(current));
    }
    for (const Item item : moved) parents_[item] = known;
    std::vector<Item>& children = children_of_dummy(known);
    children.insert(children.end(), moved.begin(), moved.end());
  } else if (is_reply(current) && !is_reply(known)) {
    parents_[current] = known;
  } else {
    known = add_dummy({known, current});
  }
}

void ReferenceThreads::merge() {
  const std::vector<Item> top = sorted_top();
  ByText<Item> table;
  std::vector<const std::string*> subjects;  // of the threads: merging must not change them
  for (const Item current : top) {
    const std::string& subject = *subjects.emplace_back(&subject_of(current));
    if (subject.empty()) continue;
    const auto [place, fresh] = table.add(subject, current);
    Item& known = *place;
    if (fresh || !is_message(known)) continue;
    if (!is_message(current) || (is_reply(known) && !is_reply(current))) known = current;
  }
  for (size_t i = 0; i < top.size(); i++) {
    if (subjects[i]->empty()) continue;
    Item& known = *table.find(*subjects[i]);
    if (known != top[i] && parents_[top[i]] == kNone) merge_into(known, top[i]);
  }
}

void ReferenceThreads::arrange() {
  struct Placed {
    Item parent, first, item;
  };
  std::vector<Placed> placed;
  for (Item item = 0; item < parents_.size(); item++) {
    if (!is_message(item) && children_of_dummy(item).empty()) continue;
    placed.push_back({parents_[item], first_of(item), item});
  }
  std::sort(placed.begin(), placed.end(), [this](const Placed& a, const Placed& b) {
    return a.parent != b.parent ? a.parent < b.parent : is_before(a.first, b.first);
  });
  ranges_.assign(parents_.size() + 1, {});
  order_.reserve(placed.size());
  for (const Placed& one : placed) {
    Range& range = ranges_[one.parent == kNone ? parents_.size() : one.parent];
    const auto at = static_cast<uint32_t>(order_.size());
    if (range.end == 0) range.begin = at;
    range.end = at + 1;
    order_.push_back(one.item);
  }
}

void ReferenceThreads::settle() {
  ReferenceThreads answer;
  answer.order_ = std::move(order_);
  answer.ranges_ = std::move(ranges_);
  answer.memory_ = answer.order_.size() * sizeof(Item) + answer.ranges_.size() * sizeof(Range);
  *this = std::move(answer);
}

std::span<const ReferenceThreads::Item> ReferenceThreads::top() const {
  return std::span(order_).subspan(ranges_.back().begin, ranges_.back().end - ranges_.back().begin);
}

std::span<const ReferenceThreads::Item> ReferenceThreads::children(Item item) const {
  return std::span(order_).subspan(ranges_[item].begin, ranges_[item].end - ranges_[item].begin);
}

}  // namespace posthouse::message
