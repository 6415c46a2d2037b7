#include "mbox/held.h"

#include <algorithm>

#include "mbox/limits.h"

namespace posthouse::mbox {

Result<struct ::stat> HeldImpl::info() const {
  struct ::stat info = {};
  if (::fstat(file.get(), &info) < 0) return disk_fault(path, errno);
  return info;
}

Result<uint64_t> HeldImpl::size() const {
  const auto now = info();
  if (!now) return std::unexpected(now.error());
  return static_cast<uint64_t>(now->st_size);
}

Result<void> HeldImpl::read_range(uint64_t begin, uint64_t end,
                                  const std::function<Result<void>(std::string_view)>& each) const {
  while (begin < end) {
    const auto piece =
        disk().read(file.get(), begin, static_cast<size_t>(std::min<uint64_t>(end - begin, kPiece)));
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(FaultKind::io, path + ": it became shorter while it was read");
    if (auto taken = each(*piece); !taken) return taken;
    begin += piece->size();
  }
  return {};
}

Result<size_t> HeldImpl::read_range_around(uint64_t begin, uint64_t end,
                                           const std::function<Result<void>(std::string_view)>& each) const {
  size_t holes = 0;
  size_t some = kPiece;
  while (begin < end) {
    const size_t length = std::min<uint64_t>(some - begin % some, end - begin);
    auto piece = disk().read(file.get(), begin, length);
    if (!piece && some > kHole) {
      some = kHole;
      continue;
    }
    if (!piece && ++holes > kMaxHoles) return std::unexpected(piece.error());
    if (!piece) piece = std::string(length, '\0');
    if (piece->empty()) return fail(FaultKind::io, path + ": it became shorter while it was read");
    if (auto taken = each(*piece); !taken) return std::unexpected(taken.error());
    begin += piece->size();
    if (begin % kPiece == 0) some = kPiece;
  }
  return holes;
}

EndCheck HeldImpl::end_check() const {
  return [this](uint64_t offset) {
    return next_record_at(
        offset, [this](uint64_t at, size_t n) { return disk().read(file.get(), at, n).value_or(""); });
  };
}

Result<Record> HeldImpl::head_at(uint64_t offset) const {
  if (offset != 0) return read_head(offset);
  if (!first_head) {
    auto head = read_head(0);
    if (!head) return head;
    first_head = std::move(*head);
  }
  return *first_head;
}

Result<Record> HeldImpl::read_head(uint64_t offset) const {
  const auto all = size();
  if (!all) return std::unexpected(all.error());
  std::optional<Record> whole;
  Scanner scanner([&](Record&& record) { whole = whole ? std::move(whole) : std::move(record); }, {},
                  {offset, {}, 0});
  constexpr size_t kSmall = 4096;
  for (uint64_t at = offset; at < *all && scanner.in_header() && !whole;) {
    const auto piece = disk().read(file.get(), at, kSmall);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (!scanner.feed(*piece)) return fail(FaultKind::not_found, path + ": no message starts there");
    at += piece->size();
  }
  if (!whole && scanner.in_header() && !scanner.finish()) {
    return fail(FaultKind::not_found, path + ": no message starts there");
  }
  if (whole) return *whole;
  if (scanner.in_header()) return fail(FaultKind::not_found, path + ": no message starts there");
  return scanner.current();
}

Result<uint64_t> HeldImpl::record_from(uint64_t offset, uint64_t end) const {
  constexpr std::string_view kStart = "\nFrom ";
  if (offset == 0) return offset;
  while (offset < end) {
    const auto piece =
        disk().read(file.get(), offset, static_cast<size_t>(std::min<uint64_t>(end - offset, kPiece)));
    if (!piece) return std::unexpected(piece.error());
    const bool last = offset + piece->size() >= end;
    for (size_t at = piece->find(kStart); at != std::string::npos; at = piece->find(kStart, at + 1)) {
      const std::string_view line = std::string_view(*piece).substr(at + 1, kMaxFromLine);
      if (parse_from_line(line.substr(0, line.find_first_of("\r\n")))) return offset + at + 1;
    }
    if (last || piece->size() <= kMaxFromLine + kStart.size()) break;
    offset += piece->size() - kMaxFromLine - kStart.size();  // a line that lies in two pieces
  }
  return end;
}

Result<std::optional<Base>> HeldImpl::base() const {
  const auto all = size();
  if (!all) return std::unexpected(all.error());
  if (*all == 0) return std::nullopt;
  const auto head = head_at(0);
  if (!head) return fail(FaultKind::syntax, path + ": not an mbox: it does not begin with a From_ line");
  return head->base;
}

Result<void> HeldImpl::sync() {
  if (!dirty) return {};
  if (auto synced = disk().sync(file.get()); !synced) return synced;
  dirty = false;
  return {};
}

namespace {

// The part of an edit that differs from what is there.
Edit trimmed(Edit edit, std::string_view now) {
  size_t front = 0;
  while (front < now.size() && now[front] == edit.text[front]) ++front;
  size_t back = now.size();
  while (back > front && now[back - 1] == edit.text[back - 1]) --back;
  edit.text = edit.text.substr(front, back - front);
  edit.end = edit.begin + back;
  edit.begin += front;
  return edit;
}

bool in_one_sector(const Edit& edit) {
  return edit.begin / kSector == (edit.end - 1) / kSector;
}

}  // namespace

// A disk writes a sector whole or not at all, and a signal ends no write within a page: so what lies in one
// sector is there or not, and each of these edits leaves a good file by itself.
Result<void> HeldImpl::apply(std::vector<Edit> edits) {
  first_head.reset();
  std::vector<Edit> todo;
  size_t first_shift = SIZE_MAX;
  bool small = true;
  for (Edit& edit : edits) {
    if (edit.same_length() && first_shift == SIZE_MAX) {
      const auto now = disk().read(file.get(), edit.begin, edit.text.size());
      if (!now) return std::unexpected(now.error());
      if (now->size() != edit.text.size()) return fail(FaultKind::io, path + ": it became shorter");
      edit = trimmed(std::move(edit), *now);
      if (edit.text.empty()) continue;
      small = small && in_one_sector(edit);
    } else if (first_shift == SIZE_MAX) {
      first_shift = todo.size();
    }
    todo.push_back(std::move(edit));
  }
  if (todo.empty()) return {};
  if (first_shift != SIZE_MAX || !small) return apply_journaled(todo, std::min(first_shift, todo.size()));
  for (const Edit& edit : todo) {
    dirty = true;
    if (auto written = disk().write(file.get(), edit.begin, edit.text); !written) return written;
  }
  return {};
}

Result<JournalHead> HeldImpl::journal_head(JournalKind kind, uint64_t new_size, uint64_t first_change) const {
  const auto now = info();
  if (!now) return std::unexpected(now.error());
  JournalHead head;
  head.kind = kind;
  head.device = now->st_dev;
  head.inode = now->st_ino;
  head.old_size = static_cast<uint64_t>(now->st_size);
  head.new_size = new_size;
  head.guard_length = std::min<uint64_t>(first_change, 4096);
  head.guard_from = first_change - head.guard_length;
  const auto guard = disk().read(file.get(), head.guard_from, head.guard_length);
  if (!guard) return std::unexpected(guard.error());
  Hash hash;
  hash.update(*guard);
  head.guard = hash.digest();
  if (kind == JournalKind::append) return head;
  const auto cut = digest_of(new_size, head.old_size);
  if (!cut) return std::unexpected(cut.error());
  head.cut = *cut;
  return head;
}

Result<Digest> HeldImpl::digest_of(uint64_t begin, uint64_t end) const {
  Hash hash;
  const auto read = read_range(begin, end, [&](std::string_view piece) -> Result<void> {
    hash.update(piece);
    return {};
  });
  if (!read) return std::unexpected(read.error());
  return hash.digest();
}

// From the first edit that moves what is behind it, everything up to the end is written anew.
Result<void> HeldImpl::write_tail(JournalWriter& writer, std::span<const Edit> edits, uint64_t size) const {
  uint64_t at = edits.front().begin;
  const auto copy = [&](uint64_t end) {
    return read_range(at, end, [&](std::string_view piece) { return writer.data(piece); });
  };
  for (const Edit& edit : edits) {
    if (auto copied = copy(edit.begin); !copied) return copied;
    if (auto put = writer.data(edit.text); !put) return put;
    at = edit.end;
  }
  return copy(size);
}

Result<void> HeldImpl::apply_journaled(const std::vector<Edit>& edits, size_t first_shift) {
  if (auto flushed = commit(); !flushed) return flushed;  // there is one journal only
  const auto old_size = size();
  if (!old_size) return std::unexpected(old_size.error());
  uint64_t new_size = *old_size;
  for (const Edit& edit : edits) new_size = new_size - (edit.end - edit.begin) + edit.text.size();
  const auto head = journal_head(JournalKind::rewrite, new_size, edits.front().begin);
  if (!head) return std::unexpected(head.error());
  append_journal.reset();  // that of the rewrite takes its place
  auto writer = JournalWriter::create(disk(), journal_base, *head);
  if (!writer) return std::unexpected(writer.error());
  for (size_t i = 0; i < first_shift; ++i) {
    Result<void> step = writer->segment(edits[i].begin, edits[i].text.size());
    if (step) step = writer->data(edits[i].text);
    if (!step) return step;
  }
  if (first_shift < edits.size()) {
    const std::span<const Edit> tail(edits.begin() + static_cast<ptrdiff_t>(first_shift), edits.end());
    Result<void> step = writer->segment(tail.front().begin, new_size - tail.front().begin);
    if (step) step = write_tail(*writer, tail, *old_size);
    if (!step) return step;
  }
  const auto journal = writer->finish();
  if (!journal) return std::unexpected(journal.error());
  has_moved = has_moved || first_shift < edits.size();
  return play(*journal, true);
}

// The size grows first, filled with nothing, so that a crash leaves it at one of two values and what others
// append then can be told from ours. A new journal that finds no room goes away again: the file is as it was.
Result<void> HeldImpl::play(const Journal& journal, bool first_time) {
  const auto now = size();
  if (!now) return std::unexpected(now.error());
  if (*now < journal.head.new_size) {
    Result<void> grown = disk().reserve(file.get(), *now, journal.head.new_size);
    if (grown) grown = disk().resize(file.get(), journal.head.new_size);
    if (!grown) {
      if (first_time) static_cast<void>(discard_journal(disk(), journal_base, true));
      return grown;
    }
  }
  for (const Segment& segment : journal.segments) {
    for (uint64_t done = 0; done < segment.length;) {
      const auto piece = disk().read(journal.file.get(), segment.at + done,
                                     static_cast<size_t>(std::min<uint64_t>(segment.length - done, kPiece)));
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) return fail(FaultKind::io, journal_path(journal_base) + ": it became shorter");
      if (auto written = disk().write(file.get(), segment.offset + done, *piece); !written) return written;
      done += piece->size();
    }
    if (dotlock) dotlock->touch();
  }
  if (*now > journal.head.new_size) {
    if (auto cut = disk().resize(file.get(), journal.head.new_size); !cut) return cut;
  }
  if (auto synced = disk().sync(file.get()); !synced) return synced;
  return discard_journal(disk(), journal_base, true);
}

}  // namespace posthouse::mbox
