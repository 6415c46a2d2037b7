// What is done at the first opening after a crash.
#include <algorithm>

#include "mbox/held.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

Result<void> HeldImpl::recover() {
  if (keeps_journal()) {
    auto kept = open_empty_journal(disk(), journal_base);
    if (!kept) return std::unexpected(kept.error());
    append_journal = std::move(*kept);
    if (append_journal) return {};
  }
  auto journal = read_journal(disk(), journal_base);
  if (!journal) return std::unexpected(journal.error());
  if (!*journal)
    return discard_journal(disk(), journal_base, false);  // none, or one that never became complete
  const JournalHead& head = (*journal)->head;
  const auto same = same_file(head);
  if (!same) return std::unexpected(same.error());
  if (head.kind == JournalKind::append) {
    return *same ? recover_append(**journal) : discard_journal(disk(), journal_base, false);
  }
  const auto fitting = *same ? guarded(head) : same;
  if (!fitting) return std::unexpected(fitting.error());
  if (*fitting) return recover_rewrite(std::move(**journal));
  const std::string aside = journal_path(journal_base) + ".aside";
  if (auto moved = disk().rename(journal_path(journal_base), aside); !moved) return moved;
  return fail(FaultKind::corrupt,
              aside +
                  ": it was written for this mbox, which another program has changed since; "
                  "it holds what was to be written");
}

Result<bool> HeldImpl::same_file(const JournalHead& head) const {
  const auto now = info();
  if (!now) return std::unexpected(now.error());
  return head.device == now->st_dev && head.inode == now->st_ino;
}

// Whether the octets that the journal notes are where it says.
Result<bool> HeldImpl::guarded(const JournalHead& head) const {
  const auto length = static_cast<size_t>(std::min<uint64_t>(head.guard_length, 4096));
  const auto found = disk().read(file.get(), head.guard_from, length);
  if (!found) return std::unexpected(found.error());
  Hash hash;
  hash.update(*found);
  return found->size() == head.guard_length && hash.digest() == head.guard;
}

namespace {

// Where in `line` a From_ line begins. Another program may have put one behind a torn line without line end;
// that line may have ended with a '>', so that one which our own letter quotes counts as well: rather
// something of it stays than anything of another goes.
size_t from_line_within(std::string_view line) {
  for (size_t at = line.find("From "); at != std::string_view::npos; at = line.find("From ", at + 1)) {
    if (parse_from_line(line.substr(at))) return at;
  }
  return std::string_view::npos;
}

}  // namespace

// Where the first From_ line at or behind `offset` starts, or the end of the file. One there may be our own.
Result<uint64_t> HeldImpl::next_from_line(uint64_t offset, bool first_is_ours) const {
  const auto all = size();
  if (!all) return std::unexpected(all.error());
  constexpr size_t kSearched = 8 * kMaxFromLine;  // the end of a torn line, if it is long
  std::string line;
  uint64_t start = offset;
  uint64_t found = *all;
  uint64_t at = offset;
  const auto end_line = [&](size_t skip) {
    const size_t within = from_line_within(std::string_view(line).substr(std::min(skip, line.size())));
    if (found == *all && within != std::string_view::npos) found = start + skip + within;
  };
  const auto read = read_range(offset, *all, [&](std::string_view piece) -> Result<void> {
    for (char c : piece) {
      ++at;
      if (c == '\n') {
        end_line(first_is_ours && start == offset ? 1 : 0);
        line.clear();
        start = at;
      } else if (line.size() < kSearched) {
        line += c;
      } else {
        start += kSearched / 2;
        line.erase(0, kSearched / 2);
        line += c;
      }
    }
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return found;
}

// As long as the machine runs, everything that was written is there: then the journal means that an append
// was interrupted. After a power cut it may be older than the file, and messages that were committed since
// stand where it says that nothing was.
Result<void> HeldImpl::recover_append(const Journal& journal) {
  const auto all = size();
  if (!all) return std::unexpected(all.error());
  const uint64_t old_size = journal.head.old_size;
  const bool same_boot = journal.head.boot.empty() || journal.head.boot == disk().boot_id();
  const bool durable = journal.head.boot.empty();
  if (*all <= old_size || !same_boot) return discard_journal(disk(), journal_base, durable);
  const auto ours = guarded(journal.head);
  if (!ours) return std::unexpected(ours.error());
  const auto others = next_from_line(std::min(*all, std::max(old_size, journal.head.new_size)), *ours);
  if (!others) return std::unexpected(others.error());
  if (*others == *all) {
    if (auto cut = disk().resize(file.get(), old_size); !cut) return cut;
    if (auto synced = disk().sync(file.get()); !synced) return synced;
    return discard_journal(disk(), journal_base, durable);
  }
  return apply({Edit{old_size, *others, ""}});  // its journal takes the place of this one
}

// Octets that another program appended since the crash move along.
Result<void> HeldImpl::recover_rewrite(Journal journal) {
  const auto all = size();
  if (!all) return std::unexpected(all.error());
  const auto from = added_from(journal, *all);
  if (!from) return std::unexpected(from.error());
  if (*all <= *from) return play(journal, false);
  const auto longer = with_added(journal, *from, *all);
  if (!longer) return std::unexpected(longer.error());
  return play(*longer, false);
}

// Where octets of others begin: behind the old size or the new one, whichever the file had when it was
// interrupted.
Result<uint64_t> HeldImpl::added_from(const Journal& journal, uint64_t size) const {
  const JournalHead& head = journal.head;
  if (head.new_size < head.old_size) {
    if (size < head.old_size) return head.new_size;
    const auto there = digest_of(head.new_size, head.old_size);
    if (!there) return std::unexpected(there.error());
    return *there == head.cut ? head.old_size : head.new_size;
  }
  const auto grown = has_grown(journal, size);
  if (!grown) return std::unexpected(grown.error());
  return *grown ? head.new_size : head.old_size;
}

// Growing comes first and leaves nothing but zeros, which then become what the journal has.
Result<bool> HeldImpl::has_grown(const Journal& journal, uint64_t size) const {
  const JournalHead& head = journal.head;
  if (size < head.new_size || head.new_size == head.old_size || journal.segments.empty())
    return size >= head.new_size;
  const Segment& tail = journal.segments.back();
  if (tail.offset > head.old_size) return true;  // never written so
  const auto length = static_cast<size_t>(std::min<uint64_t>(head.new_size - head.old_size, kPiece));
  const auto now = disk().read(file.get(), head.old_size, length);
  if (!now) return std::unexpected(now.error());
  const auto wanted = disk().read(journal.file.get(), tail.at + (head.old_size - tail.offset), length);
  if (!wanted) return std::unexpected(wanted.error());
  for (size_t i = 0; i < std::min(now->size(), wanted->size()); ++i) {
    if ((*now)[i] != '\0' && (*now)[i] != (*wanted)[i]) return false;
  }
  return true;
}

Result<Journal> HeldImpl::with_added(const Journal& journal, uint64_t from, uint64_t to) {
  JournalHead head = journal.head;
  head.old_size = to;
  head.new_size += to - from;
  const auto cut = digest_of(head.new_size, head.old_size);
  if (!cut) return std::unexpected(cut.error());
  head.cut = *cut;
  auto writer = JournalWriter::create(disk(), journal_base, head);
  if (!writer) return std::unexpected(writer.error());
  for (const Segment& segment : journal.segments) {
    Result<void> step = writer->segment(segment.offset, segment.length);
    for (uint64_t done = 0; step && done < segment.length;) {
      const auto piece = disk().read(journal.file.get(), segment.at + done,
                                     static_cast<size_t>(std::min<uint64_t>(segment.length - done, kPiece)));
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) return fail(FaultKind::io, journal_path(journal_base) + ": it became shorter");
      step = writer->data(*piece);
      done += piece->size();
    }
    if (!step) return std::unexpected(step.error());
  }
  Result<void> step = writer->segment(journal.head.new_size, to - from);
  if (step) step = read_range(from, to, [&](std::string_view piece) { return writer->data(piece); });
  if (!step) return std::unexpected(step.error());
  return writer->finish();
}

}  // namespace posthouse::mbox
