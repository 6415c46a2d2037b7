// The queue against a plain model of it, over random histories.
#include <rapidcheck/gtest.h>

#include "unit/queue/house.h"

namespace posthouse::queue {
namespace {

struct ModelLetter {
  std::map<std::string, Recipient> recipients;
  std::optional<SystemTime> due() const {
    std::optional<SystemTime> out;
    for (const auto& [_, r] : recipients) {
      if (r.state == RecipientState::waiting && (!out || r.next_attempt < *out)) out = r.next_attempt;
    }
    return out;
  }
  bool finished() const {
    return std::none_of(recipients.begin(), recipients.end(), [](const auto& entry) {
      return entry.second.state == RecipientState::waiting || entry.second.state == RecipientState::held;
    });
  }
};

class Model {
 public:
  explicit Model(testing::House& house) : house_(house) {}

  void stage() {
    const LetterId id = ++last_id_;
    Letter letter = house_.letter(id, {"a@one.test"});
    if (*rc::gen::inRange(0, 2) == 1)
      letter.recipients.push_back(testing::waiting("b@two.test", house_.clock.now()));
    for (Recipient& r : letter.recipients) {
      r.next_attempt += seconds(*rc::gen::inRange(-20, 20));
      letters_[id].recipients[r.address] = r;
    }
    RC_ASSERT(house_.stage(letter).has_value());
  }

  void lease() {
    const size_t most = *rc::gen::inRange<size_t>(1, 4);
    const auto got = house_.lease(most);
    RC_ASSERT(got.size() <= most);
    size_t free = 0;
    for (const auto& [id, l] : letters_) {
      if (l.due() && *l.due() <= house_.clock.now() && !leased_.contains(id)) ++free;
    }
    RC_ASSERT(got.size() == std::min(most, free));
    for (const LetterId id : got) {
      RC_ASSERT(letters_.contains(id) && !leased_.contains(id));
      RC_ASSERT(*letters_[id].due() <= house_.clock.now());
      leased_.insert(id);
    }
  }

  void give_back() {
    if (leased_.empty()) return;
    const LetterId id = pick(leased_);
    house_.queue->give_back(id);
    leased_.erase(id);
  }

  // Half of the time of a leased letter, as the sender does.
  void record() {
    if (letters_.empty()) return;
    const LetterId id = !leased_.empty() && *rc::gen::inRange(0, 2) == 1 ? pick(leased_) : any_letter();
    if (!letters_.contains(id)) return;
    ModelLetter& letter = letters_[id];
    Queue::Outcome outcome;
    outcome.id = id;
    for (auto& [address, stored] : letter.recipients) {
      const bool open = stored.state == RecipientState::waiting || stored.state == RecipientState::held;
      if (!open || *rc::gen::inRange(0, 3) == 0) continue;
      Recipient r = stored;
      r.state = *rc::gen::element(RecipientState::waiting, RecipientState::delivered, RecipientState::failed);
      r.next_attempt = house_.clock.now() + seconds(*rc::gen::inRange(-5, 30));
      outcome.recipients.push_back(r);
      if (stored.state == RecipientState::held && r.state == RecipientState::waiting) r.state = stored.state;
      stored = r;
    }
    RC_ASSERT(house_.record(outcome).has_value());
    if (letter.finished()) letters_.erase(id);
  }

  void verb() {
    Filter filter;
    if (*rc::gen::inRange(0, 2) == 1) filter.domain = "two.test";
    if (*rc::gen::inRange(0, 2) == 1 && !letters_.empty()) filter.id = any_letter();
    const int which = *rc::gen::inRange(0, 4);
    size_t touched = 0;
    const SystemTime now = house_.clock.now();
    for (auto it = letters_.begin(); it != letters_.end();) {
      bool changed = false;
      for (auto& [address, r] : it->second.recipients) {
        if ((filter.id && *filter.id != it->first) || (!filter.domain.empty() && r.domain != filter.domain))
          continue;
        changed = apply(which, r, now) || changed;
      }
      if (changed) ++touched;
      it = it->second.finished() ? letters_.erase(it) : std::next(it);
    }
    const auto done = which == 0   ? house_.executor.run(house_.queue->hold(filter))
                      : which == 1 ? house_.executor.run(house_.queue->release(filter))
                      : which == 2 ? house_.executor.run(house_.queue->retry_now(filter))
                                   : house_.executor.run(house_.queue->remove(filter));
    RC_ASSERT(done.has_value());
    RC_ASSERT(*done == touched);
  }

  void restart() {
    house_.restart();
    leased_.clear();
  }

  void advance() { house_.clock.advance(seconds(*rc::gen::inRange(0, 15))); }

  void check() {
    std::vector<std::pair<SystemTime, LetterId>> expected;
    uint64_t waiting = 0;
    std::optional<SystemTime> next;
    for (const auto& [id, l] : letters_) {
      const auto due = l.due();
      if (!due) continue;
      ++waiting;
      if (*due <= house_.clock.now()) expected.emplace_back(*due, id);
      if (!leased_.contains(id) && (!next || *due < *next)) next = due;
    }
    std::sort(expected.begin(), expected.end());
    std::vector<LetterId> ids;
    for (const auto& [_, id] : expected) ids.push_back(id);
    RC_ASSERT(house_.due(1000) == ids);
    RC_ASSERT(house_.next_due() == next);
    const Queue::Totals totals = house_.totals();
    RC_ASSERT(totals.letters == letters_.size());
    RC_ASSERT(totals.waiting == waiting);
    RC_ASSERT(totals.set_aside == 0u);
    RC_ASSERT(house_.count_rows(kScheduleBegin, kScheduleEnd) == waiting);
  }

 private:
  static bool apply(int which, Recipient& r, SystemTime now) {
    const bool is_waiting = r.state == RecipientState::waiting;
    const bool is_held = r.state == RecipientState::held;
    if (which == 0 && is_waiting) r.state = RecipientState::held;
    if (which == 1 && is_held) r.state = RecipientState::waiting;
    if ((which == 1 && is_held) || (which == 2 && is_waiting)) r.next_attempt = now;
    if (which == 3 && (is_waiting || is_held)) r.state = RecipientState::failed;
    return which == 1 ? is_held : which == 3 ? is_waiting || is_held : is_waiting;
  }
  static LetterId pick(const std::set<LetterId>& from) {
    return *std::next(from.begin(), *rc::gen::inRange<long>(0, static_cast<long>(from.size())));
  }
  LetterId any_letter() {
    return std::next(letters_.begin(), *rc::gen::inRange<long>(0, static_cast<long>(letters_.size())))->first;
  }

  testing::House& house_;
  std::map<LetterId, ModelLetter> letters_;
  std::set<LetterId> leased_;
  LetterId last_id_ = 0;
};

RC_GTEST_PROP(QueueModel, EveryHistoryAgrees, ()) {
  testing::House house;
  Model model(house);
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::inRange(0, 12)) {
      case 0:
      case 1:
      case 2:
        model.stage();
        break;
      case 3:
      case 4:
        model.lease();
        break;
      case 5:
        model.give_back();
        break;
      case 6:
      case 7:
        model.record();
        break;
      case 8:
        model.verb();
        break;
      case 9:
        model.restart();
        break;
      default:
        model.advance();
        break;
    }
    model.check();
  }
}

}  // namespace
}  // namespace posthouse::queue
