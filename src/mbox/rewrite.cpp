// From changes of messages to edits of the file.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/ascii.h"
#include "mbox/held.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

// The header of one record, and the edits that give it new values.
class HeadEditor {
 public:
  HeadEditor(const HeldImpl& held, Record record) : held_(held), record_(std::move(record)) {}

  // Keeps every octet where it is; nothing when something does not fit or has no line yet.
  Result<std::optional<std::vector<Edit>>> in_place(const Metadata* metadata, const Base* base) const {
    std::vector<Edit> edits;
    std::vector<std::pair<Field, std::string>> wanted;
    if (base != nullptr) wanted.emplace_back(record_.pseudo ? Field::imap : Field::base, base_value(*base));
    if (metadata != nullptr) {
      wanted.emplace_back(Field::uid, metadata->uid == 0 ? "" : std::to_string(metadata->uid));
      wanted.emplace_back(Field::status, status_value(metadata->flags));
      wanted.emplace_back(Field::x_status, x_status_value(metadata->flags));
      wanted.emplace_back(Field::keywords, keywords_value(metadata->keywords));
    }
    for (const auto& [field, value] : wanted) {
      auto edit = fit(field, value);
      if (!edit) return std::unexpected(edit.error());
      if (!edit->fits) return std::nullopt;
      if (edit->edit) edits.push_back(std::move(*edit->edit));
    }
    std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    return edits;
  }

  // New lines behind the From_ line; the old ones go.
  std::vector<Edit> anew(const Metadata& metadata, const Base* base) const {
    std::vector<Edit> edits;
    edits.push_back({record_.start, record_.start, metadata_block(metadata, base)});
    bool removing = false;
    for (const HiddenLine& line : record_.hidden) {
      if (!line.continues) removing = is_ours(line.field);
      if (removing) edits.push_back({line.offset, line.offset + line.length, ""});
    }
    return edits;
  }

 private:
  struct Fit {
    bool fits = false;
    std::optional<Edit> edit;
  };

  static bool is_ours(Field field) {
    return field == Field::status || field == Field::x_status || field == Field::keywords ||
           field == Field::uid || field == Field::base;
  }

  Result<Fit> fit(Field field, const std::string& value) const {
    const HiddenLine* found = nullptr;
    for (size_t i = 0; i < record_.hidden.size(); ++i) {
      const HiddenLine& line = record_.hidden[i];
      if (line.continues || line.field != field) continue;
      const bool continued = i + 1 < record_.hidden.size() && record_.hidden[i + 1].continues;
      if (found != nullptr || continued) return Fit{};
      found = &line;
    }
    if (found == nullptr) return Fit{value.empty(), std::nullopt};
    if (found->length > kMaxHeaderLine) return Fit{};
    const auto now = held_.disk().read(held_.file.get(), found->offset, static_cast<size_t>(found->length));
    if (!now) return std::unexpected(now.error());
    const size_t colon = now->find(':');
    const size_t end = std::min(now->find_first_of("\r\n"), now->size());
    if (colon == std::string::npos || colon > end) return Fit{};
    const size_t room = end - colon - 1;
    std::string text = value.empty() ? "" : " " + value;
    if (text.size() > room) return Fit{};
    text.resize(room, ' ');
    const uint64_t at = found->offset + colon + 1;
    return Fit{true, Edit{at, at + room, std::move(text)}};
  }

  const HeldImpl& held_;
  const Record record_;
};

// What a record says of itself, as far as it may be believed.
Metadata own_metadata(const Record& record, const std::optional<Base>& base) {
  Metadata metadata = record.metadata;
  metadata.uid = base && record.claimed_uid <= base->last_uid ? record.claimed_uid : 0;
  return metadata;
}

Result<void> check_removal(const HeldImpl& held, const Record& record, const Change& change, uint64_t size) {
  if (record.pseudo) return fail(FaultKind::policy, held.path + ": the first message is c-client's own");
  if (change.next <= change.offset || change.next > size) {
    return fail(FaultKind::not_found, held.path + ": the message ends elsewhere");
  }
  if (change.next == size) return {};
  const auto next = held.head_at(change.next);
  if (!next) return std::unexpected(next.error());
  return {};
}

// The first message that stays, when the one at the start goes: the file's own data moves there.
uint64_t first_kept(const std::vector<Change>& changes) {
  uint64_t at = 0;
  for (const Change& change : changes) {
    if (change.offset != at || !change.remove) break;
    at = change.next;
  }
  return at;
}

struct Plan {
  const HeldImpl& held;
  uint64_t size = 0;
  uint64_t first = 0;  // of the message that keeps the file's own data
  std::optional<Base> old_base;
  std::optional<Base> base;  // that it is to keep
  bool base_changes = false;
  std::vector<Edit> edits;
};

Result<void> plan_kept(Plan& plan, const Record& record, const Metadata* metadata) {
  const bool is_first = record.offset == plan.first;
  const Base* base = is_first && plan.base && (plan.base_changes || plan.first != 0) ? &*plan.base : nullptr;
  const HeadEditor editor(plan.held, record);
  if (!is_first || plan.first == 0) {
    auto small = editor.in_place(metadata, base);
    if (!small) return std::unexpected(small.error());
    if (*small) {
      std::move((*small)->begin(), (*small)->end(), std::back_inserter(plan.edits));
      return {};
    }
  }
  if (record.pseudo)
    return fail(FaultKind::permanent, plan.held.path + ": c-client's own message has no room");
  const Base* kept = is_first && plan.base ? &*plan.base : nullptr;
  // Where the file lost its own data (mutt), the UIDs are those of the data that it gets again.
  const Metadata own = own_metadata(record, plan.old_base ? plan.old_base : plan.base);
  auto lines = editor.anew(metadata != nullptr ? *metadata : own, kept);
  std::move(lines.begin(), lines.end(), std::back_inserter(plan.edits));
  return {};
}

Result<void> plan_change(Plan& plan, const Change& change) {
  const auto record = plan.held.head_at(change.offset);
  if (!record) return std::unexpected(record.error());
  if (!change.remove) return plan_kept(plan, *record, &change.metadata);
  if (auto good = check_removal(plan.held, *record, change, plan.size); !good) return good;
  plan.edits.push_back({change.offset, change.next, ""});
  return {};
}

}  // namespace

Result<std::vector<Edit>> plan_edits(const HeldImpl& held, std::vector<Change> changes,
                                     std::optional<Base> base) {
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < changes.size(); ++i) {
    const Change& before = changes[i - 1];
    if (changes[i].offset == before.offset || (before.remove && changes[i].offset < before.next)) {
      return fail(FaultKind::permanent, held.path + ": two changes of one message");
    }
  }
  const auto size = held.size();
  if (!size) return std::unexpected(size.error());
  if (*size == 0) return std::vector<Edit>();
  const auto old_base = held.base();
  if (!old_base) return std::unexpected(old_base.error());
  Plan plan{held, *size, first_kept(changes), *old_base, base ? base : *old_base, base.has_value(), {}};
  for (const Change& change : changes) {
    if (!change.remove && plan.base && cover(*plan.base, change.metadata)) plan.base_changes = true;
  }
  bool first_done = plan.first >= *size || (plan.first == 0 && !plan.base_changes);
  for (const Change& change : changes) {
    if (!first_done && change.offset > plan.first) {
      const auto record = held.head_at(plan.first);
      if (!record) return std::unexpected(record.error());
      if (auto kept = plan_kept(plan, *record, nullptr); !kept) return std::unexpected(kept.error());
      first_done = true;
    }
    first_done = first_done || change.offset == plan.first;
    if (auto planned = plan_change(plan, change); !planned) return std::unexpected(planned.error());
  }
  if (!first_done) {
    const auto record = held.head_at(plan.first);
    if (!record) return std::unexpected(record.error());
    if (auto kept = plan_kept(plan, *record, nullptr); !kept) return std::unexpected(kept.error());
  }
  return std::move(plan.edits);
}

// A size may come again once the file has become shorter, so then the second must be a new one; and no second
// may come again, either.
void show_change(int fd, const struct ::stat& before) {
  struct ::stat now = {};
  if (::fstat(fd, &now) != 0) return;
  const time_t wanted = before.st_mtim.tv_sec + (now.st_size > before.st_size ? 0 : 1);
  if (now.st_mtim.tv_sec >= wanted) return;
  struct timespec times[2] = {{0, UTIME_OMIT}, {wanted, now.st_mtim.tv_nsec}};
  static_cast<void>(::futimens(fd, times));
}

Result<bool> Held::rewrite(std::span<const Change> changes, const std::optional<Base>& base) {
  if (!impl_->writable) return fail(FaultKind::policy, impl_->path + ": opened for reading");
  if (auto committed = impl_->commit(); !committed) return std::unexpected(committed.error());
  auto edits = plan_edits(*impl_, {changes.begin(), changes.end()}, base);
  if (!edits) return std::unexpected(edits.error());
  const bool edits_empty = edits->empty();
  const auto before = impl_->info();
  if (!before) return std::unexpected(before.error());
  const bool moved = !std::ranges::all_of(*edits, &Edit::same_length);
  if (auto applied = impl_->apply(std::move(*edits)); !applied) return std::unexpected(applied.error());
  if (auto synced = impl_->sync(); !synced) return std::unexpected(synced.error());
  if (!edits_empty) show_change(impl_->file.get(), *before);
  return moved;
}

}  // namespace posthouse::mbox
