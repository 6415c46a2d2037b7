// Accounts that keep their mail in files which other programs read and change as well (Maildir, mbox). The
// store is their index: UIDs, flags, MODSEQs, summaries. Whoever implements Files keeps index and files in
// step; the store tells it what it changed through the account's outbox (EffectRow), whose rows are written
// in the same transaction as the change itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "store/types.h"

namespace posthouse::store {

enum class Format : uint8_t { database, maildir, mbox };

std::string_view to_string(Format format);
Result<Format> parse_format(std::string_view name);  // syntax

// Where the files of an account are; absolute paths.
struct FilePlace {
  Format format = Format::database;
  std::string inbox;    // maildir: its root, which is INBOX as well; mbox: the file of INBOX
  std::string folders;  // mbox: the folder with the files of the other mailboxes
};

// Of messages that are not in the files yet, the location that they will have there; "" where none can be
// told, as nobody can read their bytes.
using PlacesToBe = std::map<Uid, std::string>;

// Thread-safe; every task comes back on its caller's executor.
class Files {
 public:
  virtual ~Files() = default;

  // Whether the account is one of ours. Cheap.
  virtual bool keeps(AccountId account) const = 0;
  // Whether the files of a format have room for a mailbox of that name; syntax says why not.
  virtual Result<void> check_name(Format format, const std::string& mailbox) const;
  // An account that was just made.
  virtual void adopt(AccountId account) = 0;
  // An account that goes back to the database. Takes in what others did, and then, while nobody else carries
  // out or looks, calls `last`; after its success the account is none of ours any more.
  virtual Task<Result<void>> leave(AccountId account, std::function<Task<Result<void>>()> last) = 0;

  // Does in the files what the outbox says, and returns when that is on disk. What can't be done now (a full
  // disk, missing rights) stays in the outbox and is tried again: the store has it, so nothing is lost.
  virtual Task<Result<void>> carry_out(AccountId account) = 0;
  // The same for `changes` that are told as done once they are in the index, such as flags: the outbox makes
  // sure of them. Comes back at once where somebody is there to carry them out behind it, soon, and not much
  // waits yet.
  virtual Task<Result<void>> follow(AccountId account, size_t changes);
  // The same by and by, for callers that do not wait.
  virtual void carry_out_soon(AccountId account) = 0;
  // Of all `uids` that are not in the files; hidden ones too.
  virtual Task<Result<PlacesToBe>> places_to_be(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  // Takes in what others did: which mailboxes there are, or what is in one of them.
  virtual Task<Result<void>> look(AccountId account) = 0;
  virtual Task<Result<void>> look(AccountId account, MailboxId mailbox) = 0;

  // Bytes of a message that is in a file, as IMAP counts them (with CRLF). `not_found` when it is gone.
  virtual Task<Result<std::string>> read(AccountId account, MailboxId mailbox, Uid uid, uint64_t offset,
                                         uint64_t length) = 0;
  // Up to `most` bytes of each of several messages, from its beginning on. Fails with the first that fails.
  virtual Task<Result<std::vector<std::string>>> read_beginnings(AccountId account, MailboxId mailbox,
                                                                 std::vector<Uid> uids, uint64_t most);
};

}  // namespace posthouse::store
