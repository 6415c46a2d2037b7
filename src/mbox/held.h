// What a locked mbox consists of; shared by the files that scan, append, rewrite and recover.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mbox/file.h"
#include "mbox/journal.h"

namespace posthouse::mbox {

// Replaces the octets [begin, end) of the file.
struct Edit {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string text;
  bool same_length() const { return text.size() == end - begin; }
};

struct HeldImpl {
  std::string path;
  std::string journal_base;  // what its name begins with
  FileOptions options;
  Handle file;
  std::optional<DotlockFile> dotlock;
  bool writable = false;
  bool pending = false;                      // octets were appended and not committed
  bool settled = false;                      // they are complete, but for the flush
  bool dirty = false;                        // octets were written and not flushed
  uint64_t committed_size = 0;               // before what is pending
  mutable std::optional<Record> first_head;  // as head_at(0) gave it, as long as nothing but appends follow
  struct ::stat appended_to = {};            // the file before what is pending
  Handle append_journal;                     // of what is pending, or an empty one that is kept
  bool has_moved = false;                    // since it was opened, records came to stand elsewhere
  uint64_t appended_end = 0;                 // of the last record that was appended, with its blank line
  std::optional<Base> raised;                // the file's own data as it is to cover what is pending

  Disk& disk() const { return *options.disk; }
  // Where it can't be told whether the machine started anew, all appends are.
  bool announces() const { return options.announce_appends || disk().boot_id().empty(); }
  bool keeps_journal() const { return options.keep_journal && !announces(); }
  Result<struct ::stat> info() const;
  Result<uint64_t> size() const;
  // Calls `each` with the octets [begin, end), in pieces.
  Result<void> read_range(uint64_t begin, uint64_t end,
                          const std::function<Result<void>(std::string_view)>& each) const;
  // The same around what can't be read: NULs come in its place. Gives how many such places there were.
  Result<size_t> read_range_around(uint64_t begin, uint64_t end,
                                   const std::function<Result<void>(std::string_view)>& each) const;
  EndCheck end_check() const;

  // The record at `offset`, read as far as its header goes. `end` and what follows from the body are not set.
  // not_found when no From_ line stands there. `base` as a scan knows it.
  Result<Record> head_at(uint64_t offset) const;
  // Where the first From_ line begins that is at or behind `offset`, but not within the first line there; or
  // `end`.
  Result<uint64_t> record_from(uint64_t offset, uint64_t end) const;
  // The file's own data, from its first message.
  Result<std::optional<Base>> base() const;

  // One or more edits, in order and apart from each other: in place when each lies in one sector of the disk
  // (then they are flushed by sync()), else by way of a journal.
  Result<void> apply(std::vector<Edit> edits);
  Result<void> sync();

  // Says that a record is being written behind committed_size, at `record_start`, which begins with `first`.
  Result<void> begin_append(uint64_t record_start, std::string_view first);
  // Takes away what is not committed.
  Result<void> cut_back();
  // Writes `raised` where it belongs.
  Result<void> raise_base();
  // Makes what was appended stay: but for the flush, and with it.
  Result<void> settle();
  Result<void> commit();

  // Undoes or finishes what a crash interrupted.
  Result<void> recover();

 private:
  Result<void> end_append_journal();
  Result<Record> read_head(uint64_t offset) const;
  Result<void> apply_journaled(const std::vector<Edit>& edits, size_t first_shift);
  Result<void> write_tail(JournalWriter& writer, std::span<const Edit> edits, uint64_t size) const;
  Result<JournalHead> journal_head(JournalKind kind, uint64_t new_size, uint64_t first_change) const;
  Result<void> play(const Journal& journal, bool first_time);
  Result<bool> same_file(const JournalHead& head) const;
  Result<bool> guarded(const JournalHead& head) const;
  Result<void> recover_append(const Journal& journal);
  Result<void> recover_rewrite(Journal journal);
  Result<Digest> digest_of(uint64_t begin, uint64_t end) const;
  Result<uint64_t> added_from(const Journal& journal, uint64_t size) const;
  Result<bool> has_grown(const Journal& journal, uint64_t size) const;
  Result<Journal> with_added(const Journal& journal, uint64_t from, uint64_t to);
  Result<uint64_t> next_from_line(uint64_t offset, bool first_is_ours) const;
};

// Dovecot and mutt compare size and second: what was changed since `before` must show in one of them to all
// who looked in between.
void show_change(int fd, const struct ::stat& before);

// The edits that make `changes` true. `base` as for Held::rewrite.
Result<std::vector<Edit>> plan_edits(const HeldImpl& held, std::vector<Change> changes,
                                     std::optional<Base> base);

// The message itself, as it stands behind the file's own header.
struct Written {
  bool open = false;  // the last line lacks its end
  bool exact = true;
};
using PutText = std::function<Result<void>(std::string_view)>;
Result<Written> write_message(const PutText& write, const Source& source, std::string& first_octets);
// What stands before it. `first`: of the file.
std::string record_head(const Letter& letter, bool first);

}  // namespace posthouse::mbox
