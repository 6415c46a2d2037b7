// One mbox on disk, shared with other programs: locked as they lock it, changed so that a crash at any moment
// loses nothing. Blocking calls. A File may be used by several threads; what open() gives by one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mbox/disk.h"
#include "mbox/lock.h"
#include "mbox/scan.h"
#include "mbox/text.h"

namespace posthouse::mbox {

struct FileOptions {
  LockOptions lock;
  mode_t mode = 0660;  // of a file that is made; the umask applies
  Disk* disk = &system_disk();
  // What the journal's name begins with; empty: the file's own. For a file in a folder that we may not write.
  // All who use the file must name the same.
  std::string journal_base;
  // An append is announced on disk before it begins and taken back there when it is done: a power cut in
  // between leaves nothing of it. Without that it costs one flush a commit instead of four; SIGKILL still
  // leaves nothing, a power cut may leave a torn message behind those that were committed: for those who know
  // what they were about to append, see cut_torn().
  bool announce_appends = true;
  // The journal of appends that are not announced stays where it is, empty, for the next one. For a name that
  // no program shows as a mailbox.
  bool keep_journal = false;
};

// What tells cheaply whether somebody changed the file.
struct State {
  bool exists = false;
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t changed = 0;  // as `modified`, but nobody sets it: Dovecot gives files times of whole seconds
  bool operator==(const State&) const = default;
};

// Where a scan ended: with it the next one reads only what was added since.
struct Known {
  State state;
  std::optional<Base> base;
  bool any = false;  // there was a record; the rest is about the last one
  uint64_t last_offset = 0;
  uint64_t last_end = 0;
  Digest last_raw = {};
  uint32_t uid_before_last = 0;
};

struct ScanResult {
  bool continued = false;  // only what came behind the known records was told
  Known known;
};

struct Letter {
  std::string sender;  // of the From_ line: the reverse-path
  int64_t time = 0;    // seconds since 1970: IMAP's INTERNALDATE
  Metadata metadata;
  std::optional<Base>
      base;  // for the first message of a file; later its UID and keywords are added as needed
};

// The next octets of a message with CRLF line ends; empty at its end. Valid until the next call.
using Source = std::function<Result<std::string_view>()>;

// One message that changes. `offset` and `next` as the scan under the same state told them.
struct Change {
  uint64_t offset = 0;
  uint64_t next = 0;
  bool remove = false;
  Metadata metadata;  // else: all of the new values
};

// What a letter's record will be, whatever the file. Reads all of it.
struct Form {
  Digest digest = {};
  bool exact = true;
};
Result<Form> form_of(const Source& source);

enum class Access { read, write };

class Held;
class Reader;
struct HeldImpl;

class File {
 public:
  explicit File(std::string path, FileOptions options = {});

  const std::string& path() const { return path_; }
  // Without lock: for polling.
  Result<State> state() const;
  // Locked, and with what a crash left undone done. For reading: shared, fcntl only. not_found when there is
  // no file (reading), else it is made. policy: a link, or no regular file. temporary: locked for too long.
  // corrupt: a journal that doesn't fit the file; it is set aside under the name the fault tells, and the
  // next open goes on.
  Result<Held> open(Access access) const;

 private:
  Result<Held> try_open(Access access, SteadyTime until) const;
  std::string path_;
  FileOptions options_;
};

class Held {
 public:
  ~Held();  // what was appended without commit() is cut off again; then unlocks
  Held(Held&&) noexcept;
  Held& operator=(Held&&) = delete;

  Result<State> state() const;

  // Tells all records, or with `known` only those behind it if the file only grew: then the last known record
  // stands at its place with its octets. Changes by others to earlier records in the same moment show in a
  // later full scan. syntax: not an mbox.
  Result<ScanResult> scan(const Scanner::Sink& sink, const Known* known = nullptr);

  // Tells the records of a file of which some parts can't be read: those in which such a part lies are told
  // with another digest, or as the end of the one before. For reading the others only.
  Result<State> scan_around(const Scanner::Sink& sink) const;

  // Whether records came to stand elsewhere since it was opened, by a rewrite() or because an append() needed
  // room for keywords in the file's own data.
  bool has_moved() const;
  // The file's own data as it stands in its first message.
  Result<std::optional<Base>> base() const;

  // The records from the first one on that begins within the last `octets` of the file, without knowing what
  // is before: their UIDs are claimed ones only, and what stands unquoted in a text that begins earlier may
  // be told as a record. For finding messages by their digests.
  Result<void> scan_end(uint64_t octets, const Scanner::Sink& sink) const;

  // After a rewrite() that moved nothing, of a file that was as `known`: what is known of it now. Reads the
  // last message only. Also after appends, when `known` has been told of the last of them.
  Result<Known> renew(const Known& known);

  // Adds a message at the end: "From " quoted (mboxrd), LF line ends, the file's own header fields left out
  // of the letter and written from its metadata. Gives the record as a scan would. Nothing of it stays when
  // it fails. Durable after commit(), which several may share.
  Result<Record> append(const Letter& letter, const Source& source);
  Result<void> commit();
  // Where appends are not announced: all but the flush of commit(), which must follow under the same lock.
  // What was appended is complete, and stays if the process is killed; a power cut may tear it. Elsewhere
  // nothing.
  Result<void> settle();
  // What was there before may be what a process wrote that was killed: the next commit() flushes that as
  // well.
  void doubt();
  // After a power cut, where appends are not announced: cuts off the end of the file if it is what append()
  // wrote of this letter, but not all of it: octets are missing at the end, or NULs stand in their place.
  // `source` gives the letter as often as it is called. True: something was cut off.
  Result<bool> cut_torn(const Letter& letter, const std::function<Source()>& source);

  // Durable when it returns. `base` replaces the file's, which comes to cover the new UIDs and keywords in
  // any case. Changes may be in any order. When messages move (one is removed, a header must grow), all is
  // done or nothing, whatever happens. Metadata that fits where it stands is changed there: after a crash
  // some of the lines may have their new values and others not, which doing it again mends. Gives whether
  // anything moved: else all records stand where they stood.
  Result<bool> rewrite(std::span<const Change> changes, const std::optional<Base>& base = std::nullopt);

  // The record must be of this state of the file. Fails with not_found when no message starts there.
  Result<Reader> reader(const Record& record);

 private:
  friend class File;
  explicit Held(std::unique_ptr<HeldImpl> impl);
  std::unique_ptr<HeldImpl> impl_;
};

// Reads one message as IMAP shows it. Forward reading costs the message once, however small the pieces; going
// back starts again. Holds two pieces in memory.
class Reader {
 public:
  // Fewer than `length` octets only at the end of the message.
  Result<std::string> read(uint64_t offset, size_t length);

 private:
  friend class Held;
  Reader(const HeldImpl& held, Record record);
  void restart();
  Result<void> advance();

  const HeldImpl* held_;  // the Held it came from must live
  std::shared_ptr<const Record> record_;
  std::unique_ptr<Decoder> decoder_;
  uint64_t position_ = 0;  // of the first octet of decoded_, in the message
  std::string decoded_;
};

}  // namespace posthouse::mbox
