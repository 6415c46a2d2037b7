// A format of files as the mirror works with it: the mailboxes of one account. All calls block, on the
// mirror's threads; one call at a time for an account, but open() and read_beginnings(), which may run beside
// any other, and place_to_be().
//
// A location says where a message is in the files: bytes that only the driver understands, kept in the index.
// It also tells which flags the file had when we last wrote or saw it, so that what others changed since can
// be told from what we are about to change.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "mbox/waiters.h"
#include "mirror/uid_plan.h"
#include "store/files.h"
#include "store/types.h"

namespace posthouse::mirror {

class Troubles;

// Bytes of a message, as IMAP counts them, up to `length` of them; fewer only at its end.
using Bytes = std::function<Result<std::string>(uint64_t offset, uint64_t length)>;

class Driver {
 public:
  virtual ~Driver() = default;

  // Whether calls may wait long for the locks of other programs; else they soon fail with `temporary`, and at
  // once where the last one did.
  virtual void be_patient(bool /*patient*/) {}

  // Where it tells what is wrong with files that are others' matter. Before any other call.
  virtual void tell_to(Troubles* /*troubles*/, store::AccountId /*account*/) {}

  // What makes or removes mailboxes is repeatable: what is so already is fine.
  virtual Result<void> make(const std::string& mailbox) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> erase(const std::string& mailbox) = 0;
  virtual Result<void> subscribe(const std::string& mailbox, bool subscribed) = 0;
  // Those that are there, INBOX too. Fails when the place itself is not there (a disk that is not mounted).
  struct Level {
    std::string name;
    bool only_holds = false;  // a level above others that can't hold messages itself, or can't be read
    bool unread = false;      // what is below can't be listed
  };
  virtual Result<std::vector<Level>> mailboxes() = 0;
  virtual Result<std::vector<std::string>> subscriptions() = 0;

  // Puts messages into a mailbox; on disk when it returns. One that is there already (a crash) is only found.
  struct Put {
    uint64_t delivery = 0;  // names the message for ever
    store::Uid uid = 0;
    uint32_t uid_validity = 0;  // of the mailbox
    SystemTime date{};
    store::FlagSet flags;
    Bytes bytes;
    uint64_t size = 0;
    bool again = false;    // it may be there already: look first
    std::string location;  // out
    bool exact = true;     // out: open() will give these very bytes
    Result<void> done;     // out
  };
  virtual void put(const std::string& mailbox, std::vector<Put>& messages) = 0;
  // The same, but it may be on disk only after flush(): until then it is there for everybody, and stays if we
  // are killed, and other programs can't change the mailbox. Whatever else is done to the mailbox flushes it.
  virtual void put_unflushed(const std::string& mailbox, std::vector<Put>& messages) {
    put(mailbox, messages);
  }
  virtual bool is_unflushed() { return false; }
  // Gives the mailboxes of which that failed: nothing of what was put is there then.
  virtual std::map<std::string, Fault> flush() { return {}; }
  // Put::exact of what was put earlier. Reads all of it.
  virtual Result<bool> would_be_exact(const Put& message) = 0;

  // Brings the flags of files to what the index has, but for what others changed since we last looked: that
  // is told in `now`. not_found when the message is gone.
  struct Change {
    std::string location;    // in and out
    store::FlagSet flags;    // wanted
    bool only_ours = false;  // nobody else's changes count: `now` is what is wanted
    store::Uid next = 0;     // the index has given all UIDs below: others may have named it anew above
    store::FlagSet now;      // out: what the file has
    Result<void> done;       // out
  };
  virtual void change(const std::string& mailbox, std::vector<Change>& messages) = 0;

  // Where put() will put it, or has, as far as remove() needs that. Reads the message, perhaps.
  virtual Result<std::string> place_to_be(const Put& message) = 0;

  // Those that are gone already are fine. `next`: as in Change. Where a location could be that of another
  // message, too, it is not one of those of `spared`.
  virtual Result<void> remove(const std::string& mailbox, const std::vector<std::string>& locations,
                              store::Uid next, const std::vector<std::string>& spared) = 0;

  // ---- what others did
  struct Known {
    store::Uid uid = 0;
    std::string location;
  };
  struct Look {
    struct Fresh {
      std::string location;
      store::FlagSet flags;
      SystemTime date{};
      store::Uid uid = 0;  // that the files say it has; 0: none
    };
    struct Changed {
      store::Uid uid = 0;
      std::string location;
      store::FlagSet added, removed;  // since `known`
    };
    std::vector<Fresh> fresh;  // in order of arrival
    std::vector<Changed> changed;
    std::vector<store::Uid> gone;
    std::string state;
    uint32_t uid_validity = 0;  // that the files say they have; 0: none
    store::Uid uid_next = 0;
    bool misnamed = false;  // the files say other UIDs than the index: note all of them
    // All messages in their order, where others may give them UIDs: see uid_plan.h.
    std::vector<NamedMessage> order;
  };
  // Whether nothing changed since Look::state was told. Cheap; false when in doubt.
  virtual Result<bool> is_same(const std::string& mailbox, const std::string& state) = 0;
  // That state in words which is_same() may be asked about after a restart, too: nothing that changed since
  // can look the same. Empty when it can't be known, or is too young.
  virtual Result<std::string> lasting(const std::string& mailbox, const std::string& state) = 0;
  virtual Result<Look> look(const std::string& mailbox, const std::vector<Known>& known) = 0;
  // The UIDs that messages got here, for the day when the index is lost. not_found: nothing was noted yet,
  // or too much; then again, with `all` of the mailbox.
  struct Uids {
    uint32_t uid_validity = 0;
    store::Uid uid_next = 0;
    std::vector<Known> given;  // rising
    bool all = false;
    size_t messages = 0;  // in the mailbox
  };
  virtual Result<void> note_uids(const std::string& mailbox, const Uids& uids) = 0;

  // The message's bytes, from the place where they are now.
  virtual Result<Bytes> open(const std::string& mailbox, const std::string& location) = 0;

  // The bytes of many small messages, in their order; one more than `size` of one that is larger by now. What
  // they have in common (a lock, a folder) is had once. Others wait for an mbox meanwhile: not too many.
  struct Wanted {
    std::string location;
    uint64_t size = 0;
  };
  virtual std::vector<Result<std::string>> read_all(const std::string& mailbox,
                                                    const std::vector<Wanted>& wanted);
  // Up to `most` bytes of each message, from its beginning on. Fails with the first that fails.
  virtual Result<std::vector<std::string>> read_beginnings(const std::string& mailbox,
                                                           const std::vector<std::string>& locations,
                                                           uint64_t most) = 0;

  // The location of a message that the files have under that UID; 0: under none that counts.
  virtual std::string named(const std::string& location, store::Uid) const { return location; }
  // What is left of a location when others flag the message, or move it to another mailbox.
  virtual std::string name_in(const std::string& location) = 0;

  // Whether note_uids() is wanted for what put() put there too: messages don't carry their UIDs themselves.
  virtual bool notes_own() const { return false; }
  // Folders and files to watch with inotify for changes to a mailbox.
  virtual std::vector<std::string> watched(const std::string& mailbox) = 0;
};

// `waiters` limits who may wait long for the locks of others; null: everybody.
std::unique_ptr<Driver> make_driver(const store::FilePlace& place, const Clock& clock, Random& random,
                                    mbox::Waiters* waiters);

// What the drivers share.
// The folders above `path` that are not there yet, for ourselves only.
Result<void> make_parents(const std::string& path);
// Of what makes mailboxes: what their names forbid stays so until something changes, and is `permanent`.
std::unexpected<Fault> final_fault(const Fault& fault);
store::FlagSet with_change(store::FlagSet flags, const store::FlagSet& added, const store::FlagSet& removed);
store::FlagSet difference(const store::FlagSet& from, const store::FlagSet& without);

}  // namespace posthouse::mirror
