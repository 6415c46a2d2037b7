// PATH.posthouse-journal: what is being done to an mbox, so that it can be finished or undone after a crash.
// docs/formats/mbox.md has its layout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mbox/disk.h"
#include "mbox/hash.h"

namespace posthouse::mbox {

std::string journal_path(const std::string& mbox);

enum class JournalKind : uint32_t {
  append =
      1,  // octets are added behind old_size: cut them off. Not flushed; only good while boot is the same
  rewrite = 2,  // the segments are written in place and the size set: do it again. Complete as soon as it has
                // its name
};

struct JournalHead {
  JournalKind kind = JournalKind::append;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t old_size = 0;
  uint64_t new_size = 0;    // of an append: where its last record starts
  uint64_t guard_from = 0;  // of a rewrite: octets that it leaves alone, just before its first change; of an
                            // append: the first octets of its last record
  uint64_t guard_length = 0;
  Digest guard = {};
  Digest cut = {};  // of the octets that stood between new_size and old_size, where the file becomes shorter
  std::string boot;
};

struct Segment {
  uint64_t offset = 0;  // in the mbox
  uint64_t length = 0;
  uint64_t at = 0;  // of its octets, in the journal
};

struct Journal {
  JournalHead head;
  std::vector<Segment> segments;
  Handle file;
};

// Writes a journal under another name and gives it its own when it is complete and on disk.
class JournalWriter {
 public:
  static Result<JournalWriter> create(Disk& disk, const std::string& mbox, const JournalHead& head);
  ~JournalWriter();
  JournalWriter(JournalWriter&&) = default;
  JournalWriter& operator=(JournalWriter&&) = delete;

  Result<void> segment(uint64_t offset, uint64_t length);  // then exactly `length` octets
  Result<void> data(std::string_view bytes);
  Result<Journal> finish();

 private:
  JournalWriter(Disk& disk, std::string mbox, Handle file, JournalHead head);
  Result<void> put(std::string_view bytes);
  Result<void> flush();

  Disk* disk_;
  std::string mbox_;
  Handle file_;
  Journal journal_;
  uint64_t position_ = 0;
  std::string buffer_;
  Hash hash_;
  bool finished_ = false;
};

std::string encode(const JournalHead& head);

// Says that an append begins. For each further record the head at its beginning is written anew, which is not
// flushed.
Result<Handle> begin_append_journal(Disk& disk, const std::string& mbox, const JournalHead& head);

// An empty one of ours, to be used again; an empty handle where there is none, or something is in it.
Result<Handle> open_empty_journal(Disk& disk, const std::string& mbox);

// Nothing when there is none or when it never became complete; the caller removes it then. Refuses (policy)
// what is no regular file of ours.
Result<std::optional<Journal>> read_journal(Disk& disk, const std::string& mbox);

// So that not even a name that comes back after a power cut brings it back.
Result<void> discard_journal(Disk& disk, const std::string& mbox, bool durable);

}  // namespace posthouse::mbox
