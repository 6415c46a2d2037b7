// Trees that grow and come apart, and the root of each node, in logarithmic time whatever their depth:
// link-cut trees (Sleator and Tarjan, 1983) of which only roots are asked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace posthouse::message {

class LinkForest {
 public:
  using Node = uint32_t;
  static constexpr Node kNone = UINT32_MAX;

  Node add() {
    places_.emplace_back();
    return static_cast<Node>(places_.size() - 1);
  }
  Node root(Node node);
  // `child` is a root, and not that of `parent`.
  void link(Node child, Node parent);
  // Takes the node and all below it from its parent.
  void cut(Node node);

 private:
  // Of the splay tree of a path, ordered from the root downwards; the uppermost points to the path above.
  struct Place {
    Node up = kNone;
    std::array<Node, 2> down = {kNone, kNone};
  };

  bool is_uppermost(Node node) const;
  size_t side(Node node) const { return places_[places_[node].up].down[1] == node ? 1 : 0; }
  void rotate(Node node);
  void splay(Node node);
  void access(Node node);

  std::vector<Place> places_;
};

}  // namespace posthouse::message
