#include "message/link_forest.h"

namespace posthouse::message {

bool LinkForest::is_uppermost(Node node) const {
  const Node up = places_[node].up;
  return up == kNone || (places_[up].down[0] != node && places_[up].down[1] != node);
}

void LinkForest::rotate(Node node) {
  const Node parent = places_[node].up;
  const Node above = places_[parent].up;
  const size_t from = side(node);
  const Node inner = places_[node].down[1 - from];
  if (!is_uppermost(parent)) places_[above].down[side(parent)] = node;
  places_[node].up = above;
  places_[node].down[1 - from] = parent;
  places_[parent].up = node;
  places_[parent].down[from] = inner;
  if (inner != kNone) places_[inner].up = parent;
}

void LinkForest::splay(Node node) {
  while (!is_uppermost(node)) {
    const Node parent = places_[node].up;
    if (!is_uppermost(parent)) rotate(side(node) == side(parent) ? parent : node);
    rotate(node);
  }
}

// Makes the way from the root to the node one path, with the node uppermost.
void LinkForest::access(Node node) {
  Node below = kNone;
  for (Node at = node; at != kNone; at = places_[at].up) {
    splay(at);
    places_[at].down[1] = below;
    below = at;
  }
  splay(node);
}

LinkForest::Node LinkForest::root(Node node) {
  access(node);
  Node at = node;
  while (places_[at].down[0] != kNone) at = places_[at].down[0];
  splay(at);
  return at;
}

void LinkForest::link(Node child, Node parent) {
  access(child);
  places_[child].up = parent;
}

void LinkForest::cut(Node node) {
  access(node);
  const Node above = std::exchange(places_[node].down[0], kNone);
  if (above != kNone) places_[above].up = kNone;
}

}  // namespace posthouse::message
