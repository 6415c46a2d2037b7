#include "access/imap/recall.h"

#include "access/imap/view.h"

namespace posthouse::access::imap {

namespace {

constexpr size_t kPlace = 256;  // octets of one beside its key and value

}  // namespace

Recall::Key Recall::key_of(const View& view, std::string what) {
  return {view.account, view.mailbox, view.uid_validity, std::move(what)};
}

std::shared_ptr<const Recall::Kept> Recall::find_any(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(&key);
  if (found == by_key_.end()) return nullptr;
  places_.splice(places_.begin(), places_, found->second);
  return found->second->value;
}

void Recall::take_out(Places::iterator place, Places& out) {
  octets_ -= place->octets;
  by_key_.erase(&place->key);
  out.splice(out.end(), places_, place);
}

void Recall::keep(Key key, std::shared_ptr<const Kept> value, size_t octets) {
  octets += kPlace + key.what.size();
  Places out;  // goes behind the lock: it may be large
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(&key); known != by_key_.end()) take_out(known->second, out);
  if (octets > most_ / 2) return;
  while (octets_ + octets > most_) take_out(std::prev(places_.end()), out);
  places_.push_front({std::move(key), std::move(value), octets});
  by_key_.emplace(&places_.front().key, places_.begin());
  octets_ += octets;
}

size_t Recall::octets() const {
  const std::lock_guard lock(mutex_);
  return octets_;
}

size_t Recall::size() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

}  // namespace posthouse::access::imap
